"""Random low-rank identities. They replace the weights of heads that are said to be like the identity.

There are several of each kind; `number` chooses one.
"""

from __future__ import annotations

import einops
import torch
from jaxtyping import Float
from torch import Tensor

from recint.domain import reference_of
from recint.model.interventions import head_outputs
from recint.model.transformer import Model, layer_norm
from recint.system.seeds import derive_seed

STAND_INS = 4  # claims take the mean over this many
FIT = 200  # number of reference recurrences for fitting the scale of a stand-in; it is judged on others


def low_rank_identity(
    *, heads: int, d_model: int, d_head: int, generator: torch.Generator
) -> tuple[Float[Tensor, "head d_model d_head"], Float[Tensor, "head d_head d_model"]]:
    """A random matrix A with entries ~ U(0, 1), and its pseudoinverse.

    Their product is the projection on d_head random directions. The notebook uses the same stand-in.
    """
    first = torch.rand(heads, d_model, d_head, generator=generator)
    return first, torch.linalg.pinv(first)


def qk_identity(
    model: Model, *, heads: int, number: int
) -> tuple[Float[Tensor, "head d_model d_head"], Float[Tensor, "head d_model d_head"]]:
    """W_Q and W_K of heads whose QK matrix W_Q W_K^T is a low-rank identity."""
    W_Q, inverse = _identity(model, "qk", heads, number)
    return W_Q, einops.rearrange(inverse, "head d_head d_model -> head d_model d_head")


def negative_identity(
    model: Model, *, layer: int, number: int
) -> tuple[Float[Tensor, "head d_model d_head"], Float[Tensor, "head d_head d_model"]]:
    """W_V and W_O of heads whose OV matrix is a low-rank negative identity times a scale.

    The scale of each head is fitted by least squares to what the head writes. It is 0 where the fit would be positive: no negative
    identity fits a head that copies positively.
    """
    return model.once(("negative identity", layer, number), lambda: _negative_identity(model, layer, number))


def _negative_identity(model: Model, layer: int, number: int) -> tuple[Tensor, Tensor]:
    W_V, inverse = _identity(model, "ov", model.config.n_heads, number)
    pattern, residual, z = (f"blocks.{layer}.{name}" for name in ("attn.hook_pattern", "hook_resid_pre", "attn.hook_z"))
    inputs = reference_of(model.config).sample(FIT, seed=derive_seed(0, "scale of stand-ins")).inputs
    with model.unedited():
        seen = model.activations(inputs, pattern, residual, z)
    read = layer_norm(seen[residual], eps=model.config.layer_norm_eps)
    fit = head_outputs(seen[pattern], read, W_V=W_V, W_O=-inverse)
    written = einops.einsum(
        seen[z],
        model.bridge.W_O[layer],
        "recurrence query head d_head, head d_head d_model -> recurrence query head d_model",
    )
    scale = (fit * written).sum((0, 1, 3)) / fit.square().sum((0, 1, 3))
    return W_V, -scale.clamp_min(0.0)[:, None, None] * inverse


def _identity(model: Model, label: str, heads: int, number: int) -> tuple[Tensor, Tensor]:
    def draw() -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(derive_seed(number, "low-rank identity", label))
        shape = {"heads": heads, "d_model": model.config.d_model, "d_head": model.config.d_head}
        first, second = low_rank_identity(**shape, generator=generator)
        return first.to(model.device), second.to(model.device)

    return model.once(("low-rank identity", label, heads, number), draw)
