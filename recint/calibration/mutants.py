"""Mutants: copies of a checkpoint with one role of the circuit broken, and scrambled copies that have no circuit at all.

They are negative controls: each is made to be killed by a claim that holds of the checkpoint it comes from. A mutation
acts on folded weights (`folded`), where directions of the residual stream mean the same to every tensor, and leaves all
the tensors alone that it does not name. The all-ones vector is kept out of every rotation: LayerNorm takes it away, so
what is turned into it would vanish.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import einops
import torch
from jaxtyping import Float
from torch import Tensor

from recint.checkpoint import Checkpoint, ModelConfig
from recint.domain import reference_of
from recint.model import Model
from recint.model.folding import fold
from recint.recurrence import REFERENCE
from recint.system.seeds import derive_seed

_SEEN = 500  # recurrences from which it is read off how positions 0 and 1 look to layer 1
# Scores and outputs that are to vanish are made this small instead: eigenvalue and composition scores of a zero matrix
# are undefined, those of a small one are what they were.
_FAINT = 1e-6
_LOUD = 4.0  # by how much layer 1 overstates what it says to the unembedding
_SHIFT = 0.1  # of every prediction: its square is what the MSE rises by


@dataclass(frozen=True)
class Mutant:
    """One way to break a model.

    Attributes:
        role: what is broken, in one sentence.
        killed_by: ids of the claims that it was made for; others may fall with them.
        make: from a checkpoint and a seed to the broken copy; use `mutate`, which also names it.
        trained_only: whether it makes more of what trained models have a little of and planted ones nothing.
    """

    name: str
    role: str
    killed_by: tuple[str, ...]
    make: Callable[[Checkpoint, int], Checkpoint]
    trained_only: bool = False


def mutate(checkpoint: Checkpoint, mutant: Mutant, *, seed: int = 0) -> Checkpoint:
    """The broken copy of a checkpoint, named for both.

    Raises:
        ValueError: the checkpoint has fewer than three layers, or no room for the positions that are told apart.

    >>> mutate(plant(Roles()), MUTANTS[0]).name
    'planted-0:l0-attends-to-the-token-before-last'
    """
    return replace(mutant.make(checkpoint, seed), name=f"{checkpoint.name}:{mutant.name}", path=None)


def folded(checkpoint: Checkpoint) -> Checkpoint:
    """The same function with LayerNorm weights 1 and LayerNorm and value biases 0.

    What the LayerNorms did is done by the weights that read, and what reads or writes along the all-ones vector, to no
    effect, is taken out. Of any number of layers.
    """
    return replace(
        _checkpoint(checkpoint, fold(checkpoint.tensors, checkpoint.config)), name=f"{checkpoint.name}:folded"
    )


def scrambled(checkpoint: Checkpoint, *, seed: int) -> Checkpoint:
    """The same numbers in every tensor, in random order.

    Biases and LayerNorm's vectors are permuted like the matrices: in their old places they would still tell the
    coordinates apart that training made large from the others.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "scrambled"))

    def permuted(tensor: Tensor) -> Tensor:
        return tensor.flatten()[torch.randperm(tensor.numel(), generator=generator)].view(tensor.shape)

    return replace(
        checkpoint,
        name=f"{checkpoint.name}:scrambled-{seed}",
        tensors={name: permuted(checkpoint.tensors[name]) for name in checkpoint.config.shapes},
        path=None,
    )


def _checkpoint(original: Checkpoint, tensors: Mapping[str, Tensor]) -> Checkpoint:
    single = {name: tensors[name].float().contiguous() for name in original.config.shapes}
    return replace(original, tensors=single, path=None)


# --- What is broken ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Folded:
    """Folded tensors in float64, and a source of randomness for what is done to them."""

    config: ModelConfig
    tensors: Mapping[str, Tensor]
    generator: torch.Generator

    def attention(self, layer: int, name: str) -> Tensor:
        return self.tensors[_attention(layer, name)]

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def basis(self, start: Float[Tensor, "d_model given"]) -> Float[Tensor, "d_model d_model"]:
        """Orthonormal columns: those of `start`, made orthonormal one after the other, then random ones."""
        d_model, given = start.shape
        q, r = torch.linalg.qr(torch.cat([start, self.normal(d_model, d_model - given)], dim=1))
        # QR leaves signs open; without this a random rotation would not be uniform.
        return q * torch.where(r.diagonal() < 0, -1.0, 1.0)

    def rotations(self, count: int) -> Float[Tensor, "count d_model d_model"]:
        """Random orthogonal matrices that leave the all-ones vector where it is."""
        ones = torch.ones(self.config.d_model, 1, dtype=torch.float64)
        return torch.stack([self.basis(ones) @ self.basis(ones).T for _ in range(count)])


