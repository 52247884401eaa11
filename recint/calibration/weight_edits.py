"""Edits of folded weights: each breaks one thing that heads do, and leaves the rest as it is.

In folded weights a direction of the residual stream means the same to every tensor. No rotation here turns the all-ones vector:
LayerNorm removes that direction, so what is turned into it would vanish.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import einops
import torch
from jaxtyping import Float
from torch import Tensor

from recint.checkpoint import Checkpoint, ModelConfig
from recint.domain import reference_of
from recint.model import Model
from recint.recurrence import REFERENCE
from recint.system.seeds import derive_seed

_SEEN = 500  # recurrences on which `first_keys_exchanged` measures how layer 1 sees positions 0 and 1
# Factor that makes scores and outputs vanish. It is not 0: eigenvalue and composition scores of a zero matrix are undefined,
# and those of a small matrix do not change.
FAINT = 1e-6
_SHIFT = 0.1  # added to every prediction, so that its square is added to the MSE


@dataclass(frozen=True)
class FoldedWeights:
    """Folded tensors in float64, and the random numbers for an edit of them."""

    config: ModelConfig
    tensors: Mapping[str, Tensor]
    generator: torch.Generator

    def attention(self, layer: int, name: str) -> Tensor:
        return self.tensors[_attention(layer, name)]

    def normal(self, *shape: int) -> Tensor:
        """Random numbers on the device of the tensors. They are drawn on the CPU, so that a seed gives the same ones everywhere."""
        return torch.randn(shape, generator=self.generator, dtype=torch.float64).to(self.device)

    @property
    def device(self) -> torch.device:
        return self.tensors["embed.W_E"].device

    @property
    def ones(self) -> Float[Tensor, "d_model one"]:
        """The direction of the residual stream that LayerNorm removes."""
        return torch.ones(self.config.d_model, 1, dtype=torch.float64, device=self.device)

    def basis(self, start: Float[Tensor, "d_model given"]) -> Float[Tensor, "d_model d_model"]:
        """Orthonormal columns: first those of `start`, made orthonormal in their order, then random ones."""
        d_model, given = start.shape
        q, r = torch.linalg.qr(torch.cat([start, self.normal(d_model, d_model - given)], dim=1))
        # QR does not fix signs. Without this line a random rotation would not be uniform.
        return q * torch.where(r.diagonal() < 0, -1.0, 1.0)

    def rotations(self, count: int) -> Float[Tensor, "count d_model d_model"]:
        """Random orthogonal matrices that do not change the all-ones vector."""
        return torch.stack([self.basis(self.ones) @ self.basis(self.ones).T for _ in range(count)])


_Changed = dict[str, Tensor]  # the tensors that a mutation replaces
Edit = Callable[[FoldedWeights], _Changed]


def _attention(layer: int, name: str) -> str:
    return f"blocks.{layer}.attn.{name}"


def output_rotated(layer: int, *, together: bool) -> Edit:
    """Rotate what heads write: all heads by one rotation, or each by its own, so that the result rests on no single rotation."""

    def edit(model: FoldedWeights) -> _Changed:
        return {_attention(layer, "W_O"): model.attention(layer, "W_O") @ _turns(model, together=together)}

    return edit


def _turns(model: FoldedWeights, *, together: bool) -> Float[Tensor, "head d_model d_model"]:
    n_heads = model.config.n_heads
    return model.rotations(1).expand(n_heads, -1, -1) if together else model.rotations(n_heads)


def attention_uniform(*layers: int) -> Edit:
    def edit(model: FoldedWeights) -> _Changed:
        names = ("W_Q", "b_Q")
        return {_attention(layer, name): FAINT * model.attention(layer, name) for layer in layers for name in names}

    return edit


def output_scaled(layer: int, factor: float, *, heads: slice = slice(None)) -> Edit:
    def edit(model: FoldedWeights) -> _Changed:
        W_O = model.attention(layer, "W_O").clone()
        W_O[heads] *= factor
        return {_attention(layer, "W_O"): W_O}

    return edit


def output_scaled_where_read(layer: int, factor: float) -> Edit:
    """Scale what heads write in the column space of W_U. Their direct attribution depends on this part alone."""

    def edit(model: FoldedWeights) -> _Changed:
        W_O = model.attention(layer, "W_O")
        read = torch.linalg.qr(model.tensors["unembed.W_U"]).Q
        return {_attention(layer, "W_O"): W_O + (factor - 1) * W_O @ read @ read.T}

    return edit


def one_position_back(letter: str) -> Edit:
    """Make the queries or the keys of layer 0 see position i as i-1. Position 0 does not change.

    They still see the terms, and whatever is orthogonal to terms and positions, as before. The edit is exact if the rows of
    W_E and W_pos are linearly independent. Otherwise it is a least-squares fit.

    Args:
        letter: "Q" for queries or "K" for keys.
    """

    def edit(model: FoldedWeights) -> _Changed:
        W_E, W_pos, W = (model.tensors[name] for name in ("embed.W_E", "pos_embed.W_pos", _attention(0, f"W_{letter}")))
        back = torch.cat([torch.zeros_like(W_E), torch.zeros_like(W_pos[:1]), W_pos[:-1] - W_pos[1:]])
        added = torch.linalg.pinv(torch.cat([W_E, W_pos]), rtol=1e-6) @ back  # to the identity; d_model d_model
        return {_attention(0, f"W_{letter}"): W + added @ W}

    return edit


def first_keys_exchanged(model: FoldedWeights) -> _Changed:
    """Make the keys of layer 1 see position 0 as 1 and position 1 as 0.

    How layer 1 sees a position depends on everything that layer 0 and its MLP wrote, so it is measured on recurrences.
    The target (position is 0) - (position is 1) is regressed on the normalised residual stream. The prediction of this
    regression, times the difference between the mean residuals at positions 1 and 0, is added to the residual. The constant of
    the regression is left out: what is added to all keys cancels in the softmax.
    """
    read = _normalised_residual(model, layer=1)
    positions = read.shape[1]
    means = read.mean(0)
    which = torch.zeros(positions, dtype=torch.float64)
    which[0], which[1] = 1, -1
    centred = read - means.mean(0)
    flat = einops.rearrange(centred, "recurrence position d_model -> (recurrence position) d_model")
    # gelsd, because the rank is never full: no residual has a part along the all-ones vector. Only the CPU has it.
    target = which.repeat(len(read))[:, None]
    direction = torch.linalg.lstsq(flat.cpu(), target, rcond=1e-6, driver="gelsd").solution[:, 0].to(model.device)
    W_K = model.attention(1, "W_K")
    added = einops.einsum(direction, means[1] - means[0], W_K, "read, d_model, head d_model d_head -> head read d_head")
    return {_attention(1, "W_K"): W_K + added}


def _normalised_residual(model: FoldedWeights, *, layer: int) -> Float[Tensor, "recurrence position d_model"]:
    """What a layer reads at reference recurrences, which are as long as the model can take."""
    config, hook = model.config, f"blocks.{layer}.hook_resid_pre"
    length = min(REFERENCE.length, config.n_ctx + 1)
    distribution = reference_of(config).at(length=length)
    inputs = distribution.sample(_SEEN, seed=derive_seed(0, "mutants", "residual")).inputs
    checkpoint = Checkpoint("folded", config, {name: tensor.float() for name, tensor in model.tensors.items()})
    residual = Model(checkpoint, device=model.device).activations(inputs, hook)[hook].double()
    return torch.nn.functional.layer_norm(residual, residual.shape[-1:], eps=config.layer_norm_eps)


def ov_flattened(layer: int) -> Edit:
    """Give every OV matrix of a layer d_head equal singular values. Its norm does not change.

    The matrix keeps its singular vectors. If it has fewer than d_head, random ones are added. They are orthogonal to terms
    and positions as far as there is room, because the matrix must not read or write there what it did not before.
    """

    def edit(model: FoldedWeights) -> _Changed:
        config = model.config
        avoided = torch.cat([model.tensors["embed.W_E"], model.tensors["pos_embed.W_pos"]]).T
        rank = min(config.d_head, config.d_model - 1)

        def joined(directions: Float[Tensor, "d_model kept"]) -> Float[Tensor, "d_model rank"]:
            kept = directions.shape[1]
            basis = model.basis(torch.cat([model.ones, directions, avoided], dim=1)[:, : config.d_model])
            return torch.cat([basis[:, 1 : 1 + kept], basis[:, config.d_model - rank + kept :]], dim=1)

        reads, writes = (torch.zeros_like(model.attention(layer, name)) for name in ("W_V", "W_O"))
        for head, matrix in enumerate(model.attention(layer, "W_V") @ model.attention(layer, "W_O")):
            left, values, right = torch.linalg.svd(matrix)
            kept = min(int((values > 1e-6 * values[0]).sum()), rank)
            reads[head, :, :rank] = joined(left[:, :kept])
            writes[head, :rank] = joined(right[:kept].T).T * values.norm() / rank**0.5
        return {_attention(layer, "W_V"): reads, _attention(layer, "W_O"): writes}

    return edit


def written_into_embedding(layer: int) -> Edit:
    """Rotate what a layer's attention writes at random, and keep only the part in the row space of W_E.

    The result is scaled: each head's OV matrix and the bias keep their norms.
    """

    def edit(model: FoldedWeights) -> _Changed:
        W_V, W_O, b_O = (model.attention(layer, name) for name in ("W_V", "W_O", "b_O"))
        embedding = torch.linalg.qr(model.tensors["embed.W_E"].T).Q
        into = model.rotations(1)[0] @ embedding @ embedding.T
        before, after = ((W_V @ matrix).norm(dim=(-2, -1), keepdim=True) for matrix in (W_O, W_O @ into))
        least = torch.finfo(
            torch.float64
        ).tiny  # so that a bias of zero, or a head that writes nothing, does not change
        return {
            _attention(layer, "W_O"): W_O @ into * before / after.clamp_min(least),
            _attention(layer, "b_O"): b_O @ into * b_O.norm() / (b_O @ into).norm().clamp_min(least),
        }

    return edit


def qk_rotated(layer: int) -> Edit:
    """Rotate the queries of every head and its keys, each by its own rotation. The singular values of QK do not change."""

    def edit(model: FoldedWeights) -> _Changed:
        names = ("W_Q", "W_K")
        return {_attention(layer, name): _turns(model, together=False) @ model.attention(layer, name) for name in names}

    return edit


def values_read_from(early: int, late: int) -> Edit:
    """Turn the values of a layer half-way towards what an earlier layer writes. The singular values of OV do not change.

    They turn half-way only, so that they still read what they read before. The strongest direction that is read is averaged with
    the strongest direction that is written, then the second with the second, and so on. The nearest orthonormal set to these
    averages replaces the directions that were read.
    """

    def edit(model: FoldedWeights) -> _Changed:
        written = model.attention(early, "W_V") @ model.attention(early, "W_O")
        _, sizes, rows = torch.linalg.svd(
            einops.rearrange(written, "head read write -> (head read) write"), full_matrices=False
        )
        strongest = rows[: int((sizes > 1e-6 * sizes[0]).sum())].T  # d_model direction
        W_V, W_O = model.attention(late, "W_V"), model.attention(late, "W_O")
        turned = torch.zeros_like(W_V)
        for head, matrix in enumerate(W_V @ W_O):
            left, values, _ = torch.linalg.svd(matrix)
            reads = left[:, : int((values > 1e-6 * values[0]).sum())]
            shared = min(reads.shape[1], strongest.shape[1])
            before, towards = reads[:, :shared], strongest[:, :shared]
            opposed = (before * towards).sum(0) < 0  # the sign of a singular vector is arbitrary
            between = torch.cat([before + towards.where(~opposed, -towards), reads[:, shared:]], dim=1)
            inner, _, outer = torch.linalg.svd(between, full_matrices=False)
            turned[head] = inner @ outer @ reads.T @ W_V[head]
        return {_attention(late, "W_V"): turned}

    return edit


def ov_copied(early: int, late: int) -> Edit:
    def edit(model: FoldedWeights) -> _Changed:
        return {_attention(late, name): model.attention(early, name) for name in ("W_V", "W_O")}

    return edit


def layers_exchanged(first: int, second: int) -> Edit:
    def edit(model: FoldedWeights) -> _Changed:
        blocks = {f"blocks.{first}.": f"blocks.{second}.", f"blocks.{second}.": f"blocks.{first}."}
        return {
            other + name.removeprefix(block): tensor
            for block, other in blocks.items()
            for name, tensor in model.tensors.items()
            if name.startswith(block)
        }

    return edit


def every_other_coordinate_hidden(model: FoldedWeights) -> _Changed:
    W_E = model.tensors["embed.W_E"].clone()
    W_E[1::2] *= FAINT
    return {"embed.W_E": W_E}


def predictions_shifted(model: FoldedWeights) -> _Changed:
    return {"unembed.b_U": model.tensors["unembed.b_U"] + _SHIFT}
