"""Planted filters: transformers whose prediction is a known linear filter over the terms.

They are attention-only (see `attention_only`). The heads of one layer move the terms, and their attention is the filter. Where the
filter depends on c, c is told from outside: an oracle reads it from the residual stream, and a permanent edit puts the filter in
the place of the attention. Weights may then be negative and need not sum to 1. Where attention depends on norms, it is the same
with the largest norm.

The oracle's c is enlarged by 5 %. So the model has an error that is a function of c too, and ratios of MSEs are not ratios of
rounding errors.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from recint.calibration.attention_only import CONFIG, SILENT, Layer, Plan, attention_only, subspaces
from recint.calibration.oracle import coefficient, terms_in
from recint.calibration.permanent_edits import READ, Edits, PermanentlyEdited
from recint.calibration.positives import Positive
from recint.calibration.solver import Solver
from recint.checkpoint import Checkpoint
from recint.model import Model
from recint.model.interventions import remembering
from recint.model.linear_filter import rule_weights

Filter = Float[Tensor, "recurrence query term"]
_ENLARGED = 1.05  # factor on c
_LATE = 8  # the first position at which the filter of two steps rests on the term before the last alone
_LAST, _BEFORE = 0.4, 0.9  # the filter that is the same for all recurrences
_LOUD = 64.0  # factor on what neurons read, so that their gates are neither open nor closed


def two_steps(c: Float[Tensor, recurrence], positions: int) -> Filter:
    """A filter that goes two steps at once, and is exact if c is.

    A filter is exact at position i if sum_k w_ik = 1 and sum_k w_ik c^k = c^(i+1). From position 8 on the term before the last has
    the weight max(1, c^2), and terms 0 and 6 have what is missing. Before, terms 0 and 1 have it. Positions 0 and 1 repeat their
    term.

    >>> two_steps(torch.tensor([2.0]), 9)[0, 8].tolist()
    [-3.047..., 0.0, 0.0, 0.0, 0.0, 0.0, 0.047..., 4.0, 0.0]
    """
    weights = torch.zeros(len(c), positions, positions).to(c)
    grows = c.abs() >= 1
    share = 1 / (1 + c**2 + c**4)
    for i in range(positions):
        if i < 2:
            weights[:, i, i] = 1.0
        elif i < _LATE:
            weights[:, i, i - 1] += c**2
            weights[:, i, 1] += 1 + c
            weights[:, i, 0] -= c * (1 + c)
        else:
            weights[:, i, i - 1] = torch.where(grows, c**2, 1.0)
            weights[:, i, 0] = -share * torch.where(grows, c**6, c ** (i - 1))
            weights[:, i, 6] = share * torch.where(grows, 1.0, c ** (i - 1))
    return weights


def steered(
    layer: int,
    *,
    read: Callable[[Float[Tensor, "recurrence position d_model"]], Float[Tensor, recurrence]],
    weights: Callable[[Float[Tensor, recurrence], int], Filter],
) -> Edits:
    """Edits that put a filter in the place of the attention of all heads of a layer.

    Args:
        read: reads a number from the stream before the layer.
        weights: the filter that belongs to this number, for a number of positions.
    """
    stream: list[Tensor] = []

    def steer(pattern: Float[Tensor, "recurrence head query key"]) -> Tensor:
        found = weights(read(stream[0]), pattern.shape[-1])
        return found[:, None].to(pattern).expand_as(pattern)

    return (
        (f"blocks.{layer}.hook_resid_pre", remembering(stream)),
        (f"blocks.{layer}.attn.hook_pattern", steer),
    )


def _moving(plan: Plan, *, layers: Collection[int], name: str) -> Checkpoint:
    """A model that moves terms in some layers. Nothing but these layers reads them. The unembedding reads what is moved.

    Every layer has neurons that read a coordinate and that nothing reads, so that there are gates to interchange.
    """
    moves = Layer(SILENT.looks, plan.add(plan.subspaces.embedding, plan.subspaces.second))
    every = [moves if number in layers else SILENT for number in range(CONFIG.n_layers)]
    made = attention_only(plan, every, name=name, reads=plan.subspaces.second.T)
    neurons = torch.tensor(_LOUD * plan.subspaces.embedding[0], dtype=torch.float32)[:, None]
    reading = {f"blocks.{number}.mlp.W_in": neurons for number in range(CONFIG.n_layers)}
    return replace(made, tensors={**made.tensors, **reading})


def _told(model: Model, stream: Float[Tensor, "recurrence position d_model"]) -> Float[Tensor, recurrence]:
    """The oracle's c, enlarged."""
    return _ENLARGED * coefficient(terms_in(model, stream))


