"""Which claims are true of a planted model, by construction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, Protocol

from recint.calibration.roles import SMALL, Roles, each_head
from recint.checkpoint import ModelConfig
from recint.claim import Contrast
from recint.judging.relation import Relation, holds
from recint.model.chance import CHANCE

Quorum = Literal["every head", "majority of heads"]
# Claim -> the role that decides it, and how many of its heads have to play it.
DECIDED_BY: Mapping[str, tuple[str, Quorum]] = MappingProxyType(
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
SOLVED = ("model.predicts-next-term", "model.predicts-short-sequences")


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
        if name in DECIDED_BY:
            role, quorum = DECIDED_BY[name]
            best_first = sorted(each_head(getattr(roles, role)), reverse=claim.relation == ">=")
            values[name] = best_first[-1 if quorum == "every head" else len(best_first) // 2]
            if any(beside.name == CHANCE.name for beside in claim.contrasts) and (
                holds(values[name], claim.relation, claim.threshold) and getattr(roles, role) != getattr(Roles(), role)
            ):
                continue  # what heads of the other layers reach, when they are dealt to this one, lies near such a figure
        if name in values:
            settled[claim.id] = holds(values[name], claim.relation, claim.threshold)
    return settled
