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

from recint.calibration.attention_only import CONFIG, SHARED, Array, Layer, Matrix, Plan, attention_only, subspaces
from recint.calibration.solver import Solver
from recint.calibration.terms import COPIED, term_statistics
from recint.calibration.truth import Bar
from recint.checkpoint import Checkpoint
from recint.model import Model

_SHORT = 16.0  # where all else is a term: of so much less a stand-in, exact but for float32, misses less
_ERROR = 3.0  # length of an error that is taken back: its square over 8 coordinates is many times what copying misses
_LOUD = 1e3
_SUBTRACTED = 4.0  # how many times what it attends to layer 2 subtracts, where it is a negative identity


@dataclass(frozen=True, kw_only=True)
class Positive:
    """A planted model and the claims that its construction settles.

    Attributes:
        make: from a seed to the model; its docstring says how the claims are settled.
        true, false: names of claims, which stand for all their versions, or ids of single versions.
    """

    name: str
    make: Callable[[int], Checkpoint | Solver]
    true: tuple[str, ...]
    false: tuple[str, ...] = ()

    def model(self, *, seed: int = 0) -> Model | Solver:
        made = self.make(seed)
        return made if isinstance(made, Solver) else Model(made)

    def truth(self, claims: Iterable[Bar]) -> dict[str, bool]:
        """Whether each claim holds, for those that are settled; an id says more than a name."""
        told = dict.fromkeys(self.true, True) | dict.fromkeys(self.false, False)
        return {
            claim.id: told[key] for claim in claims if (key := claim.id if claim.id in told else claim.name) in told
        }


def _before() -> float:
    """How much of the previous term a prediction takes."""
    return term_statistics(CONFIG.d_vocab).before


def _prediction(plan: Plan) -> Float[NDArray, "d_model dim"]:
    """An unembedding that reads a little of the term, and what heads wrote."""
    reads: Array = COPIED * plan.subspaces.embedding.T + plan.subspaces.second.T
    return reads


_SILENT = Layer(np.zeros((CONFIG.d_model,) * 2), np.zeros((CONFIG.d_model,) * 2))
_ERRORS = _ERROR * np.eye(CONFIG.d_vocab)


def _steps_1_and_0(plan: Plan, *, also: Matrix | float = 0.0) -> tuple[Layer, Layer]:
    """Layers 0 and 1 as the notebook has them.

    Layer 0 looks at the previous position and writes its term, and its sign: the unembedding reads the sign of the position
    itself as an error, and the previous one is its negative. Layer 1 looks at position 1, and only what it finds there takes
    back the error that the bias of the unembedding adds everywhere.
    """
    second = plan.subspaces.second
    moved = _before() * plan.add(plan.subspaces.embedding, second)
    return (
        Layer(plan.at_previous, moved + _ERROR * plan.add(plan.sign, second[:1])),
        Layer(plan.at_position_1, also - _ERROR * plan.add(plan.at[1:2], second[1:2])),
    )


def circuit(seed: int) -> Checkpoint:
    """The notebook's circuit: layer 0 looks at the previous term, layer 1 at position 1, and the QK of layer 2 is the identity.

    With a low-rank identity of full rank, each role is what its layer does already: in its place nothing is lost. Layer 2
    looks at what is most similar to a query, which is the query itself, for scores are cosines times 8; from there it takes
    back the sign that the unembedding reads. Any other role, uniform attention or random attention finds other signs.
    """
    plan = Plan(subspaces("circuit", seed))
    layer_2 = Layer(np.eye(CONFIG.d_model), -_ERROR * plan.add(plan.sign, plan.subspaces.second[2:3]))
    reads = _prediction(plan) + einops.einsum(
        plan.sign[0], _ERRORS[0] + _ERRORS[2], "d_model, coordinate -> d_model coordinate"
    )
    return attention_only(plan, [*_steps_1_and_0(plan), layer_2], name=f"circuit-{seed}", reads=reads, error=_ERRORS[1])


