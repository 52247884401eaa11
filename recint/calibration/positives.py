"""Positive controls: models built so that what claims say of interventions is true of them.

`planted` settles what attention and weights look like, but its layers 1 and 2 say so little that nothing is lost without them.
Here every part does something that the prediction needs. All these models share one plan. Their residual stream holds

    embedding   the terms: a_i at position i
    second      what heads write; the unembedding reads it as it is
    position    a code for every position, so long that LayerNorm's scale hardly depends on anything else
    steering    one direction, which layer 1 writes and layer 2 looks at

and they predict 0.25 a_i + b a_(i-1), with b as a regression has it: far better than copying. To this an error is added that is
far larger than what copying misses, and the part in question takes it back. "The model needs this part" is then true by
construction. Where that part is a pattern of attention, the error is a fixed vector or one that changes its sign from position
to position; where it is the output of heads, the error is a multiple of the previous term.

Heads have as many dimensions as the stream. So W_K and W_V can be the identity, and a head is its QK and its OV matrix. And a
random low-rank identity is then the identity itself, whatever was drawn: what is the identity loses nothing to its stand-in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import einops
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from recint.calibration.planted import COPIED, SMALL, Bar, Places, Solver, calibrated, carve
from recint.checkpoint import Checkpoint, ModelConfig
from recint.model import Model
from recint.system.seeds import derive_seed

Array = NDArray[np.float64]
Rows = Float[NDArray, "row d_model"]
Matrix = Float[NDArray, "d_model d_model"]

CONFIG: ModelConfig = replace(SMALL, d_head=SMALL.d_model)

_CODE = 128.0  # length of a position's code; the square of all else in the stream is less than 2 % of its square
_SHORT = 16.0  # where all else is a term: of so much less a stand-in, exact but for float32, misses less
# Cosine of a code with the direction that all share; that of position 0, the most similar to each.
_SHARED, _FIRST = 0.2, 0.6
_GAP = 25.0  # by how much the score of the key that is looked at exceeds the others
_ERROR = 3.0  # length of an error that is taken back: its square over 8 coordinates is many times what copying misses
_SUBTRACTED = 4.0  # how many times what it attends to layer 2 subtracts, where it is a negative identity
# Size of the stream before layer 0, and of what layer 0 writes, where layer 0 is to see no LayerNorm.
_TINY, _LOUD = 1e-6, 1e3


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


# --- The plan ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Layer:
    """What its heads look at, and what they add to the stream: one map for all heads together, or one for each."""

    looks: Matrix | Float[NDArray, "head d_model d_model"]
    adds: Matrix | Float[NDArray, "head d_model d_model"]

    def tensors(self, layer: int) -> dict[str, Array]:
        heads = (CONFIG.n_heads, CONFIG.d_model, CONFIG.d_model)
        adds = self.adds / CONFIG.n_heads if self.adds.ndim == 2 else self.adds
        same = np.broadcast_to(np.eye(CONFIG.d_model), heads)
        maps = {"Q": np.broadcast_to(self.looks, heads), "K": same, "V": same, "O": np.broadcast_to(adds, heads)}
        return {f"blocks.{layer}.attn.W_{letter}": matrix for letter, matrix in maps.items()}


@dataclass(frozen=True)
class _Plan:
    """Places in the stream, what reads them, and maps from one to another.

    Attributes:
        code: length of a position's code.
        tiny: embed all so small that LayerNorm divides by the square root of its epsilon and by nothing else.
    """

    places: Places
    code: float = _CODE
    tiny: bool = False

    @property
    def size(self) -> float:
        return _TINY if self.tiny else 1.0

    @property
    def scale(self) -> float:
        """What LayerNorm divides by."""
        return CONFIG.layer_norm_eps**0.5 if self.tiny else self.code / CONFIG.d_model**0.5

    @property
    def cosines(self) -> Float[NDArray, position]:
        """Of every code with the direction that all share."""
        cosines: Array = np.where(np.arange(CONFIG.n_ctx) == 0, _FIRST, _SHARED)
        return cosines

    @property
    def codes(self) -> Float[NDArray, "position d_model"]:
        """Cosines of any two are products of their cosines with what all share: position 0 is the most similar to each."""
        alone = (1 - self.cosines**2) ** 0.5
        codes: Array = self.code * (self.cosines[:, None] * self.places.idle + alone[:, None] * self.places.position)
        return codes

    @property
    def at(self) -> Float[NDArray, "position d_model"]:
        """Rows that read 1 at their own position and 0 at every other."""
        read: Array = self.places.position / (self.code * (1 - self.cosines**2) ** 0.5)[:, None]
        return read

    @property
    def sign(self) -> Float[NDArray, "row=1 d_model"]:
        """Reads 1 at even positions and -1 at odd ones."""
        read: Array = (-1.0) ** np.arange(CONFIG.n_ctx)[None] @ self.at
        return read

    def look(self, queries: Rows, keys: Rows) -> Matrix:
        """Scores that are larger by the gap where a row of `queries` and that of `keys` both read 1."""
        scores: Array = _GAP * CONFIG.d_head**0.5 * (self.scale / self.size) ** 2 * queries.T @ keys
        return scores

    def add(self, read: Rows, write: Rows) -> Matrix:
        """Add to the stream what the rows of `read` say, along the rows of `write`."""
        added: Array = self.scale / self.size * read.T @ write
        return added

    @property
    def at_previous(self) -> Matrix:
        return self.look(self.at[1:], self.at[:-1])

    @property
    def at_position_1(self) -> Matrix:
        return self.look(self.at[1:].sum(0, keepdims=True), self.at[1:2])


def _places(name: str, seed: int) -> Places:
    rng = np.random.default_rng(derive_seed(seed, "positives", name))
    return carve(CONFIG, steering=1, idle=1, rng=rng)


def _model(
    plan: _Plan,
    layers: Sequence[_Layer],
    *,
    name: str,
    reads: Float[NDArray, "d_model dim"],
    error: Array | float = 0.0,
) -> Checkpoint:
    """What is embedded, these layers, MLPs that do nothing, and what the unembedding reads and adds."""
    tensors = {key: np.zeros(shape) for key, shape in CONFIG.shapes.items()}
    tensors |= {key: np.ones(shape) for key, shape in CONFIG.shapes.items() if key.endswith(".w")}
    for number, layer in enumerate(layers):
        tensors |= layer.tensors(number)
    tensors |= {
        "embed.W_E": plan.size * plan.places.embedding,
        "pos_embed.W_pos": plan.size * plan.codes,
        "unembed.W_U": plan.scale * reads,
        "unembed.b_U": error + np.zeros(CONFIG.d_vocab),
    }
    return Checkpoint(name, CONFIG, {key: torch.tensor(tensors[key], dtype=torch.float32) for key in CONFIG.shapes})


def _before() -> float:
    """How much of the previous term a prediction takes."""
    return calibrated(CONFIG.d_vocab).before


def _prediction(plan: _Plan) -> Float[NDArray, "d_model dim"]:
    """An unembedding that reads a little of the term, and what heads wrote."""
    reads: Array = COPIED * plan.places.embedding.T + plan.places.second.T
    return reads


_SILENT = _Layer(np.zeros((CONFIG.d_model,) * 2), np.zeros((CONFIG.d_model,) * 2))
_ERRORS = _ERROR * np.eye(CONFIG.d_vocab)


# --- The models -------------------------------------------------------------------------------------------------------


def _steps_1_and_0(plan: _Plan, *, also: Matrix | float = 0.0) -> tuple[_Layer, _Layer]:
    """Layers 0 and 1 as the notebook has them.

    Layer 0 looks at the previous position and writes its term, and its sign: the unembedding reads the sign of the position
    itself as an error, and the previous one is its negative. Layer 1 looks at position 1, and only what it finds there takes
    back the error that the bias of the unembedding adds everywhere.
    """
    second = plan.places.second
    moved = _before() * plan.add(plan.places.embedding, second)
    return (
        _Layer(plan.at_previous, moved + _ERROR * plan.add(plan.sign, second[:1])),
        _Layer(plan.at_position_1, also - _ERROR * plan.add(plan.at[1:2], second[1:2])),
    )


def circuit(seed: int) -> Checkpoint:
    """The notebook's circuit: layer 0 looks at the previous term, layer 1 at position 1, and the QK of layer 2 is the identity.

    With a low-rank identity of full rank, each role is what its layer does already: in its place nothing is lost. Layer 2
    looks at what is most similar to a query, which is the query itself, for scores are cosines times 8; from there it takes
    back the sign that the unembedding reads. Any other role, uniform attention or random attention finds other signs.
    """
    plan = _Plan(_places("circuit", seed))
    layer_2 = _Layer(np.eye(CONFIG.d_model), -_ERROR * plan.add(plan.sign, plan.places.second[2:3]))
    reads = _prediction(plan) + einops.einsum(
        plan.sign[0], _ERRORS[0] + _ERRORS[2], "d_model, coordinate -> d_model coordinate"
    )
    return _model(plan, [*_steps_1_and_0(plan), layer_2], name=f"circuit-{seed}", reads=reads, error=_ERRORS[1])


def steered(seed: int) -> Checkpoint:
    """Layer 2 looks at position 0, where layer 1 writes nothing: at all other positions it writes what keys are avoided for.

    Position 0 is also what is most similar to every other position before layer 2, and only what is found there takes back an
    error of the unembedding's bias. So layer 2 needs its edges to the most similar key, and needs layer 1 to find them. Its
    values read position 0 and the terms, and what they make of a term is at right angles to it.
    """
    plan = _Plan(_places("steered", seed))
    steering, second = plan.places.steering, plan.places.second
    shared = plan.places.idle / (plan.code * _SHARED)
    turned = np.kron(np.eye(CONFIG.d_vocab // 2), [[0.0, 1.0], [-1.0, 0.0]])
    centred = np.eye(CONFIG.d_vocab) - 1 / CONFIG.d_vocab
    right_angle = plan.add(plan.places.embedding, 0.01 * centred @ turned @ centred @ second)
    layer_2 = _Layer(-plan.look(shared, steering), right_angle - _ERROR * plan.add(plan.at[:1], second[2:3]))
    layers = [*_steps_1_and_0(plan, also=plan.add(plan.at[1:2], steering)), layer_2]
    reads = _prediction(plan) + einops.einsum(plan.sign[0], _ERRORS[0], "d_model, coordinate -> d_model coordinate")
    return _model(plan, layers, name=f"steered-{seed}", reads=reads, error=_ERRORS[1] + _ERRORS[2])


def overshooting(seed: int, *, shares: Float[NDArray, "head coordinate"]) -> Checkpoint:
    """Layer 0 brings far too much of the previous term, and layers 1 and 2 each take back half of what is too much.

    After layer 0 the stream holds a_i and a_(i-1) as they are; a linear map of these explains 0.7 of the variance of d.

    Args:
        shares: of each coordinate of the previous term, what each head of layer 0 brings.
    """
    plan = _Plan(_places("overshooting", seed))
    embedding, second = plan.places.embedding, plan.places.second
    brought = (_before() + 2 * _ERROR) * np.stack([plan.add(embedding, share[:, None] * second) for share in shares])
    takes_back = _Layer(plan.at_previous, -_ERROR * plan.add(embedding, second))
    layers = [_Layer(plan.at_previous, brought), takes_back, takes_back]
    return _model(plan, layers, name=f"overshooting-{seed}", reads=_prediction(plan))


def balanced(seed: int) -> Checkpoint:
    """Layer 0 brings too much of every coordinate of the previous term, layer 2 takes it back, and layer 1 writes one direction.

    Cut to one direction, each of layers 0 and 2 leaves the other's part to all coordinates but one; layer 1 loses nothing.
    """
    plan = _Plan(_places("balanced", seed))
    terms = plan.add(plan.places.embedding, plan.places.second)
    layers = [
        _Layer(plan.at_previous, (_before() + _ERROR) * terms),
        _Layer(plan.at_position_1, plan.add(plan.at[1:2], plan.places.steering)),
        _Layer(plan.at_previous, -_ERROR * terms),
    ]
    return _model(plan, layers, name=f"balanced-{seed}", reads=_prediction(plan))


def subtracting(seed: int) -> Checkpoint:
    """The OV matrices of layer 2 are negative identities, and it looks at the previous position.

    The unembedding reads the terms with a minus sign: what is subtracted is all that the model knows of a_(i-1). A negative
    identity of full rank is what the layer has, once it is scaled; a positive one turns the better part of the prediction around.
    """
    plan = _Plan(_places("subtracting", seed), code=_SHORT)
    layer_2 = _Layer(plan.at_previous, -_SUBTRACTED * plan.scale * np.eye(CONFIG.d_model))
    # By how much longer a stream is that has lost so many times the one before, whose code has a cosine of _SHARED^2 with its own.
    longer = (1 + _SUBTRACTED**2 - 2 * _SUBTRACTED * _SHARED**2) ** 0.5
    reads = -longer * _before() / _SUBTRACTED * plan.places.embedding.T
    return _model(plan, [_SILENT, _SILENT, layer_2], name=f"subtracting-{seed}", reads=reads)


def alternating(seed: int) -> Checkpoint:
    """Layer 0 writes the last step, a_i - a_(i-1), and the QK of layer 2 is a quarter of the identity.

    A step is c times the one before: all steps of a recurrence lie on one line, and where c is negative they change direction
    every time. LayerNorm makes them equally long, so that scores are 2 or -2: where c is negative, layer 2 gives a key of the
    query's parity e^4 times the weight of another, and where c is positive it gives all keys the same. Before layer 0 the stream
    is tiny: there LayerNorm divides by the square root of its epsilon and by nothing that depends on a term, so steps are exact.
    """
    plan = _Plan(_places("alternating", seed), tiny=True)
    half = CONFIG.n_heads // 2
    looks = np.stack([plan.look(plan.at, plan.at)] * half + [plan.at_previous] * half)
    copied = _LOUD / half * plan.add(plan.places.embedding, plan.places.embedding)
    layer_0 = _Layer(looks, np.stack([copied] * half + [-copied] * half))
    layer_2 = _Layer(np.eye(CONFIG.d_model) / 4, _SILENT.adds)
    return _model(plan, [layer_0, _SILENT, layer_2], name=f"alternating-{seed}", reads=plan.places.embedding.T)


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
