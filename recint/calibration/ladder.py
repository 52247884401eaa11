"""The ladder of a claim: planted models that pass it clearly, just pass it, and just miss it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from recint.calibration.planted import plant
from recint.calibration.roles import SMALL, Heads, Roles
from recint.calibration.solver import Solver
from recint.calibration.truth import DECIDED_BY, SOLVED
from recint.checkpoint import ModelConfig
from recint.judging.claim import Claim
from recint.model.transformer import Model

Strength = Literal["strong", "weak", "near miss"]


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A model that plays one role strongly, just well enough, or just not well enough, and every other role strongly.

    Attributes:
        claim: id of the claim that is graded.
        holds: whether the claim is true of this model, by construction.
        roles: roles to plant; None if the model is a `Solver`.
        mse: mean square error of the `Solver`; None if the model is planted.
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


def ladder(claims: Iterable[Claim], *, margin: float = 0.2) -> tuple[Rung, ...]:
    """Three rungs for each claim that can be graded: strong, weak (beyond the threshold) and near miss (short of it).

    Weak and near miss differ from the threshold by `margin`, a share of the threshold.

    >>> [(rung.strength, rung.roles.previous_token) for rung in ladder([claim("l0.previous-token")])]
    [('strong', 0.9), ('weak', 0.6), ('near miss', 0.4)]
    """
    rungs = []
    for claim in claims:
        # Beyond the threshold means away from zero, except where a positive value has to stay small.
        outwards = 1 if claim.relation == ">=" or claim.threshold < 0 else -1
        weak, near = (claim.threshold * (1 + sign * outwards * margin) for sign in (1, -1))
        steps: tuple[tuple[Strength, float | None], ...] = (("strong", None), ("weak", weak), ("near miss", near))
        for strength, value in steps:
            rung = Rung(claim=claim.id, strength=strength, holds=strength != "near miss")
            if claim.name in SOLVED:
                rungs.append(replace(rung, mse=value or 0.0))
            elif claim.id in DECIDED_BY:  # models for the first version settle later versions too
                role, _ = DECIDED_BY[claim.id]
                rungs.append(replace(rung, roles=Roles() if value is None else Roles(**{role: value})))
    return tuple(rungs)
