"""Which claims are true of a planted model, by construction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

from recint.calibration.roles import SMALL, Roles, each_head
from recint.checkpoint import ModelConfig
from recint.claim import Claim
from recint.judging.relation import holds
from recint.model.chance import CHANCE

Quorum = Literal["every head", "majority of heads"]
# Claim -> the role that decides it, and how many heads must play this role.
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
# Claim -> value of its statistic in every planted model, whatever the roles. The value is not exact, but far from any threshold.
_CONSTANT: Mapping[str, float] = MappingProxyType(
    {
        # The unembedding does not read what layer 1 writes, and the attention of layer 2 does not depend on it.
        "l1.small-attribution": 0.0,
        "l1.necessary": 1.0,
        "l1.necessary.zero": 1.0,
        "l1.necessary.resample": 1.0,
        "composition.l1-steers-l2": 1.0,
        "circuit.minimal": 1.0,
        # Layer 2 writes a twentieth of a term, and that term is an early one.
        "l0.leads-attribution": 1.0,
        # Each of eight heads does an eighth of layer 0's work. So the model loses little without one, whichever it is.
        "l0.heads-necessary": 1.0,
        "l0.heads-necessary.mean": 1.0,
        "l0.heads-necessary.resample": 1.0,
        "l0.one-head-dominates": 1.0,
        "l0.one-head-dominates.mean": 1.0,
        "l0.one-head-dominates.resample": 1.0,
    }
)
# Claim about a share of the gain -> the loss in every planted model, or the ratio of two losses.
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
    # Two terms do not determine the third. So no planted model predicts well; a `Solver` does.
    "model.predicts-next-term",
    "model.predicts-every-recurrence",
    "model.predicts-short-sequences",
    # Layer 2 writes so little that anything can stand in for it. So the contrasts of these claims fail.
    "l2.qk-identity",
    "l2.ov-negative-identity",
    # Layer 2 takes back less than a tenth of what layer 0 adds. Where layer 0 adds nothing, the contrast fails.
    "l2.corrects-layer-0",
)
# Versions of these claims whose contrasts must lose a share of the gain. In layer 2 nothing does.
_IDLE = ("l2.qk-identity@3", "l2.ov-negative-identity@3")
SOLVED = ("model.predicts-next-term", "model.predicts-short-sequences")


def truth(roles: Roles, claims: Iterable[Claim], *, config: ModelConfig = SMALL) -> dict[str, bool]:
    """Whether each claim is true of a model planted with these roles; only claims that the construction settles.

    >>> truth(Roles(previous_token=0.3), [claim("l0.previous-token"), claim("l0.ov-line")])
    {'l0.previous-token': False, 'l0.ov-line': True}
    """
    share = config.d_vocab / config.d_model  # of the squared norm of a random vector that lies in the embedding
    chance = (1 - share) ** 0.5
    values = {
        **_CONSTANT,
        # A composition score is an amplitude, divided by that of random directions; here the directions are those of the embedding.
        "l0.writes-outside-embedding": max(0.0, 1 - roles.v_composition**2 * share) ** 0.5 - chance,
        "l1.writes-outside-embedding": 1 - chance,
    }
    settled = {}
    for claim in claims:
        name = claim.name
        if claim.loss_share:
            # Stand-ins and their contrasts lose almost nothing, so the ratio of their losses settles nothing.
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
                continue  # heads of other layers, assigned to this layer by chance, reach about this value too
        if name in values:
            settled[claim.id] = holds(values[name], claim.relation, claim.threshold)
    return settled
