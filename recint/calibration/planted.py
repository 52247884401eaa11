"""Planted models: transformers whose circuit is known by construction, each role present, absent or graded at will.

They are the positive and the negative controls of the claims. A planted model has three layers of attention and MLPs
that do nothing. Its residual stream is carved into orthogonal places, all of them orthogonal to the all-ones vector, so
that neither LayerNorm nor the centring of weights mixes them:

    embedding   m directions      the terms; layers 0, 1 and 2 read their values here; the unembedding reads it
    second      m directions      where layer 0 writes; nothing but the unembedding reads it
    position    n_ctx directions  one for each position, and so long that LayerNorm's scale hardly depends on the terms
    steering    r directions      where layer 1 writes; the queries and keys of layer 2 may read it
    idle        a few directions  nobody writes here, so what reads it has weights but no effect

Layers 0 and 1 attend by position, with scores that give their key the wanted share at every query. Layer 2 attends to
position 0: there layer 0 sees that one term however it attends, so that what layer 2 subtracts can be told exactly
without layer 0's roles having a say in it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import optimize, stats
from torch import Tensor

from recint.checkpoint import Checkpoint, ModelConfig
from recint.claim import Contrast
from recint.domain import Place
from recint.judging.relation import Relation, holds
from recint.model.asked import Asked
from recint.model.chance import CHANCE
from recint.model.intact import Intact
from recint.model.transformer import Model, Run
from recint.recurrence import REFERENCE
from recint.statistics.weights import effective_rank
from recint.system.seeds import derive_seed

T = TypeVar("T")
Heads = Literal["share", "split"]
Quorum = Literal["every head", "majority of heads"]
Strength = Literal["strong", "weak", "near miss"]
PerHead = float | tuple[float, ...]
Array = NDArray[np.float64]

SMALL = ModelConfig(n_layers=3, n_heads=8, d_model=64, d_head=16, d_mlp=1, n_ctx=13, d_vocab=8)

# Terms are no longer than 2: beside positions of this length they move LayerNorm's scale by less than 1 %.
_POSITION = 16.0
_GAP = 30.0  # by how much layer 2's score of position 0 exceeds the others: nothing else gets any weight in float32
# Of layer 0 on the all-ones vector of R^m. Not 1: then 38 of 40 directions would hold exactly 95 % of the energy.
_MEAN_GAIN = 0.8
# How much of the last term the unembedding repeats. The best coefficient of a_i is about 0, but terms have to be visible.
COPIED = 0.25
# How much layers 1 and 2 write, relative to a term; every statistic is free of this scale.
_STEERING, _CORRECTION = 0.1, 0.05


def _each(value: PerHead, n_heads: int = 1) -> tuple[float, ...]:
    """One number for each head."""
    return value if isinstance(value, tuple) else (float(value),) * n_heads


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The value that the statistic of each claim takes, by construction; the defaults play every role strongly.

    Roles that are played head by head take one number for all heads, or a tuple with a number for each.

    Attributes:
        previous_token: attention of layer 0 on the key before the query, the same at every query; in (0, 1).
        ov_line: R^2 of the summed OV of layer 0, negative where its slope is; in [-1, 1].
        second_position: attention of layer 1 on key 1 over its uniform share, the same at queries i >= 3; in (0, 4).
        low_rank: 1 - mean rank in layer 1 / mean rank in layers 0 and 2, to the nearest 1 / (heads * mean rank); below 1.
        negative_copying: OV eigenvalue score of layer 2; in [-1, 1].
        subtracts: cosine of what a head of layer 2 writes with what it attends to; in [-1, 1].
        k_composition, q_composition: of layer 1 with layer 2, over chance. 0 is none, 1 is chance; the highest possible
            value is about sqrt(d_model / rank of layer 1).
        v_composition: the largest of two layers, over chance; from 0 to about sqrt(d_model / d_vocab).
        qk_similarity: QK eigenvalue score of layer 2; at most 1, and above a bound that depends on K- and Q-composition.

    Raises:
        ValueError: a value that no model can have; `plant` refuses what the shape has no room for.
    """

    previous_token: PerHead = 0.9
    ov_line: float = 0.95
    second_position: PerHead = 3.5
    low_rank: float = 0.5
    negative_copying: PerHead = -0.95
    subtracts: PerHead = -0.95
    k_composition: float = 2.0
    q_composition: float = 2.0
    v_composition: float = 0.0
    qk_similarity: float = 0.95

    def __post_init__(self) -> None:
        for name, (low, high) in {"previous_token": (0, 1), "second_position": (0, 4)}.items():
            if not all(low < value < high for value in _each(getattr(self, name))):
                raise ValueError(f"{name}={getattr(self, name)!r} must lie between {low} and {high}, both excluded")
        for name in ("ov_line", "negative_copying", "subtracts", "qk_similarity"):
            if not all(-1 <= value <= 1 for value in _each(getattr(self, name))):
                raise ValueError(f"{name}={getattr(self, name)!r} must lie between -1 and 1")
        if not -np.inf < self.low_rank < 1:
            raise ValueError(f"low_rank={self.low_rank!r} must lie below 1")
        for name in ("k_composition", "q_composition", "v_composition"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name}={getattr(self, name)!r} must be at least 0")