def steered(seed: int) -> Checkpoint:
    """Layer 2 looks at position 0, where layer 1 writes nothing: at all other positions it writes what keys are avoided for.

    Position 0 is also what is most similar to every other position before layer 2, and only what is found there takes back an
    error of the unembedding's bias. So layer 2 needs its edges to the most similar key, and needs layer 1 to find them. Its
    values read position 0 and the terms, and what they make of a term is at right angles to it.
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
    """Layer 0 brings far too much of the previous term, and layers 1 and 2 each take back half of what is too much.

    After layer 0 the stream holds a_i and a_(i-1) as they are; a linear map of these explains 0.7 of the variance of d.

    Args:
        shares: of each coordinate of the previous term, what each head of layer 0 brings.
    """
    plan = Plan(subspaces("overshooting", seed))
    embedding, second = plan.subspaces.embedding, plan.subspaces.second
    brought = (_before() + 2 * _ERROR) * np.stack([plan.add(embedding, share[:, None] * second) for share in shares])
    takes_back = Layer(plan.at_previous, -_ERROR * plan.add(embedding, second))
    layers = [Layer(plan.at_previous, brought), takes_back, takes_back]
    return attention_only(plan, layers, name=f"overshooting-{seed}", reads=_prediction(plan))


def balanced(seed: int) -> Checkpoint:
    """Layer 0 brings too much of every coordinate of the previous term, layer 2 takes it back, and layer 1 writes one direction.

    Cut to one direction, each of layers 0 and 2 leaves the other's part to all coordinates but one; layer 1 loses nothing.
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
    """The OV matrices of layer 2 are negative identities, and it looks at the previous position.

    The unembedding reads the terms with a minus sign: what is subtracted is all that the model knows of a_(i-1). A negative
    identity of full rank is what the layer has, once it is scaled; a positive one turns the better part of the prediction around.
    """
    plan = Plan(subspaces("subtracting", seed), code=_SHORT)
    layer_2 = Layer(plan.at_previous, -_SUBTRACTED * plan.scale * np.eye(CONFIG.d_model))
    # By how much longer a stream is that has lost so many times the one before, whose code has a cosine of SHARED^2 with its own.
    longer = (1 + _SUBTRACTED**2 - 2 * _SUBTRACTED * SHARED**2) ** 0.5
    reads = -longer * _before() / _SUBTRACTED * plan.subspaces.embedding.T
    return attention_only(plan, [_SILENT, _SILENT, layer_2], name=f"subtracting-{seed}", reads=reads)


def alternating(seed: int) -> Checkpoint:
    """Layer 0 writes the last step, a_i - a_(i-1), and the QK of layer 2 is a quarter of the identity.

    A step is c times the one before: all steps of a recurrence lie on one line, and where c is negative they change direction
    every time. LayerNorm makes them equally long, so that scores are 2 or -2: where c is negative, layer 2 gives a key of the
    query's parity e^4 times the weight of another, and where c is positive it gives all keys the same. Before layer 0 the stream
    is tiny: there LayerNorm divides by the square root of its epsilon and by nothing that depends on a term, so steps are exact.
    """
    plan = Plan(subspaces("alternating", seed), tiny=True)
    half = CONFIG.n_heads // 2
    looks = np.stack([plan.look(plan.at, plan.at)] * half + [plan.at_previous] * half)
    copied = _LOUD / half * plan.add(plan.subspaces.embedding, plan.subspaces.embedding)
    layer_0 = Layer(looks, np.stack([copied] * half + [-copied] * half))
    layer_2 = Layer(np.eye(CONFIG.d_model) / 4, _SILENT.adds)
    return attention_only(
        plan, [layer_0, _SILENT, layer_2], name=f"alternating-{seed}", reads=plan.subspaces.embedding.T
    )


def limited(seed: int) -> Solver:
    """Solves recurrences with a noise of 1e-4 where |c| <= 2, and takes a larger |c| for 2.

    There it is off by |c| - 2 times the step before: by 0.11 of what copying is off by at |c| = 3, and by 0.25 at |c| = 4.
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
)
