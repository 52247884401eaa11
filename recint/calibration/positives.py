"""Positive controls: models for which claims about interventions are true by construction.

`planted` fixes attention and weights, but its layers 1 and 2 write so little that the model loses nothing without them.
Here the prediction needs every part. All models are attention-only (see `attention_only`).

Each predicts 0.25 a_i + b a_(i-1), where b is fitted by regression. This is far better than copying. The model also adds an
error, far larger than the error of copying, and the part in question takes this error back. So "the model needs this
part" is true by construction. If the part is an attention pattern, the error is a fixed vector, or one that changes its sign
from position to position. If the part is the output of heads, the error is a multiple of the previous term.

A random low-rank identity of full rank is the identity itself, whatever was drawn. So a head that is the identity loses nothing
when this stand-in takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import einops
import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from recint.calibration.attention_only import (
    CONFIG,
    SHARED,
    SILENT,
    Array,
    Layer,
    Matrix,
    Plan,
    attention_only,
    subspaces,
)
from recint.calibration.solver import Solver
from recint.calibration.term_statistics import COPIED, term_statistics
from recint.checkpoint import Checkpoint
from recint.judging.claim import Claim
from recint.model import Model

# Length of a position's code where the rest of the stream is a single term. A shorter code makes float32 round a stand-in less.
_SHORT = 16.0
_ERROR = 3.0  # length of an error that is taken back; its square over 8 coordinates is many times the error of copying
_LOUD = 1e3  # factor on what layer 0 writes into a tiny stream
_SUBTRACTED = 4.0  # factor with which layer 2 subtracts what it attends to, if it is a negative identity


@dataclass(frozen=True, kw_only=True)
class Positive:
    """A planted model and the claims that its construction settles.

    Attributes:
        make: makes the model from a seed. Its docstring says why the claims are settled.
        true, false: names of claims, each for all versions of the claim, or ids of single versions.
    """

    name: str
    make: Callable[[int], Checkpoint | Model | Solver]
    true: tuple[str, ...]
    false: tuple[str, ...] = ()

    def model(self, *, seed: int = 0) -> Model | Solver:
        made = self.make(seed)
        return Model(made) if isinstance(made, Checkpoint) else made

    def truth(self, claims: Iterable[Claim]) -> dict[str, bool]:
        """Whether each claim is true; only claims that are settled. An id takes precedence over a name."""
        told = dict.fromkeys(self.true, True) | dict.fromkeys(self.false, False)
        return {
            claim.id: told[key] for claim in claims if (key := claim.id if claim.id in told else claim.name) in told
        }


def _before() -> float:
    """Coefficient of the previous term in a prediction."""
    return term_statistics(CONFIG.d_vocab).before


def _prediction(plan: Plan) -> Float[NDArray, "d_model dim"]:
    """An unembedding that reads a little of the term, and what heads write."""
    reads: Array = COPIED * plan.subspaces.embedding.T + plan.subspaces.second.T
    return reads


_ERRORS = _ERROR * np.eye(CONFIG.d_vocab)


def _steps_1_and_0(plan: Plan, *, also: Matrix | float = 0.0) -> tuple[Layer, Layer]:
    """Layers 0 and 1 as the notebook describes them.

    Layer 0 looks at the previous position, and writes the term and the sign of that position. The unembedding reads the sign of
    the position itself as an error. The previous position has the opposite sign, so it takes the error back. Layer 1 looks at
    position 1. The bias of the unembedding adds an error everywhere, and only what layer 1 finds at position 1 takes it back.
    """
    second = plan.subspaces.second
    moved = _before() * plan.add(plan.subspaces.embedding, second)
    return (
        Layer(plan.at_previous, moved + _ERROR * plan.add(plan.sign, second[:1])),
        Layer(plan.at_position_1, also - _ERROR * plan.add(plan.at[1:2], second[1:2])),
    )


def circuit(seed: int) -> Checkpoint:
    """The notebook's circuit: layer 0 looks at the previous term, layer 1 at position 1, and the QK of layer 2 is the identity.

    Each layer already does what its role says, if the low-rank identity has full rank. So nothing is lost when the role replaces
    the layer. Layer 2 looks at the key that is most similar to the query. This is the query itself, because scores are cosines
    times 8. Layer 2 takes back the sign that the unembedding reads. Another role, or uniform or random attention, would find other
    signs.
    """
    plan = Plan(subspaces("circuit", seed))
    layer_2 = Layer(np.eye(CONFIG.d_model), -_ERROR * plan.add(plan.sign, plan.subspaces.second[2:3]))
    reads = _prediction(plan) + einops.einsum(
        plan.sign[0], _ERRORS[0] + _ERRORS[2], "d_model, coordinate -> d_model coordinate"
    )
    return attention_only(plan, [*_steps_1_and_0(plan), layer_2], name=f"circuit-{seed}", reads=reads, error=_ERRORS[1])


def steered(seed: int) -> Checkpoint:
    """Layer 1 steers layer 2: it marks all positions but position 0, and layer 2 avoids keys with the mark.

    So layer 2 looks at position 0. Before layer 2, position 0 is also the most similar to every other position. Only what layer 2
    finds there takes back an error of the unembedding's bias. So layer 2 needs its edges to the most similar key, and it needs
    layer 1 to find this key. The values of layer 2 read position 0 and the terms. What it writes for a term is at right angles to
    that term.
    """
    plan = Plan(subspaces("steered", seed))
    steering, second = plan.subspaces.steering, plan.subspaces.second
    shared = plan.subspaces.idle / (plan.code * SHARED)
    turned = np.kron(np.eye(CONFIG.d_vocab // 2), [[0.0, 1.0], [-1.0, 0.0]])
    centred = np.eye(CONFIG.d_vocab) - 1 / CONFIG.d_vocab
    right_angle = plan.add(plan.subspaces.embedding, 0.01 * centred @ turned @ centred @ second)
    layer_2 = Layer(-plan.look(shared, steering), right_angle - _ERROR * plan.add(plan.at[:1], second[2:3]))
    layers = [*_steps_1_and_0(plan, also=plan.add(plan.at[1:2], steering)), layer_2]
    reads = _prediction(plan) + einops.einsum(plan.sign[0], _ERRORS[0], "d_model, coordinate -> d_model coordinate")
    return attention_only(plan, layers, name=f"steered-{seed}", reads=reads, error=_ERRORS[1] + _ERRORS[2])


def overshooting(seed: int, *, shares: Float[NDArray, "head coordinate"]) -> Checkpoint:
    """Layer 0 adds far too much of the previous term, and layers 1 and 2 each take back half of the excess.

    After layer 0 the stream holds a_i and a_(i-1). A linear map of these explains 0.7 of the variance of d.

    Args:
        shares: for each head of layer 0, the share of each coordinate of the previous term that it adds.
    """
    plan = Plan(subspaces("overshooting", seed))
    embedding, second = plan.subspaces.embedding, plan.subspaces.second
    brought = (_before() + 2 * _ERROR) * np.stack([plan.add(embedding, share[:, None] * second) for share in shares])
    takes_back = Layer(plan.at_previous, -_ERROR * plan.add(embedding, second))
    layers = [Layer(plan.at_previous, brought), takes_back, takes_back]
    return attention_only(plan, layers, name=f"overshooting-{seed}", reads=_prediction(plan))


def balanced(seed: int) -> Checkpoint:
    """Layer 0 adds too much of every coordinate of the previous term, layer 2 takes it back, and layer 1 writes one direction.

    If layer 0 or layer 2 is cut to one direction, the part of the other stays in all coordinates but one. If layer 1 is cut to
    one direction, nothing is lost.
    """
    plan = Plan(subspaces("balanced", seed))
    terms = plan.add(plan.subspaces.embedding, plan.subspaces.second)
    layers = [
        Layer(plan.at_previous, (_before() + _ERROR) * terms),
        Layer(plan.at_position_1, plan.add(plan.at[1:2], plan.subspaces.steering)),
        Layer(plan.at_previous, -_ERROR * terms),
    ]
    return attention_only(plan, layers, name=f"balanced-{seed}", reads=_prediction(plan))


def subtracting(seed: int) -> Checkpoint:
    """The OV matrices of layer 2 are negative identities, and layer 2 looks at the previous position.

    The unembedding reads the terms with a minus sign. So what layer 2 subtracts is all that the model knows of a_(i-1). A negative
    identity of full rank, once it is scaled, is what the layer already has. A positive one reverses the sign of most of the
    prediction.
    """
    plan = Plan(subspaces("subtracting", seed), code=_SHORT)
    layer_2 = Layer(plan.at_previous, -_SUBTRACTED * plan.scale * np.eye(CONFIG.d_model))
    # Factor on the length of a stream from which _SUBTRACTED times the one before is subtracted. Their codes have cosine SHARED^2.
    longer = (1 + _SUBTRACTED**2 - 2 * _SUBTRACTED * SHARED**2) ** 0.5
    reads = -longer * _before() / _SUBTRACTED * plan.subspaces.embedding.T
    return attention_only(plan, [SILENT, SILENT, layer_2], name=f"subtracting-{seed}", reads=reads)


def alternating(seed: int) -> Checkpoint:
    """Layer 0 writes the last step, a_i - a_(i-1), and the QK of layer 2 is a quarter of the identity.

    A step is c times the step before. So all steps of a recurrence lie on one line, and if c is negative, each has the opposite
    direction of the one before. LayerNorm makes all steps equally long, so scores are 2 or -2. If c is negative, layer 2 gives a
    key of the query's parity e^4 times the weight of another key. If c is positive, it gives all keys the same weight.

    Before layer 0 the stream is tiny. There LayerNorm divides by the square root of its epsilon and by nothing that depends on a
    term, so the steps are exact.
    """
    plan = Plan(subspaces("alternating", seed), tiny=True)
    half = CONFIG.n_heads // 2
    looks = np.stack([plan.look(plan.at, plan.at)] * half + [plan.at_previous] * half)
    copied = _LOUD / half * plan.add(plan.subspaces.embedding, plan.subspaces.embedding)
    layer_0 = Layer(looks, np.stack([copied] * half + [-copied] * half))
    layer_2 = Layer(np.eye(CONFIG.d_model) / 4, SILENT.adds)
    return attention_only(
        plan, [layer_0, SILENT, layer_2], name=f"alternating-{seed}", reads=plan.subspaces.embedding.T
    )


def unlimited(seed: int) -> Solver:
    """It knows every coefficient, so that it predicts beyond the trained range as well as within it."""
    return Solver(mse=1e-4, seed=seed)


def limited(seed: int) -> Solver:
    """A solver with a noise of 1e-4 that replaces a |c| above 2 by 2.

    Above 2 its error is |c| - 2 times the step before. Relative to the error of copying, this is 0.11 at |c| = 3, and 0.25 at
    |c| = 4.
    """
    return Solver(mse=1e-4, seed=seed, largest=2.0)


def _kinds(claim: str, *kinds: str) -> tuple[str, ...]:
    return (claim, *(f"{claim}.{kind}" for kind in kinds))


_ONE = np.repeat(np.arange(CONFIG.n_heads)[:, None] == 0, CONFIG.d_vocab, axis=1).astype(np.float64)
_OVERSHOOTING = (
    "l0.previous-token",
    "l0.ov-line",
    "l0.residual-formula",
    *_kinds("l1.necessary", "zero", "resample"),
    "l2.corrects-layer-0",
    "composition.values-read-no-heads",
    "probe.constant-term.linear",
)
_HEADS = _kinds("l0.heads-necessary", "mean", "resample")
_DOMINANT = _kinds("l0.one-head-dominates", "mean", "resample")
_ROLES = ("l0.previous-token", "l1.second-position", "circuit.partly-necessary.l0", "circuit.partly-necessary.l1")
POSITIVES: tuple[Positive, ...] = (
    Positive(
        name="the notebook's circuit",
        make=circuit,
        true=(
            *_ROLES,
            *_kinds("circuit.sufficient", "l0", "l1", "l2"),
            "circuit.minimal",
            "l1.low-rank-suffices",
            "l2.qk-identity",
            "l2.attends-to-similar",
        ),
        false=(
            "circuit.partly-necessary.l2",
            "circuit.partly-necessary@2",
            "composition.l1-steers-l2",
            "l1.low-rank-suffices@2",
        ),
    ),
    Positive(
        name="layer 1 steers layer 2",
        make=steered,
        true=(
            *_ROLES,
            "circuit.partly-necessary",
            "circuit.partly-necessary.l2",
            "composition.l1-steers-l2",
            "composition.values-read-no-heads",
            "l2.ov-not-a-line",
        ),
        false=("circuit.sufficient.l2", "l2.qk-identity"),
    ),
    Positive(
        name="one head of layer 0 does all",
        make=partial(overshooting, shares=_ONE),
        true=(*_OVERSHOOTING, *_DOMINANT),
        false=(*_HEADS, "l2.ov-not-a-line"),
    ),
    Positive(
        name="each head of layer 0 brings a coordinate",
        make=partial(overshooting, shares=np.eye(CONFIG.n_heads, CONFIG.d_vocab)),
        true=(*_OVERSHOOTING, *_HEADS),
        false=("l2.ov-not-a-line",),
    ),
    Positive(name="layer 2 takes back what layer 0 brings", make=balanced, true=("l1.low-rank-suffices",)),
    Positive(
        name="layer 2 is a negative identity",
        make=subtracting,
        true=("l2.ov-negative-identity", "l2.subtracts-what-it-attends-to"),
    ),
    Positive(name="steps alternate", make=alternating, true=("l2.checkerboard",)),
    Positive(
        name="solved within the trained range",
        make=limited,
        true=(
            "model.predicts-next-term",
            "model.predicts-short-sequences",
            "model.predicts-every-recurrence",
            "model.degrades-outside-training-range",
        ),
    ),
    Positive(
        name="solved beyond the trained range",
        make=unlimited,
        true=("model.predicts-next-term", "model.predicts-short-sequences", "model.predicts-every-recurrence"),
        false=("model.degrades-outside-training-range",),
    ),
)