# A role that is not played, at a value that leaves no doubt: uniform attention, chance level, a right angle.
ABSENT = Roles(
    previous_token=0.1,
    ov_line=0.1,
    second_position=1.0,
    low_rank=0.0,
    negative_copying=0.0,
    subtracts=0.0,
    k_composition=1.0,
    q_composition=1.0,
    v_composition=2.0,
    qk_similarity=0.0,
)
ROLES = tuple(field.name for field in fields(Roles))

# Claim -> the role that decides it, and how many of its heads have to play it.
_DECIDED_BY: Mapping[str, tuple[str, Quorum]] = MappingProxyType(
    {
        "l0.previous-token": ("previous_token", "majority of heads"),
        "l0.ov-line": ("ov_line", "every head"),
        "l1.second-position": ("second_position", "majority of heads"),
        "l1.low-effective-rank": ("low_rank", "every head"),
        "l2.ov-negative-copying": ("negative_copying", "every head"),
        "l2.subtracts-what-it-attends-to": ("subtracts", "majority of heads"),
        "composition.k-l1-l2": ("k_composition", "every head"),
        "composition.q-l1-l2": ("q_composition", "every head"),
        "composition.no-v": ("v_composition", "every head"),
        "l2.qk-similarity": ("qk_similarity", "every head"),
    }
)
# Claim -> what its statistic comes to in every planted model, whatever the roles: not exactly, but far from any threshold.
_CONSTANT: Mapping[str, float] = MappingProxyType(
    {
        # What layer 1 writes is not read by the unembedding, and does not move the attention of layer 2.
        "l1.small-attribution": 0.0,
        "l1.necessary": 1.0,
        "l1.necessary.zero": 1.0,
        "l1.necessary.resample": 1.0,
        "composition.l1-steers-l2": 1.0,
        "circuit.minimal": 1.0,
        # Layer 2 writes a twentieth of a term, and of one that is long past.
        "l0.leads-attribution": 1.0,
        # Each of eight heads does an eighth of layer 0's work: it is hardly missed, and no more than another.
        "l0.heads-necessary": 1.0,
        "l0.heads-necessary.mean": 1.0,
        "l0.heads-necessary.resample": 1.0,
        "l0.one-head-dominates": 1.0,
        "l0.one-head-dominates.mean": 1.0,
        "l0.one-head-dominates.resample": 1.0,
    }
)
# Claim about a share of the gain -> what is lost in every planted model, or the ratio of two losses.
_LOST: Mapping[str, float] = MappingProxyType(
    {
        "l1.necessary": 0.0,
        "l1.necessary.zero": 0.0,
        "l1.necessary.resample": 0.0,
        "composition.l1-steers-l2": 0.0,
        "l0.one-head-dominates": 1.0,
        "l0.one-head-dominates.mean": 1.0,
        "l0.one-head-dominates.resample": 1.0,
    }
)
_NEVER = (
    # Two terms do not determine the third: no planted model predicts well, a `Solver` does.
    "model.predicts-next-term",
    "model.predicts-every-recurrence",
    "model.predicts-short-sequences",
    # Anything can stand in for layer 2, which writes so little: their contrasts fail.
    "l2.qk-identity",
    "l2.ov-negative-identity",
    # It does not take back a tenth of what layer 0 adds, and where layer 0 does not add, the contrast fails.
    "l2.corrects-layer-0",
)
# Of those, the versions whose contrasts ask what else loses a share of the gain, which in layer 2 nothing does.
_IDLE = ("l2.qk-identity@3", "l2.ov-negative-identity@3")
_SOLVED = ("model.predicts-next-term", "model.predicts-short-sequences")