_Changed = dict[str, Tensor]  # the tensors that a mutation replaces
_Edit = Callable[[_Folded], _Changed]


def _attention(layer: int, name: str) -> str:
    return f"blocks.{layer}.attn.{name}"


def _output_rotated(layer: int, *, together: bool) -> _Edit:
    """Turn what heads write: all of them alike, or each on its own, so that no one rotation decides the outcome."""

    def edit(model: _Folded) -> _Changed:
        return {_attention(layer, "W_O"): model.attention(layer, "W_O") @ _turns(model, together=together)}

    return edit


def _turns(model: _Folded, *, together: bool) -> Float[Tensor, "head d_model d_model"]:
    n_heads = model.config.n_heads
    return model.rotations(1).expand(n_heads, -1, -1) if together else model.rotations(n_heads)


def _attention_uniform(*layers: int) -> _Edit:
    def edit(model: _Folded) -> _Changed:
        names = ("W_Q", "b_Q")
        return {_attention(layer, name): _FAINT * model.attention(layer, name) for layer in layers for name in names}

    return edit


def _output_scaled(layer: int, factor: float, *, heads: slice = slice(None)) -> _Edit:
    def edit(model: _Folded) -> _Changed:
        W_O = model.attention(layer, "W_O").clone()
        W_O[heads] *= factor
        return {_attention(layer, "W_O"): W_O}

    return edit


def _output_scaled_where_read(layer: int, factor: float) -> _Edit:
    """Scale what heads write in the column space of W_U: all that their direct attribution is made of, and no more."""

    def edit(model: _Folded) -> _Changed:
        W_O = model.attention(layer, "W_O")
        read = torch.linalg.qr(model.tensors["unembed.W_U"]).Q
        return {_attention(layer, "W_O"): W_O + (factor - 1) * W_O @ read @ read.T}

    return edit


def _one_position_back(letter: str) -> _Edit:
    """Let one side of layer 0's QK see position i as i-1; position 0 stays.

    The terms, and all that is orthogonal to terms and positions, are seen as they are. Exact where the rows of W_E and
    W_pos are linearly independent, and the best fit elsewhere.
    """

    def edit(model: _Folded) -> _Changed:
        W_E, W_pos, W = (model.tensors[name] for name in ("embed.W_E", "pos_embed.W_pos", _attention(0, f"W_{letter}")))
        back = torch.cat([torch.zeros_like(W_E), torch.zeros_like(W_pos[:1]), W_pos[:-1] - W_pos[1:]])
        added = torch.linalg.pinv(torch.cat([W_E, W_pos]), rtol=1e-6) @ back  # to the identity; d_model d_model
        return {_attention(0, f"W_{letter}"): W + added @ W}

    return edit


def _first_keys_exchanged(model: _Folded) -> _Changed:
    """Let the keys of layer 1 see position 0 as 1 and 1 as 0.

    What a position looks like to layer 1 depends on all that layer 0 and its MLP wrote, so it is read off recurrences:
    (position is 0) - (position is 1) is regressed on the normalised residual stream, and this much of the difference
    between the mean residuals of the two is added. The regression's constant can be left out, since what is added to all
    keys alike cancels in the softmax.
    """
    read = _normalised_residual(model, layer=1)
    positions = read.shape[1]
    means = read.mean(0)
    which = torch.zeros(positions, dtype=torch.float64)
    which[0], which[1] = 1, -1
    centred = read - means.mean(0)
    flat = einops.rearrange(centred, "recurrence position d_model -> (recurrence position) d_model")
    # gelsd: no residual has a part along the all-ones vector, so the rank is never full.
    direction = torch.linalg.lstsq(flat, which.repeat(len(read))[:, None], rcond=1e-6, driver="gelsd").solution[:, 0]
    W_K = model.attention(1, "W_K")
    added = einops.einsum(direction, means[1] - means[0], W_K, "read, d_model, head d_model d_head -> head read d_head")
    return {_attention(1, "W_K"): W_K + added}


