"""Mutants: copies of a checkpoint with one role of the circuit broken.

Mutants are negative controls. Each is made to refute a claim that is true of the original checkpoint. A mutation edits folded
weights (see `weight_edits`) and changes only the tensors that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from recint.calibration.weight_edits import (
    FAINT,
    Edit,
    FoldedWeights,
    attention_uniform,
    every_other_coordinate_hidden,
    first_keys_exchanged,
    layers_exchanged,
    one_position_back,
    output_rotated,
    output_scaled,
    output_scaled_where_read,
    ov_copied,
    ov_flattened,
    predictions_shifted,
    qk_rotated,
    values_read_from,
    written_into_embedding,
)
from recint.checkpoint import Checkpoint
from recint.model.folding import fold
from recint.system.seeds import derive_seed

_LOUD = 4.0  # factor on what layer 1 writes for the unembedding


@dataclass(frozen=True)
class Mutant:
    """One way to break a model.

    Attributes:
        role: what is broken, in one sentence.
        killed_by: ids of the claims that the mutant is made to refute. It may refute others too.
        make: makes the broken copy of a checkpoint from a seed. Call `mutate`, which also names the copy.
        trained_only: whether the mutant enlarges something that trained models have a little of, and planted models lack.
    """

    name: str
    role: str
    killed_by: tuple[str, ...]
    make: Callable[[Checkpoint, int], Checkpoint]
    trained_only: bool = False


def mutate(checkpoint: Checkpoint, mutant: Mutant, *, seed: int = 0) -> Checkpoint:
    """The broken copy of a checkpoint. Its name holds both names.

    Raises:
        ValueError: the checkpoint has fewer than three layers, or fewer than four positions.

    >>> mutate(plant(Roles()), MUTANTS[0]).name
    'planted-0:l0-attends-to-the-token-before-last'
    """
    return replace(mutant.make(checkpoint, seed), name=f"{checkpoint.name}:{mutant.name}", path=None)


def folded(checkpoint: Checkpoint) -> Checkpoint:
    """The same function with LayerNorm weights 1 and LayerNorm and value biases 0.

    The weights that read do what LayerNorm did. Reading and writing along the all-ones vector has no effect and is removed.
    The checkpoint may have any number of layers.
    """
    return replace(
        _checkpoint(checkpoint, fold(checkpoint.tensors, checkpoint.config)), name=f"{checkpoint.name}:folded"
    )


def _checkpoint(original: Checkpoint, tensors: Mapping[str, Tensor]) -> Checkpoint:
    single = {name: tensors[name].float().contiguous() for name in original.config.shapes}
    return replace(original, tensors=single, path=None)


def _mutant(name: str, role: str, *, killed_by: tuple[str, ...], edit: Edit, trained_only: bool = False) -> Mutant:
    def make(checkpoint: Checkpoint, seed: int) -> Checkpoint:
        _check_shape(checkpoint)
        tensors = fold(checkpoint.tensors, checkpoint.config)
        generator = torch.Generator().manual_seed(derive_seed(seed, "mutant", name))
        return _checkpoint(checkpoint, tensors | edit(FoldedWeights(checkpoint.config, tensors, generator)))

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
        edit=one_position_back("Q"),
    ),
    # Not queries that take i for i+1: nothing comes after the last position, and no model was trained to see the next token.
    _mutant(
        "l0-attends-to-the-token-itself",
        "The keys of layer 0 take position i for i-1, so that a query finds itself where it looks for the previous token.",
        killed_by=("l0.previous-token",),
        edit=one_position_back("K"),
    ),
    _mutant(
        "l0-attends-uniformly",
        "The scores of layer 0 vanish.",
        killed_by=("l0.previous-token", "l0.residual-formula@4"),
        edit=attention_uniform(0),
    ),
    _mutant(
        "l0-ov-rotated",
        "What the heads of layer 0 write is turned by one random rotation.",
        killed_by=("l0.ov-line", "l0.residual-formula", "l0.residual-formula@4"),
        edit=output_rotated(0, together=True),
    ),
    _mutant(
        "l0-ov-negated",
        "The heads of layer 0 write the negative, on the same line.",
        killed_by=("l0.ov-line", "l0.residual-formula", "l0.residual-formula@4"),
        edit=output_scaled(0, -1),
    ),
    _mutant(
        "l0-one-head-silent",
        "Head 0 of layer 0, and no other, writes next to nothing.",
        killed_by=("l0.heads-necessary", "l0.heads-necessary.mean", "l0.heads-necessary.resample"),
        edit=output_scaled(0, FAINT, heads=slice(1)),
    ),
    _mutant(
        "l0-not-read-directly",
        "What the heads of layer 0 write is next to nothing where the unembedding reads.",
        killed_by=("l0.leads-attribution",),
        edit=output_scaled_where_read(0, FAINT),
    ),
    _mutant(
        "l0-writes-into-the-embedding",
        "Attention of layer 0 writes where the terms are.",
        killed_by=("l0.writes-outside-embedding",),
        edit=written_into_embedding(0),
    ),
    _mutant(
        "l1-attends-to-position-0",
        "The keys of layer 1 take position 0 for 1 and 1 for 0.",
        killed_by=("l1.second-position",),
        edit=first_keys_exchanged,
    ),
    _mutant(
        "l1-attends-uniformly",
        "The scores of layer 1 vanish.",
        killed_by=("l1.second-position",),
        edit=attention_uniform(1),
    ),
    _mutant(
        "l1-rank-raised",
        "The OV matrices of layer 1 have d_head equal singular values.",
        killed_by=("l1.low-effective-rank",),
        edit=ov_flattened(1),
    ),
    _mutant(
        "l1-writes-into-the-embedding",
        "Attention of layer 1 writes where the terms are.",
        killed_by=("l1.writes-outside-embedding",),
        edit=written_into_embedding(1),
    ),
    _mutant(
        "l1-output-rotated",
        "What each head of layer 1 writes is turned by a random rotation of its own.",
        killed_by=("composition.k-l1-l2", "composition.q-l1-l2"),
        edit=output_rotated(1, together=False),
    ),
    _mutant(
        "l1-silent",
        "The heads of layer 1 write next to nothing.",
        killed_by=("l1.necessary", "l1.necessary.zero", "l1.necessary.resample"),
        edit=output_scaled(1, FAINT),
    ),
    _mutant(
        "l1-loud",
        "What the heads of layer 1 write is four times as large where the unembedding reads.",
        killed_by=("l1.small-attribution",),
        edit=output_scaled_where_read(1, _LOUD),
        trained_only=True,
    ),
    _mutant(
        "l2-ov-negated",
        "The heads of layer 2 copy positively.",
        killed_by=("l2.ov-negative-copying", "l2.subtracts-what-it-attends-to", "l2.corrects-layer-0"),
        edit=output_scaled(2, -1),
    ),
    _mutant(
        "l2-ov-one-head-positive",
        "Head 0 of layer 2, and no other, copies positively.",
        killed_by=("l2.ov-negative-copying",),
        edit=output_scaled(2, -1, heads=slice(1)),
    ),
    _mutant(
        "l2-ov-rotated",
        "What each head of layer 2 writes is turned by a random rotation of its own.",
        killed_by=("l2.ov-negative-copying", "l2.subtracts-what-it-attends-to"),
        edit=output_rotated(2, together=False),
    ),
    _mutant(
        "l2-ov-of-layer-0",
        "The heads of layer 2 have the OV matrices of layer 0.",
        killed_by=("l2.ov-not-a-line",),
        edit=ov_copied(0, 2),
    ),
    _mutant(
        "l2-qk-randomised",
        "Queries and keys of layer 2 read random directions.",
        killed_by=("composition.k-l1-l2", "composition.q-l1-l2", "l2.qk-similarity"),
        edit=qk_rotated(2),
    ),
    _mutant(
        "l2-attends-uniformly",
        "The scores of layer 2 vanish.",
        killed_by=("l2.checkerboard",),
        edit=attention_uniform(2),
    ),
    # Only contrasts refute this one: if heads write nothing, uniform attention and the flipped stand-in do as well as the stand-in.
    _mutant(
        "l2-silent",
        "The heads of layer 2 write next to nothing.",
        killed_by=("l2.qk-identity",),
        edit=output_scaled(2, FAINT),
    ),
    _mutant(
        "l2-v-reads-l1",
        "The values of layer 2 are turned half-way towards what layer 1 writes.",
        killed_by=("composition.no-v",),
        edit=values_read_from(1, 2),
    ),
    _mutant(
        "layers-0-and-2-swapped",
        "Layer 0 does what layer 2 should, and layer 2 what layer 0 should.",
        killed_by=("l0.previous-token", "l0.ov-line", "l2.ov-negative-copying", "l2.subtracts-what-it-attends-to"),
        edit=layers_exchanged(0, 2),
    ),
    # The edges of the circuit then carry hardly more than other edges, and the mean of the terms still helps to predict the next.
    _mutant(
        "attends-uniformly",
        "The scores of all layers vanish.",
        killed_by=("circuit.partly-necessary",),
        edit=attention_uniform(0, 1, 2),
    ),
    _mutant(
        "every-other-coordinate-hidden",
        "The embedding shows next to nothing of every other coordinate of the terms.",
        killed_by=("probe.constant-term", "probe.constant-term.linear"),
        edit=every_other_coordinate_hidden,
    ),
    _mutant(
        "predictions-shifted",
        "Every coordinate of every prediction is too large by 0.1, which is 0.01 in MSE.",
        killed_by=(
            "model.predicts-next-term",
            "model.predicts-every-recurrence",
            "model.degrades-outside-training-range",
        ),
        edit=predictions_shifted,
    ),
)
