"""Direct logit attribution: how much each part of the residual stream adds to the prediction along the true next term."""

from __future__ import annotations

import einops
import torch
from jaxtyping import Float
from torch import Tensor

from recint.judging.finite import finite


@finite
def direct_logit_attribution(
    z: Float[Tensor, "recurrence position head d_head"],
    *,
    W_O: Float[Tensor, "head d_head d_model"],
    direction: Float[Tensor, "recurrence position d_model"],
) -> Float[Tensor, "recurrence position head"]:
    """What each head adds to the prediction, dotted with the next term; `direction` is from `attribution_direction`.

    A head's output is z W_O. That W_O reads back what the next term looks like costs less than writing every output out.
    """
    read = einops.einsum(
        W_O, direction, "head d_head d_model, recurrence position d_model -> recurrence position head d_head"
    )
    return einops.einsum(
        z, read, "recurrence position head d_head, recurrence position head d_head -> recurrence position head"
    )


@finite
def attribution_direction(
    residual: Float[Tensor, "recurrence position d_model"],
    *,
    W_U: Float[Tensor, "d_model dim"],
    target: Float[Tensor, "recurrence position dim"],
    eps: float,
) -> Float[Tensor, "recurrence position d_model"]:
    """The direction along which the final residual stream of this run is read for the next term: W_U target / LayerNorm scale.

    Writing weights are centred, so that LayerNorm only divides; the scale is that of the whole stream, not of a component.
    """
    scale = (residual.square().mean(-1, keepdim=True) + eps).sqrt()
    return einops.einsum(W_U, target, "d_model dim, recurrence position dim -> recurrence position d_model") / scale


@finite
def shares_of_layer(
    heads: Float[Tensor, "recurrence position layer head"], *, layer: int
) -> Float[Tensor, "recurrence row=2 component"]:
    """Attribution of the heads of one layer, zero for all others, above that of all heads: rows of a share of absolute means."""
    mean = heads.mean(1)
    own = torch.zeros_like(mean)
    own[:, layer] = mean[:, layer]
    return torch.stack([own.flatten(1), mean.flatten(1)], dim=1)