def _normalised_residual(model: _Folded, *, layer: int) -> Float[Tensor, "recurrence position d_model"]:
    """What a layer reads of reference recurrences, as long as the model can take."""
    config, hook = model.config, f"blocks.{layer}.hook_resid_pre"
    length = min(REFERENCE.length, config.n_ctx + 1)
    distribution = reference_of(config).at(length=length)
    inputs = distribution.sample(_SEEN, seed=derive_seed(0, "mutants", "residual")).inputs
    checkpoint = Checkpoint("folded", config, {name: tensor.float() for name, tensor in model.tensors.items()})
    residual = Model(checkpoint).activations(inputs, hook)[hook].double()
    return torch.nn.functional.layer_norm(residual, residual.shape[-1:], eps=config.layer_norm_eps)


def _ov_flattened(layer: int) -> _Edit:
    """Give every OV matrix of a layer d_head equal singular values, with the norm that it had.

    Its singular vectors stay; where it has fewer, random ones join them, away from the places of terms and positions as
    far as there is room: it is not to read or write there what it did not before.
    """

    def edit(model: _Folded) -> _Changed:
        config = model.config
        ones = torch.ones(config.d_model, 1, dtype=torch.float64)
        avoided = torch.cat([model.tensors["embed.W_E"], model.tensors["pos_embed.W_pos"]]).T
        rank = min(config.d_head, config.d_model - 1)

        def joined(directions: Float[Tensor, "d_model kept"]) -> Float[Tensor, "d_model rank"]:
            kept = directions.shape[1]
            basis = model.basis(torch.cat([ones, directions, avoided], dim=1)[:, : config.d_model])
            return torch.cat([basis[:, 1 : 1 + kept], basis[:, config.d_model - rank + kept :]], dim=1)

        reads, writes = (torch.zeros_like(model.attention(layer, name)) for name in ("W_V", "W_O"))
        for head, matrix in enumerate(model.attention(layer, "W_V") @ model.attention(layer, "W_O")):
            left, values, right = torch.linalg.svd(matrix)
            kept = min(int((values > 1e-6 * values[0]).sum()), rank)
            reads[head, :, :rank] = joined(left[:, :kept])
            writes[head, :rank] = joined(right[:kept].T).T * values.norm() / rank**0.5
        return {_attention(layer, "W_V"): reads, _attention(layer, "W_O"): writes}

    return edit


def _written_into_embedding(layer: int) -> _Edit:
    """Turn what a layer's attention writes at random and let only its part in the row space of W_E through.

    It is then as large again as it was: each head's OV matrix and the bias keep their norms.
    """

    def edit(model: _Folded) -> _Changed:
        W_V, W_O, b_O = (model.attention(layer, name) for name in ("W_V", "W_O", "b_O"))
        embedding = torch.linalg.qr(model.tensors["embed.W_E"].T).Q
        into = model.rotations(1)[0] @ embedding @ embedding.T
        before, after = ((W_V @ matrix).norm(dim=(-2, -1), keepdim=True) for matrix in (W_O, W_O @ into))
        least = torch.finfo(torch.float64).tiny  # a bias of zero, or a head that writes nothing, stays as it is
        return {
            _attention(layer, "W_O"): W_O @ into * before / after.clamp_min(least),
            _attention(layer, "b_O"): b_O @ into * b_O.norm() / (b_O @ into).norm().clamp_min(least),
        }

    return edit


def _qk_rotated(layer: int) -> _Edit:
    """Turn the queries of every head and its keys, each by a rotation of its own, which keeps the spectrum of QK."""

    def edit(model: _Folded) -> _Changed:
        names = ("W_Q", "W_K")
        return {_attention(layer, name): _turns(model, together=False) @ model.attention(layer, name) for name in names}

    return edit


def _values_read_from(early: int, late: int) -> _Edit:
    """Turn the values of a layer half-way towards what an earlier one writes; the spectrum of OV stays.

    Half-way, so that they go on reading what they read: the strongest direction read and the strongest one written make
    one that lies between them, and so on down, and the nearest orthonormal set takes the place of the directions read.
    """

    def edit(model: _Folded) -> _Changed:
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


def _ov_copied(early: int, late: int) -> _Edit:
    def edit(model: _Folded) -> _Changed:
        return {_attention(late, name): model.attention(early, name) for name in ("W_V", "W_O")}

    return edit