def filter_of_c(
    seed: int, *, name: str, weights: Callable[[Float[Tensor, recurrence], int], Filter]
) -> PermanentlyEdited:
    """Layer 0 moves the terms, and its attention is the filter of c. The attention of layers 1 and 2 is too, but moves nothing.

    So another recurrence with the same c has the same patterns, but for rounding. All claims about interventions find something
    to change in every layer.
    """
    plan = Plan(subspaces(name, seed))
    checkpoint = _moving(plan, layers=(0,), name=f"{name}-{seed}")
    told = partial(_told, Model(checkpoint))
    edits = [edit for layer in range(CONFIG.n_layers) for edit in steered(layer, read=told, weights=weights)]
    return PermanentlyEdited(checkpoint, edits)


def filter_of_c_and_norms(seed: int, *, layer: int) -> PermanentlyEdited:
    """A filter of two steps in layers 0 and 1. The attention of one is set by the largest norm alone, that of the other by c.

    The one adds the last term: every query attends to itself with the weight 1 / n^2, where n is the norm, and what the heads bring
    is multiplied by n^2. The other one adds the rest of the filter. The attention of layer 2 is set by c too, but moves nothing.

    Args:
        layer: the layer whose attention is set by norms, 0 or 1.
    """
    plan = Plan(subspaces("c and norms", seed))
    checkpoint = _moving(plan, layers=(0, 1), name=f"norms-in-layer-{layer}-{seed}")
    model = Model(checkpoint)
    stream: list[Tensor] = []

    def largest(residual: Tensor) -> Tensor:
        return terms_in(model, residual).square().sum(-1).amax(-1)

    def itself(square: Tensor, positions: int) -> Filter:
        return torch.eye(positions).to(square) / square[:, None, None]

    def rest(c: Tensor, positions: int) -> Filter:
        return two_steps(c, positions) - torch.eye(positions).to(c)

    def louder(z: Float[Tensor, "recurrence position head d_head"]) -> Tensor:
        return z * largest(stream[0])[:, None, None, None].to(z)

    of_c = [
        edit
        for other in range(CONFIG.n_layers)
        if other != layer
        for edit in steered(other, read=partial(_told, model), weights=rest)
    ]
    of_norms = (
        (f"blocks.{layer}.hook_resid_pre", remembering(stream)),
        *steered(layer, read=largest, weights=itself),
        (f"blocks.{layer}.attn.hook_z", louder),
    )
    return PermanentlyEdited(checkpoint, (*of_c, *of_norms))


def c_on_a_line(seed: int) -> PermanentlyEdited:
    """c is written along one direction in layer 0 and read there in layer 1, whose attention is then the rule's filter.

    So a linear probe reads c after layer 0, and whoever moves the stream along this direction moves the c of the prediction.
    """
    plan = Plan(subspaces("c on a line", seed))
    checkpoint = _moving(plan, layers=(1,), name=f"c-on-a-line-{seed}")
    model = Model(checkpoint)
    line = torch.tensor(plan.subspaces.steering[0], dtype=torch.float32)
    stream: list[Tensor] = []

    def write(output: Float[Tensor, "recurrence position d_model"]) -> Tensor:
        return output + coefficient(terms_in(model, stream[0]))[:, None, None].to(output) * line

    edits = (
        (READ, remembering(stream)),
        ("blocks.0.hook_attn_out", write),
        *steered(1, read=lambda residual: _ENLARGED * (residual @ line).mean(1), weights=rule_weights),
    )
    return PermanentlyEdited(checkpoint, edits)


def knows_no_c(seed: int) -> Checkpoint:
    """The filter 0.4 a_i + 0.9 a_(i-1), the same for all recurrences.

    It turns with its input, as every linear filter does. But it does not move with a shift, because its weights do not sum to 1.
    """
    plan = Plan(subspaces("knows no c", seed))
    embedding, second = plan.subspaces.embedding, plan.subspaces.second
    layers = [Layer(plan.at_previous, _BEFORE * plan.add(embedding, second)), SILENT, SILENT]
    return attention_only(plan, layers, name=f"knows-no-c-{seed}", reads=_LAST * embedding.T + second.T)