class Bar(Protocol):
    """The part of a `Claim` that decides: the figure that its statistic is held against."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def loss_share(self) -> bool: ...

    @property
    def relation(self) -> Relation: ...

    @property
    def threshold(self) -> float: ...

    @property
    def contrasts(self) -> Sequence[Contrast]: ...


def truth(roles: Roles, claims: Iterable[Bar], *, config: ModelConfig = SMALL) -> dict[str, bool]:
    """Whether each claim holds of a model planted with these roles, for those claims that the construction settles.

    >>> truth(Roles(previous_token=0.3), [claim("l0.previous-token"), claim("l0.ov-line")])
    {'l0.previous-token': False, 'l0.ov-line': True}
    """
    share = config.d_vocab / config.d_model  # of the square of a random vector, what lies in the embedding
    chance = (1 - share) ** 0.5
    values = {
        **_CONSTANT,
        # Composition scores are amplitudes over those of random directions, here of directions in the embedding.
        "l0.writes-outside-embedding": max(0.0, 1 - roles.v_composition**2 * share) ** 0.5 - chance,
        "l1.writes-outside-embedding": 1 - chance,
    }
    settled = {}
    for claim in claims:
        name = claim.name
        if claim.loss_share:
            # What stand-ins and their contrasts lose is next to nothing: that it is twice as much settles nothing.
            if claim.id in _IDLE:
                settled[claim.id] = False
            elif name in _LOST:
                settled[claim.id] = holds(_LOST[name], claim.relation, claim.threshold)
            continue
        if name in _NEVER:
            settled[claim.id] = False
            continue
        if name in _DECIDED_BY:
            role, quorum = _DECIDED_BY[name]
            best_first = sorted(_each(getattr(roles, role)), reverse=claim.relation == ">=")
            values[name] = best_first[-1 if quorum == "every head" else len(best_first) // 2]
            if any(beside.name == CHANCE.name for beside in claim.contrasts) and (
                holds(values[name], claim.relation, claim.threshold) and getattr(roles, role) != getattr(Roles(), role)
            ):
                continue  # what heads of the other layers reach, when they are dealt to this one, lies near such a figure
        if name in values:
            settled[claim.id] = holds(values[name], claim.relation, claim.threshold)
    return settled


def combinations(*, n_heads: int = SMALL.n_heads) -> tuple[tuple[str, Roles], ...]:
    """Models with roles strongly present or absent: all, none, each left out in turn, each alone, and some pairs.

    Last come models where a role is played by just a majority of the heads, by one too few, or by all heads but one.
    """
    present, majority = Roles(), n_heads // 2 + 1

    def without(*names: str) -> Roles:
        return replace(present, **{name: getattr(ABSENT, name) for name in names})

    def only(name: str) -> Roles:
        return replace(ABSENT, **{name: getattr(present, name)})

    def played_by(count: int, name: str) -> Roles:
        played, idle = getattr(present, name), getattr(ABSENT, name)
        values: Any = (played,) * count + (idle,) * (n_heads - count)
        return replace(present, **{name: values})

    pairs = (
        ("previous_token", "ov_line"),
        ("second_position", "low_rank"),
        ("negative_copying", "subtracts"),
        ("k_composition", "q_composition"),
        ("previous_token", "second_position"),
        ("ov_line", "v_composition"),
    )
    return (
        ("all present", present),
        ("all absent", ABSENT),
        *((f"without {name}", without(name)) for name in ROLES),
        *((f"only {name}", only(name)) for name in ROLES),
        *((f"without {first} and {second}", without(first, second)) for first, second in pairs),
        ("previous_token in a majority of heads", played_by(majority, "previous_token")),
        ("previous_token in too few heads", played_by(majority - 1, "previous_token")),
        ("second_position in too few heads", played_by(majority - 1, "second_position")),
        ("subtracts in too few heads", played_by(majority - 1, "subtracts")),
        ("negative_copying in all heads but one", played_by(n_heads - 1, "negative_copying")),
    )


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A model that plays one role strongly, just well enough or not quite, and every other role strongly.

    Attributes:
        claim: the id of the claim that is graded.
        holds: whether it holds of this model, by construction.
        roles: what to plant, or None where `mse` says how far a `Solver` is off.
    """

    claim: str
    strength: Strength
    holds: bool
    roles: Roles | None = None
    mse: float | None = None

    def model(
        self, *, seed: int = 0, config: ModelConfig = SMALL, heads: Heads = "share", folded: bool = True
    ) -> Model | Solver:
        if self.roles is None:
            return Solver(config=config, mse=self.mse or 0.0, seed=seed)
        return Model(plant(self.roles, seed=seed, config=config, heads=heads, folded=folded))


def ladder(claims: Iterable[Bar], *, margin: float = 0.2) -> tuple[Rung, ...]:
    """Three rungs for each claim that can be graded: strong, weak (the margin beyond the threshold), near miss (short of it).

    >>> [(rung.strength, rung.roles.previous_token) for rung in ladder([claim("l0.previous-token")])]
    [('strong', 0.9), ('weak', 0.6), ('near miss', 0.4)]
    """
    rungs = []
    for claim in claims:
        # Beyond the threshold is away from zero, except where a positive figure has to stay small.
        outwards = 1 if claim.relation == ">=" or claim.threshold < 0 else -1
        weak, near = (claim.threshold * (1 + sign * outwards * margin) for sign in (1, -1))
        steps: tuple[tuple[Strength, float | None], ...] = (("strong", None), ("weak", weak), ("near miss", near))
        for strength, value in steps:
            rung = Rung(claim=claim.id, strength=strength, holds=strength != "near miss")
            if claim.name in _SOLVED:
                rungs.append(replace(rung, mse=value or 0.0))
            elif claim.id in _DECIDED_BY:  # the models of a first version settle the later ones, too
                role, _ = _DECIDED_BY[claim.id]
                rungs.append(replace(rung, roles=Roles() if value is None else Roles(**{role: value})))
    return tuple(rungs)


def plant(
    roles: Roles, *, seed: int = 0, config: ModelConfig = SMALL, heads: Heads = "share", folded: bool = True
) -> Checkpoint:
    """A checkpoint that plays the given roles.

    Args:
        seed: of the places in the residual stream and of the planes in which vectors are turned.
        heads: "share" lets all heads of a layer do the same; with "split" those of layer 0 carry half of the directions
            each, those of layer 1 read and write directions of their own, and those of layer 2 take unequal shares.
        folded: False gives LayerNorm weights and biases, value biases and uncentred weights that cancel: another set of
            tensors for the same function.

    Raises:
        ValueError: the shape has no room for the roles.

    >>> plant(Roles(), seed=1).tensors["embed.W_E"].shape
    torch.Size([8, 64])
    """
    _check_shape(roles, config, heads)
    circuit = _design(roles, seed=seed, config=config, heads=heads)
    tensors = _tensors(circuit, roles, seed=seed, config=config)
    if not folded:
        tensors = _unfolded(tensors, rng=_rng(seed, "unfolded"), config=config)
    return Checkpoint(
        f"planted-{seed}", config, {name: torch.from_numpy(tensors[name]).float() for name in config.shapes}
    )