def _layers_exchanged(first: int, second: int) -> _Edit:
    def edit(model: _Folded) -> _Changed:
        blocks = {f"blocks.{first}.": f"blocks.{second}.", f"blocks.{second}.": f"blocks.{first}."}
        return {
            other + name.removeprefix(block): tensor
            for block, other in blocks.items()
            for name, tensor in model.tensors.items()
            if name.startswith(block)
        }

    return edit


def _every_other_coordinate_hidden(model: _Folded) -> _Changed:
    W_E = model.tensors["embed.W_E"].clone()
    W_E[1::2] *= _FAINT
    return {"embed.W_E": W_E}


def _predictions_shifted(model: _Folded) -> _Changed:
    return {"unembed.b_U": model.tensors["unembed.b_U"] + _SHIFT}


# --- The mutants ------------------------------------------------------------------------------------------------------


def _mutant(name: str, role: str, *, killed_by: tuple[str, ...], edit: _Edit, trained_only: bool = False) -> Mutant:
    def make(checkpoint: Checkpoint, seed: int) -> Checkpoint:
        _check_shape(checkpoint)
        tensors = fold(checkpoint.tensors, checkpoint.config)
        generator = torch.Generator().manual_seed(derive_seed(seed, "mutant", name))
        return _checkpoint(checkpoint, tensors | edit(_Folded(checkpoint.config, tensors, generator)))

    return Mutant(name, role, killed_by, make, trained_only)


def _check_shape(checkpoint: Checkpoint) -> None:
    for name, least, why in (
        ("n_layers", 3, "the circuit has three layers"),
        ("n_ctx", 4, "positions 0 and 1 are told from later ones"),
    ):
        if (found := getattr(checkpoint.config, name)) < least:
            raise ValueError(f"{checkpoint.name}: {name}={found!r} must be at least {least} in a mutant: {why}")