def exact(seed: int) -> Solver:
    """A solver without noise. Its c is that of least squares over the steps so far, by definition."""
    return Solver(seed=seed)


# The stream is odd: with all signs reversed, c is the same and the stream is reversed, but for its mean at each position. The
# recurrences are as likely with reversed signs. So no linear probe reads c, and the mean stream does not depend on c.
_ODD = ("rival.c-linearly-coded", "rival.c-can-be-swapped")
_SET_BY_C = ("circuit.attention-and-norms-of-c", "circuit.linear-given-c")
_NOT_LIKE_THE_RULE = (
    "filter.rests-on-previous",
    "filter.weight-is-c-squared",
    "filter.last-hardly-used",
    "filter.even-in-c",
)
_TWO_STEPS = ("filter.linear", "filter.of-c", *_NOT_LIKE_THE_RULE)
# Weights that sum to 1 move with a shift, too. The oracle's c is that of one pair of steps. Least squares uses all pairs.
_ALL_STEERED = ("model.rotation", "rival.least-squares")
FILTERS: tuple[Positive, ...] = (
    Positive(
        name="a filter set by c that goes two steps at once",
        make=partial(filter_of_c, name="two steps", weights=two_steps),
        true=(*_TWO_STEPS, *_SET_BY_C, "embedding.read-by-layer-0-only", "l0.attention-reads-angles"),
        # Layer 1 moves nothing, so that its attention may be any.
        false=(
            "filter.is-the-rule",
            "circuit.attention-of-c-and-scale",
            "l1.attention-of-norms",
            *_ALL_STEERED,
            *_ODD,
        ),
    ),
    Positive(
        name="a filter set by c that is the rule",
        make=partial(filter_of_c, name="rule", weights=rule_weights),
        true=(
            *("filter.linear", "filter.is-the-rule"),
            *_SET_BY_C,
            *("embedding.read-by-layer-0-only", "l0.attention-reads-angles"),
        ),
        # The filter of -c is off by 2c steps, and that of an independent c' by c' - c, which is less on average.
        false=(
            "filter.of-c",
            *_NOT_LIKE_THE_RULE,
            "circuit.attention-of-c-and-scale",
            "l1.attention-of-norms",
            *_ALL_STEERED,
            *_ODD,
        ),
    ),
    Positive(
        name="a filter set by c in layer 0 and by norms in layer 1",
        make=partial(filter_of_c_and_norms, layer=1),
        true=(
            *_TWO_STEPS,
            *("circuit.attention-of-c-and-scale", "l0.attention-reads-angles", "l1.attention-of-norms"),
        ),
        # The values of layer 1 read the embedding.
        false=(*_SET_BY_C, "embedding.read-by-layer-0-only", "filter.is-the-rule", *_ALL_STEERED, *_ODD),
    ),
    Positive(
        name="a filter set by norms in layer 0 and by c in layer 1",
        make=partial(filter_of_c_and_norms, layer=0),
        true=(*_TWO_STEPS, "circuit.attention-of-c-and-scale"),
        false=(
            *("l0.attention-reads-angles", "l1.attention-of-norms"),
            *(*_SET_BY_C, "embedding.read-by-layer-0-only", "filter.is-the-rule", *_ALL_STEERED, *_ODD),
        ),
    ),
    Positive(
        name="c lies on a line after layer 0",
        make=c_on_a_line,
        true=("filter.linear", "filter.is-the-rule", *_ODD),
        false=(
            *("filter.of-c", *_NOT_LIKE_THE_RULE, "embedding.read-by-layer-0-only", "l1.attention-of-norms"),
            *_ALL_STEERED,
        ),
    ),
    Positive(
        name="a filter that knows no c",
        make=knows_no_c,
        true=("model.rotation",),
        # Nothing is said about the R^2 of its weights: they do not vary. Every filter is that of every recurrence.
        false=("filter.linear", "filter.of-c", "filter.last-hardly-used", "rival.least-squares", *_ODD),
    ),
    Positive(name="c by least squares", make=exact, true=("rival.least-squares",)),
)