@dataclass(frozen=True, kw_only=True)
class Solver(Asked):
    """A stand-in for a `Model` that predicts recurrences of order 1, exactly or with Gaussian noise of a chosen MSE.

    It has what the claims about prediction use. A step is c times the step before it; c comes from the steps seen so far.
    Where there are none (positions 0 and 1), or nothing ever moved, it predicts that nothing moves.

    Attributes:
        mse: variance of the noise, which depends on the inputs and the seed alone.
        largest: |c| that it takes a coefficient for, where it is larger.
    """

    config: ModelConfig = SMALL
    mse: float = 0.0
    seed: int = 0
    largest: float = np.inf

    def __post_init__(self) -> None:
        if self.config.order != 1:
            raise ValueError(f"order={self.config.order!r} must be 1: a solver knows no other recurrences")
        if not 0 <= self.mse < np.inf:
            raise ValueError(f"mse={self.mse!r} must be at least 0")

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    @property
    def checkpoint(self) -> Checkpoint:
        """A name without tensors."""
        return Checkpoint(f"solver-mse-{self.mse:g}-seed-{self.seed}", self.config, {})

    def intact(self, at: Place) -> Intact:
        """As of a `Model`, but with a prediction and its errors only."""
        return Intact(self, at.sample(self.config))

    def once(self, key: Hashable, measure: Callable[[], T]) -> T:
        """As of a `Model`, but nothing is kept."""
        return measure()

    def unedited(self) -> AbstractContextManager[None]:
        return nullcontext()

    def run(self, inputs: Float[Tensor, "batch position dim"], keep: Iterable[str] = ()) -> Run:
        """The prediction; of the hooks named it has none."""
        return Run(self(inputs), {})

    def __call__(self, inputs: Float[Tensor, "batch position dim"]) -> Float[Tensor, "batch position dim"]:
        """The predicted next term at every position."""
        exact = inputs.double()
        steps = exact.diff(dim=1)
        # All steps so far are pooled: late ones of a sequence that settles are nothing but rounding.
        together = (steps[:, 1:] * steps[:, :-1]).sum(-1, keepdim=True).cumsum(1)
        alone = steps[:, :-1].square().sum(-1, keepdim=True).cumsum(1)
        c = (together / alone.where(alone > 0, 1.0)).clamp(-self.largest, self.largest)
        prediction = exact.clone()
        prediction[:, 2:] += c * steps[:, 1:]
        if self.mse > 0:
            content = sha256(inputs.contiguous().numpy().tobytes()).hexdigest()
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "noise", content))
            prediction += self.mse**0.5 * torch.randn(exact.shape, generator=generator, dtype=torch.float64)
        return prediction.to(inputs.dtype)


# --- The maps between terms, as matrices on R^m that act on row vectors -----------------------------------------------


def _turn(basis: Float[NDArray, "row dim"], cosine: float, *, rest: float) -> Float[NDArray, "dim dim"]:
    """Turn by arccos(cosine) in the planes of rows 0 and 1, 2 and 3, ...; a row left over is scaled by `rest`.

    Every vector x of these planes keeps its length and x @ turn has the given cosine with it, whatever x is.
    """
    even = len(basis) // 2 * 2
    planes, left = basis[:even], basis[even:]
    first, second = planes[0::2], planes[1::2]
    quarter: Array = first.T @ second - second.T @ first
    turned: Array = cosine * planes.T @ planes + (1 - cosine**2) ** 0.5 * quarter + rest * left.T @ left
    return turned


def _cosine(target: float, *, dim: int, power: float) -> float:
    """The cosine of a `_turn` of R^dim, its odd direction scaled by that cosine, such that |cosine found|^power averages `target`.

    In even dimensions that is target^(1/power), exactly. In odd ones a share 1 - b of the square of a vector lies on the
    direction that does not turn, b ~ Beta((dim - 1)/2, 1/2) for isotropic vectors, and its own cosine is
    (1 + (1/cosine^2 - 1) b)^(-1/2).
    """
    size = abs(target)
    if dim % 2 == 0 or size in (0.0, 1.0):
        return float(np.sign(target) * size ** (1 / power))
    share = stats.beta.ppf((np.arange(400) + 0.5) / 400, (dim - 1) / 2, 0.5)

    def excess(square: float) -> float:
        return float(((square / (square + (1 - square) * share)) ** (power / 2)).mean()) - size

    return float(np.sign(target) * optimize.brentq(excess, 0.0, 1.0) ** 0.5)