MUTANTS: tuple[Mutant, ...] = (
    _mutant(
        "l0-attends-to-the-token-before-last",
        "The queries of layer 0 take position i for i-1.",
        killed_by=("l0.previous-token", "l0.residual-formula@4"),
        edit=_one_position_back("Q"),
    ),
    # Not queries that take i for i+1: the last position has none after it, and of the next no model was ever trained.
    _mutant(
        "l0-attends-to-the-token-itself",
        "The keys of layer 0 take position i for i-1, so that a query finds itself where it looks for the previous token.",
        killed_by=("l0.previous-token",),
        edit=_one_position_back("K"),
    ),
    _mutant(
        "l0-attends-uniformly",
        "The scores of layer 0 vanish.",
        killed_by=("l0.previous-token", "l0.residual-formula@4"),
        edit=_attention_uniform(0),
    ),
    _mutant(
        "l0-ov-rotated",
        "What the heads of layer 0 write is turned by one random rotation.",
        killed_by=("l0.ov-line", "l0.residual-formula", "l0.residual-formula@4"),
        edit=_output_rotated(0, together=True),
    ),
    _mutant(
        "l0-ov-negated",
        "The heads of layer 0 write the negative, on the same line.",
        killed_by=("l0.ov-line", "l0.residual-formula", "l0.residual-formula@4"),
        edit=_output_scaled(0, -1),
    ),
    _mutant(
        "l0-one-head-silent",
        "Head 0 of layer 0, and no other, writes next to nothing.",
        killed_by=("l0.heads-necessary", "l0.heads-necessary.mean", "l0.heads-necessary.resample"),
        edit=_output_scaled(0, _FAINT, heads=slice(1)),
    ),
    _mutant(
        "l0-not-read-directly",
        "What the heads of layer 0 write is next to nothing where the unembedding reads.",
        killed_by=("l0.leads-attribution",),
        edit=_output_scaled_where_read(0, _FAINT),
    ),
    _mutant(
        "l0-writes-into-the-embedding",
        "Attention of layer 0 writes where the terms are.",
        killed_by=("l0.writes-outside-embedding",),
        edit=_written_into_embedding(0),
    ),
    _mutant(
        "l1-attends-to-position-0",
        "The keys of layer 1 take position 0 for 1 and 1 for 0.",
        killed_by=("l1.second-position",),
        edit=_first_keys_exchanged,
    ),
    _mutant(
        "l1-attends-uniformly",
        "The scores of layer 1 vanish.",
        killed_by=("l1.second-position",),
        edit=_attention_uniform(1),
    ),
    _mutant(
        "l1-rank-raised",
        "The OV matrices of layer 1 have d_head equal singular values.",
        killed_by=("l1.low-effective-rank",),
        edit=_ov_flattened(1),
    ),
    _mutant(
        "l1-writes-into-the-embedding",
        "Attention of layer 1 writes where the terms are.",
        killed_by=("l1.writes-outside-embedding",),
        edit=_written_into_embedding(1),
    ),
    _mutant(
        "l1-output-rotated",
        "What each head of layer 1 writes is turned by a random rotation of its own.",
        killed_by=("composition.k-l1-l2", "composition.q-l1-l2"),
        edit=_output_rotated(1, together=False),
    ),
    _mutant(
        "l1-silent",
        "The heads of layer 1 write next to nothing.",
        killed_by=("l1.necessary", "l1.necessary.zero", "l1.necessary.resample"),
        edit=_output_scaled(1, _FAINT),
    ),
    _mutant(
        "l1-loud",
        "What the heads of layer 1 write is four times as large where the unembedding reads.",
        killed_by=("l1.small-attribution",),
        edit=_output_scaled_where_read(1, _LOUD),
        trained_only=True,
    ),
    _mutant(
        "l2-ov-negated",
        "The heads of layer 2 copy positively.",
        killed_by=("l2.ov-negative-copying", "l2.subtracts-what-it-attends-to", "l2.corrects-layer-0"),
        edit=_output_scaled(2, -1),
    ),
    _mutant(
        "l2-ov-one-head-positive",
        "Head 0 of layer 2, and no other, copies positively.",
        killed_by=("l2.ov-negative-copying",),
        edit=_output_scaled(2, -1, heads=slice(1)),
    ),
    _mutant(
        "l2-ov-rotated",
        "What each head of layer 2 writes is turned by a random rotation of its own.",
        killed_by=("l2.ov-negative-copying", "l2.subtracts-what-it-attends-to"),
        edit=_output_rotated(2, together=False),
    ),
    _mutant(
        "l2-ov-of-layer-0",
        "The heads of layer 2 have the OV matrices of layer 0.",
        killed_by=("l2.ov-not-a-line",),
        edit=_ov_copied(0, 2),
    ),
    _mutant(
        "l2-qk-randomised",
        "Queries and keys of layer 2 read random directions.",
        killed_by=("composition.k-l1-l2", "composition.q-l1-l2", "l2.qk-similarity"),
        edit=_qk_rotated(2),
    ),
    _mutant(
        "l2-attends-uniformly",
        "The scores of layer 2 vanish.",
        killed_by=("l2.checkerboard",),
        edit=_attention_uniform(2),
    ),
    # Of the contrasts alone: where heads say nothing, uniform attention and the flipped stand-in do as well as the stand-in.
    _mutant(
        "l2-silent",
        "The heads of layer 2 write next to nothing.",
        killed_by=("l2.qk-identity",),
        edit=_output_scaled(2, _FAINT),
    ),
    _mutant(
        "l2-v-reads-l1",
        "The values of layer 2 are turned half-way towards what layer 1 writes.",
        killed_by=("composition.no-v",),
        edit=_values_read_from(1, 2),
    ),
    _mutant(
        "layers-0-and-2-swapped",
        "Layer 0 does what layer 2 should, and layer 2 what layer 0 should.",
        killed_by=("l0.previous-token", "l0.ov-line", "l2.ov-negative-copying", "l2.subtracts-what-it-attends-to"),
        edit=_layers_exchanged(0, 2),
    ),
    # The edges of the circuit then carry hardly more than others, and the mean of the terms still tells something of the next.
    _mutant(
        "attends-uniformly",
        "The scores of all layers vanish.",
        killed_by=("circuit.partly-necessary",),
        edit=_attention_uniform(0, 1, 2),
    ),
    _mutant(
        "every-other-coordinate-hidden",
        "The embedding shows next to nothing of every other coordinate of the terms.",
        killed_by=("probe.constant-term", "probe.constant-term.linear"),
        edit=_every_other_coordinate_hidden,
    ),
    _mutant(
        "predictions-shifted",
        "Every coordinate of every prediction is too large by 0.1, which is 0.01 in MSE.",
        killed_by=(
            "model.predicts-next-term",
            "model.predicts-every-recurrence",
            "model.degrades-outside-training-range",
        ),
        edit=_predictions_shifted,
    ),
)