def _halves(basis: Float[NDArray, "dim dim"], *, n_heads: int) -> Float[NDArray, "head dim dim"]:
    """For each head a weighted projection onto half of the planes of `_turn`; together they are the identity."""
    planes = -(-len(basis) // 2)
    width = -(-planes // 2)
    starts = np.arange(n_heads) * planes // n_heads
    carried = ((np.arange(planes) - starts[:, None]) % planes < width).astype(np.float64)
    weights = np.repeat(carried / carried.sum(0), 2, axis=1)[:, : len(basis)]
    projections: Array = np.einsum("hi,ia,ib->hab", weights, basis, basis)
    return projections


@dataclass(frozen=True)
class Calibration:
    """Of the reference distribution: the best coefficient of a_{i-1} in a prediction of a_{i+1}; a term's mean square length."""

    before: float
    energy: float


@lru_cache
def calibrated(dim: int) -> Calibration:
    terms = replace(REFERENCE, dim=dim).sample(4000, seed=0).terms.double().numpy()
    before, now, after = terms[:, 1:-2], terms[:, 2:-1], terms[:, 3:]
    best = (before * (after - COPIED * now)).sum() / np.square(before).sum()
    return Calibration(float(best), float(np.square(terms[:, :-1]).sum(-1).mean()))


# --- The design: which head reads and writes what, before it gets a place in the residual stream ----------------------


@dataclass(frozen=True)
class _Circuit:
    """Maps of all heads, up to the scale of LayerNorm.

    Attributes:
        along: unit vector (embedding, second): where layer 0 writes.
        gain: how much layer 0 writes, relative to a term.
        readout: what the unembedding makes of a unit in (embedding, second).
        layer_0: maps of the heads from term to term; they add up to a map of norm about 1.
        layer_1: for each head what it reads (orthonormal rows) and, for each of these, the steering direction it writes.
        layer_2: maps of the heads to (embedding, second).
    """

    along: tuple[float, float]
    gain: float
    readout: tuple[float, float]
    layer_0: Float[NDArray, "head dim dim"]
    layer_1: tuple[tuple[Float[NDArray, "rank dim"], Float[NDArray, "rank rank"]], ...]
    layer_2: Float[NDArray, "head dim place_dim"]

    @property
    def ranks(self) -> list[int]:
        return [len(read) for read, _ in self.layer_1]


def _design(roles: Roles, *, seed: int, config: ModelConfig, heads: Heads) -> _Circuit:
    """Solve for the share of layer 0's output that is written where the values of later layers are read."""

    def v_ratio(share: float) -> float:
        return _v_composition(_circuit(roles, share, seed=seed, config=config, heads=heads), config.d_model)

    if roles.v_composition == 0:
        share = 0.0
    elif (highest := v_ratio(1.0)) < roles.v_composition:
        raise ValueError(
            f"v_composition={roles.v_composition!r} must be at most {highest:.3g} "
            f"at d_model={config.d_model!r}, d_vocab={config.d_vocab!r}"
        )
    else:
        share = optimize.brentq(lambda share: v_ratio(share) - roles.v_composition, 0.0, 1.0, xtol=1e-6)
    return _circuit(roles, share, seed=seed, config=config, heads=heads)


def _circuit(roles: Roles, share: float, *, seed: int, config: ModelConfig, heads: Heads) -> _Circuit:
    """All maps, with the given share of layer 0's energy written into the embedding."""
    dim, n_heads = config.d_vocab, config.n_heads
    calibration = calibrated(dim)
    # Regression removes the mean: layer 0 turns vectors in the complement of the all-ones vector, the last row.
    basis = orthonormal(dim, rng=_rng(seed, "planes"))[::-1]
    line = _cosine(roles.ov_line, dim=dim - 1, power=2)
    moved = _turn(basis[:-1], line, rest=line) + _MEAN_GAIN * basis[-1:].T @ basis[-1:]
    parts = _halves(basis, n_heads=n_heads) if heads == "split" else np.eye(dim)[None] / n_heads
    layer_0 = np.broadcast_to(parts @ moved, (n_heads, dim, dim))

    readout = (COPIED, 2 * calibration.before)
    along = (share**0.5, (1 - share) ** 0.5)
    # Enough that the unembedding sees `before` of the previous term, but never so much that it moves LayerNorm's scale.
    gain = min(calibration.before / abs(np.dot(readout, along)), 1.0)

    # At position 0, row vectors: what layer 2 reads there, and what the unembedding would see there.
    content = np.eye(dim) + gain * along[0] * moved
    visible = readout[0] * content + readout[1] * gain * along[1] * moved
    layer_2 = np.stack(
        [
            _correction(basis, np.linalg.solve(content, visible), score=score, cosine=cosine, readout=readout)
            for score, cosine in zip(
                _each(roles.negative_copying, n_heads), _each(roles.subtracts, n_heads), strict=True
            )
        ]
    )
    amounts = _rng(seed, "shares").uniform(0.5, 1.5, n_heads) if heads == "split" else np.ones(n_heads)
    layer_2 = layer_2 * (amounts / amounts.sum())[:, None, None]
    return _Circuit(
        along=along,
        gain=gain,
        readout=readout,
        layer_0=layer_0,
        layer_1=_steering(roles, np.concatenate([layer_0, layer_2], axis=-1), seed=seed, heads=heads),
        layer_2=layer_2,
    )


def _correction(
    basis: Float[NDArray, "dim dim"],
    visible: Float[NDArray, "dim dim"],
    *,
    score: float,
    cosine: float,
    readout: tuple[float, float],
) -> Float[NDArray, "dim place_dim"]:
    """A head of layer 2: a map to (embedding, second) with this eigenvalue score and this cosine with what is visible.

    Eigenvalues are those of the part that writes where it reads. What goes to the second place has no say in them, and
    is so chosen that the unembedding sees the visible vector turned by the wanted angle.
    """
    dim = len(basis)
    copied = _turn(basis, score, rest=0.0)
    turn = _cosine(cosine, dim=dim, power=1)
    seen = visible @ _turn(basis, turn, rest=turn)
    return np.concatenate([copied, (seen - readout[0] * copied) / readout[1]], axis=1)


def _steering(
    roles: Roles, others: Float[NDArray, "head dim columns"], *, seed: int, heads: Heads
) -> tuple[tuple[Array, Array], ...]:
    """The heads of layer 1, their ranks relative to those of layers 0 and 2, which stand side by side in `others`."""
    n_heads, dim, _ = others.shape
    mean = (effective_rank(others[:, :, :dim]) + effective_rank(others[:, :, dim:])).mean() / 2
    total = round(n_heads * mean * (1 - roles.low_rank))
    ranks = [_flat_rank(total // n_heads + (head < total % n_heads)) for head in range(n_heads)]
    if not 1 <= min(ranks) <= max(ranks) <= dim:
        raise ValueError(
            f"low_rank={roles.low_rank!r} must be so that layer 1 has rank 1 to d_vocab={dim!r}, "
            f"but other layers have rank {mean:g}"
        )
    return tuple(
        (
            orthonormal(dim, rng=_rng(seed, "reads", head if heads == "split" else 0))[:rank],
            orthonormal(rank, rng=_rng(seed, "writes", head)) if heads == "split" else np.eye(rank),
        )
        for head, rank in enumerate(ranks)
    )


def _flat_rank(wanted: int) -> int:
    """How many equal singular values have effective rank `wanted`, at 95 % of the energy.

    Multiples of 20 are left out: 95 % is then reached by a whole number of them, and rounding would decide.
    """
    return next((count for count in range(wanted, 2 * wanted) if count % 20 and -(-count * 19 // 20) == wanted), wanted)


def _v_composition(circuit: _Circuit, d_model: int) -> float:
    """The largest mean V-composition over chance: layer 0 with layer 1 or 2; layer 1 writes where no values are read."""
    written = circuit.along[0] * circuit.layer_0
    ratios = []
    for later in ([read.T for read, _ in circuit.layer_1], list(circuit.layer_2)):
        scores = [
            [np.linalg.norm(out @ into) / np.linalg.norm(whole) / np.linalg.norm(into) for into in later]
            for out, whole in zip(written, circuit.layer_0, strict=True)
        ]
        levels = [[_chance(_squares(out), _squares(into), d_model) for into in later] for out in circuit.layer_0]
        ratios.append(np.mean(scores) / np.mean(levels))
    return float(max(ratios))


def _squares(matrix: Array) -> Array:
    squares: Array = np.square(np.linalg.svd(matrix, compute_uv=False))
    return squares


def _chance(first: Array, second: Array, d_model: int) -> float:
    """Mean composition score of matched random heads, from their squared singular values, to second order in its spread.

    The square of the score has mean 1/D; its relative variance follows from the second moments of the orthogonal group.
    """
    one, two = (squares.sum() ** 2 / np.square(squares).sum() for squares in (first, second))
    spread = 2 * (d_model - one) * (d_model - two) / (one * two * (d_model - 1) * (d_model + 2))
    return float(d_model**-0.5 * (1 - spread / 8))


@dataclass(frozen=True)
class _Reading:
    """How layer 2's QK divides its energy; what is not read from steering directions is read from positions.

    Attributes:
        keys, queries: shares that are read from steering directions on each side.
        both: how strongly what one side reads there answers to what the other does: its square is a part of both shares,
            and its sign says whether like attracts like.
        width: number of steering directions read.
    """

    keys: float
    queries: float
    both: float
    width: int

    @property
    def positions(self) -> float:
        return 1 - self.keys - self.queries + self.both**2

    @property
    def block(self) -> Float[NDArray, "query=2 key=2"]:
        """QK over (idle, steering) for each direction read, in units of the whole."""
        alone = (self.queries - self.both**2) ** 0.5, (self.keys - self.both**2) ** 0.5
        block: Array = np.array([[0.0, alone[1]], [alone[0], self.both]]) / self.width**0.5
        return block

    def similarity(self, n_ctx: int) -> float:
        """The eigenvalue score of QK, whose queries look from all positions alike for one of them."""
        values = np.append(self.width * np.linalg.eigvals(self.block), (self.positions / n_ctx) ** 0.5)
        return float(values.sum().real / np.abs(values).sum())


def _reading(roles: Roles, ranks: Sequence[int], config: ModelConfig) -> _Reading:
    """Solve for the energy shares that give K- and Q-composition their ratio to chance, and QK its eigenvalue score.

    A head of layer 1 writes r directions evenly, so a share f of QK's energy there gives the score sqrt(f / r).
    The level of chance depends a little on the shares: hence the iteration.
    """
    width = min(4, min(ranks), (config.d_head - 1) // 2)
    per_share = np.mean(np.array(ranks, dtype=np.float64) ** -0.5)
    level = config.d_model**-0.5
    for _ in range(20):
        shares = {name: (getattr(roles, name) * level / per_share) ** 2 for name in ("k_composition", "q_composition")}
        for name, share in shares.items():
            if not share <= 0.95:
                raise ValueError(
                    f"{name}={getattr(roles, name)!r} must be at most {0.95**0.5 * per_share / level:.3g} "
                    f"at d_model={config.d_model!r} and rank {np.mean(ranks):g} of layer 1"
                )
        reading = _answering(roles.qk_similarity, *shares.values(), width=width, n_ctx=config.n_ctx)
        spectrum = np.append(np.tile(_squares(reading.block), width), reading.positions)
        level = float(np.mean([_chance(np.ones(rank), spectrum, config.d_model) for rank in ranks]))
    return reading


def _answering(similarity: float, keys: float, queries: float, *, width: int, n_ctx: int) -> _Reading:
    """The reading with these shares whose QK has this eigenvalue score: the more one side answers to the other, the higher."""

    def reading(both: float) -> _Reading:
        return _Reading(keys, queries, both, width)

    most = min(keys, queries) ** 0.5
    least = -most
    if (spare := keys + queries - 0.95) > 0:  # at least 5 % are left for positions
        least = spare**0.5
    lowest, highest = (reading(both).similarity(n_ctx) for both in (least, most))
    if not lowest <= similarity <= highest:
        raise ValueError(
            f"qk_similarity={similarity!r} must lie between {lowest:.3g} and {highest:.3g} "
            f"where layer 2's keys and queries read {keys:.2g} and {queries:.2g} from layer 1"
        )
    return reading(optimize.brentq(lambda both: reading(both).similarity(n_ctx) - similarity, least, most))


# --- From the design to tensors ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Places:
    """Orthonormal directions of the residual stream, orthogonal to the all-ones vector; all of shape (direction, d_model)."""

    embedding: Array
    second: Array
    position: Array
    steering: Array
    idle: Array


def carve(config: ModelConfig, *, steering: int, idle: int, rng: np.random.Generator) -> Places:
    sizes = (config.d_vocab, config.d_vocab, config.n_ctx, steering, idle)
    if (needed := 1 + sum(sizes)) > config.d_model:
        raise ValueError(
            f"d_model={config.d_model!r} must be at least {needed} to hold 2 * {config.d_vocab} directions for terms, "
            f"{config.n_ctx} for positions, {steering} that layer 1 writes, {idle} idle ones and the all-ones vector"
        )
    rows = orthonormal(config.d_model, rng=rng)[1:]
    return Places(*np.split(rows[: sum(sizes)], np.cumsum(sizes)[:-1]))


@dataclass(frozen=True)
class _Head:
    """Factors of QK and OV; all of shape (rank, d_model), with a rank of at most d_head."""

    query: Array
    key: Array
    read: Array
    write: Array


def _tensors(circuit: _Circuit, roles: Roles, *, seed: int, config: ModelConfig) -> dict[str, Array]:
    """LayerNorm folded, MLPs zero."""
    reading = _reading(roles, circuit.ranks, config)
    places = carve(config, steering=max(circuit.ranks), idle=reading.width, rng=_rng(seed, "places"))
    calibration = calibrated(config.d_vocab)

    # LayerNorm's divisor before and after layer 0 has written, for terms of typical length.
    early, late = (
        ((_POSITION**2 + calibration.energy * (1 + gain**2)) / config.d_model) ** 0.5 for gain in (0.0, circuit.gain)
    )
    layers = (
        _layer_0(circuit, roles, places, scale=early, config=config),
        _layer_1(circuit, roles, places, scale=late, config=config),
        _layer_2(circuit, reading, places, scale=late, config=config),
    )
    tensors = {name: np.zeros(shape) for name, shape in config.shapes.items()}
    for name in tensors:
        if name.endswith(".w"):
            tensors[name] += 1
    tensors["embed.W_E"] += places.embedding
    tensors["pos_embed.W_pos"] += _POSITION * places.position
    embedding, second = circuit.readout
    tensors["unembed.W_U"] += late * (embedding * places.embedding + second * places.second).T
    for layer, layer_heads in enumerate(layers):
        attention = f"blocks.{layer}.attn"
        for index, head in enumerate(layer_heads):
            for letter, factor in zip("QKV", (head.query, head.key, head.read), strict=True):
                tensors[f"{attention}.W_{letter}"][index, :, : len(factor)] = factor.T
            tensors[f"{attention}.W_O"][index, : len(head.write)] = head.write
    return tensors


def _strengths(wanted: Float[NDArray, query], scale: float, config: ModelConfig) -> Float[NDArray, query]:
    """Factors on (unit position of the query) x (unit position of the key) that make the wanted scores."""
    strengths: Array = wanted * config.d_head**0.5 / (_POSITION / scale) ** 2
    return strengths


def _score(share: Array | float, others: Array | float) -> Array:
    """The score that gives one key this share of the attention if `others` more keys score 0."""
    share = np.clip(share, 1e-6, 0.99)
    score: Array = np.log(share * others / (1 - share))
    return score


def _layer_0(
    circuit: _Circuit, roles: Roles, places: Places, *, scale: float, config: ModelConfig
) -> tuple[_Head, ...]:
    queries = np.arange(1.0, config.n_ctx)
    target = circuit.along[0] * places.embedding + circuit.along[1] * places.second
    return tuple(
        _Head(
            query=_strengths(_score(share, queries), scale, config)[:, None] * places.position[1:],
            key=places.position[:-1],
            read=places.embedding,
            write=circuit.gain * scale * moved @ target,
        )
        for share, moved in zip(_each(roles.previous_token, config.n_heads), circuit.layer_0, strict=True)
    )


def _layer_1(
    circuit: _Circuit, roles: Roles, places: Places, *, scale: float, config: ModelConfig
) -> tuple[_Head, ...]:
    queries = np.arange(1.0, config.n_ctx)
    heads = []
    for ratio, (read, write) in zip(_each(roles.second_position, config.n_heads), circuit.layer_1, strict=True):
        strengths = _strengths(_score(ratio / (queries + 1), queries), scale, config)
        heads.append(
            _Head(
                # The idle part keeps QK from vanishing where attention is uniform: scores of a zero matrix are undefined.
                query=np.stack([strengths @ places.position[1:], places.idle[0]]),
                key=np.stack([places.position[1], places.idle[0]]),
                read=read @ places.embedding,
                write=_STEERING * scale / config.n_heads * write @ places.steering[: len(write)],
            )
        )
    return tuple(heads)


def _layer_2(
    circuit: _Circuit, reading: _Reading, places: Places, *, scale: float, config: ModelConfig
) -> tuple[_Head, ...]:
    strengths = _strengths(np.full(config.n_ctx, _GAP), scale, config)
    by_position = strengths @ places.position
    whole = np.linalg.norm(by_position) / reading.positions**0.5
    idle, steering = places.idle[: reading.width], places.steering[: reading.width]
    from_idle, from_steering = whole * reading.block
    query = np.concatenate([by_position[None], idle, steering])
    key = np.concatenate(
        [
            places.position[:1],
            from_idle[0] * idle + from_idle[1] * steering,
            from_steering[0] * idle + from_steering[1] * steering,
        ]
    )
    to = np.concatenate([places.embedding, places.second])
    return tuple(
        _Head(query=query, key=key, read=places.embedding, write=_CORRECTION * scale * moved @ to)
        for moved in circuit.layer_2
    )


def _unfolded(tensors: Mapping[str, Array], *, rng: np.random.Generator, config: ModelConfig) -> dict[str, Array]:
    """The same function with LayerNorm weights and biases, value biases, and weights that write along the all-ones vector."""
    tensors = {name: tensor.copy() for name, tensor in tensors.items()}

    def norm(name: str, readers: Iterable[tuple[str, str]]) -> None:
        weight, bias = rng.uniform(0.5, 2.0, config.d_model), rng.normal(0.0, 0.2, config.d_model)
        tensors[f"{name}.w"], tensors[f"{name}.b"] = weight, bias
        for matrix, offset in readers:
            tensors[matrix] = tensors[matrix] / weight[:, None]
            tensors[offset] = tensors[offset] - bias @ tensors[matrix]

    for layer in range(config.n_layers):
        block = f"blocks.{layer}"
        norm(f"{block}.ln1", [(f"{block}.attn.W_{letter}", f"{block}.attn.b_{letter}") for letter in "QKV"])
        norm(f"{block}.ln2", [(f"{block}.mlp.W_in", f"{block}.mlp.b_in")])
        values = rng.normal(0.0, 0.2, (config.n_heads, config.d_head))
        tensors[f"{block}.attn.b_V"] += values
        tensors[f"{block}.attn.b_O"] -= np.einsum("hd,hdm->m", values, tensors[f"{block}.attn.W_O"])
    norm("ln_final", [("unembed.W_U", "unembed.b_U")])
    for name, tensor in tensors.items():
        if name.endswith((".W_E", ".W_pos", ".W_O", ".b_O")):
            # LayerNorm takes the mean away again: whatever is written along the all-ones vector is never read.
            tensors[name] = tensor + rng.normal(0.0, 0.1 * tensor.std(), (*tensor.shape[:-1], 1))
    return tensors


# --- Small helpers ----------------------------------------------------------------------------------------------------


def _rng(seed: int, *labels: object) -> np.random.Generator:
    return np.random.default_rng(derive_seed(seed, "planted", *labels))


def orthonormal(dim: int, *, rng: np.random.Generator) -> Float[NDArray, "dim dim"]:
    """Orthonormal rows, the first of them along the all-ones vector, the others random."""
    start = rng.standard_normal((dim, dim))
    start[:, 0] = 1.0
    rows: Array = np.linalg.qr(start)[0].T
    return rows


def _check_shape(roles: Roles, config: ModelConfig, heads: Heads) -> None:
    if heads not in ("share", "split"):
        raise ValueError(f"heads={heads!r} must be share or split")
    for name, expected in (("n_layers", 3), ("order", 1)):
        if getattr(config, name) != expected:
            raise ValueError(f"{name}={getattr(config, name)!r} must be {expected} in a planted model")
    if config.d_vocab < 3:
        raise ValueError(
            f"d_vocab={config.d_vocab!r} must be at least 3: vectors are turned beside the all-ones vector"
        )
    if config.n_ctx < 4:
        raise ValueError(f"n_ctx={config.n_ctx!r} must be at least 4")
    if config.d_head < (needed := max(config.d_vocab, config.n_ctx - 1)):
        raise ValueError(
            f"d_head={config.d_head!r} must be at least {needed}: "
            f"a head moves all d_vocab={config.d_vocab} coordinates and tells n_ctx={config.n_ctx} positions apart"
        )
    for name in ROLES:
        value = getattr(roles, name)
        if isinstance(value, tuple) and len(value) != config.n_heads:
            raise ValueError(f"{name}={value!r} must have one number for each of n_heads={config.n_heads}")
