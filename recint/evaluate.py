"""Both arms of the evidence for one claim: an estimate on independent draws, and Hypothesis' search for a counterexample.

They are kept apart: the search maximises, so no interval is put on what it saw; whatever it finds is tried again on
fresh draws before it counts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recint.claim import Claim, Property, Unmet, estimated, statistic
from recint.domain import Condition, DrawnRecurrence, Place
from recint.draws import CHUNK, DRAWS, Drawn, Share, draw
from recint.preconditions import unmet
from recint.recurrence import derive_seed
from recint.search import Search, search
from recint.statistics import sampling
from recint.verdict import refutation_level

ENOUGH = 5  # draws around a coefficient that may nominate it: whatever is nominated is tried again on fresh ones


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known about one claim on one model before the verdict.

    Attributes:
        unmet: why the claim does not apply to the model; empty if it does.
        values: per recurrence (and head) of the estimate; for claims about weights the figure itself.
        contrasts: the estimate of each contrast, by name; its figure, for claims about weights.
        failing: recurrences of the estimate that fail a claim about every single one; None for other claims.
        per_head: mean of each head, or what a figure about weights was made of; None where the claim has no heads.
        coefficients: c of each recurrence of the estimate, for the figures.
    """

    claim: Claim
    seconds: float
    unmet: str = ""
    value: float | None = None
    values: NDArray[np.float64] | None = None
    coefficients: NDArray[np.float64] | None = None
    estimate: sampling.Estimate | None = None
    contrasts: Mapping[str, sampling.Estimate | float] = field(default_factory=dict)
    search: Search | None = None
    per_head: NDArray[np.float64] | None = None
    failing: int | None = None


def evaluate(
    prop: Property,
    model: Any,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    family: int = 1,
    thorough: bool = True,
    drawn: Share = None,
) -> Evidence:
    """Run both arms of a claim on a model.

    Args:
        family: number of claims judged together.
        thorough: search also where the estimate already refutes the claim, which controls need not.
        drawn: the claim's share of what `draw` found for all claims together, with the same seed and draws.

    Raises:
        ValueError: a figure that is not finite.
    """
    begun = time.monotonic()
    claim = prop.claim

    def evidence(**found: Any) -> Evidence:
        seconds = time.monotonic() - begun + (drawn.seconds if isinstance(drawn, Drawn) else 0.0)
        return Evidence(claim=claim, seconds=seconds, **found)

    if reason := unmet(claim, model):
        return evidence(unmet=reason)
    if claim.quantifier == "weights":
        try:
            return evidence(**_of_weights(prop, model))
        except Unmet as reason:
            return evidence(unmet=f"{claim.id}: {reason}")
    drawn = drawn or draw([prop], model, seed=seed, draws=draws)[claim.id]
    if isinstance(drawn, Unmet):
        return evidence(unmet=f"{claim.id}: {drawn}")
    if isinstance(drawn, Exception):
        raise drawn
    assert drawn is not None
    if drawn.changed == 0:
        return evidence(unmet=f"{claim.id}: the intervention changed nothing in {draws} recurrences")
    own = estimated(claim, drawn.values)
    contrasts = {contrast.name: estimated(contrast, drawn.contrasts[contrast.name]) for contrast in claim.contrasts}
    level = refutation_level(family=family, routes=claim.routes)
    deciding = (*contrasts.values(), own) if claim.estimate_refutes else tuple(contrasts.values())
    lost = min((part.p_against for part in deciding), default=1.0) <= level
    try:
        searched = (
            search(
                prop,
                model,
                seed=derive_seed(seed, claim.id, "retest"),
                family=family,
                nominated=_nominated(claim, drawn),
                certain=_certain(claim, drawn),
            )
            if thorough or not lost
            else None
        )
    except Unmet as reason:
        return evidence(unmet=f"{claim.id}: {reason}")
    return evidence(
        value=own.value,
        values=drawn.values,
        coefficients=drawn.coefficients,
        estimate=own,
        contrasts=contrasts,
        search=searched,
        per_head=_per_head(claim, drawn.values),
        failing=int(_failing(claim, drawn).sum()) if claim.quantifier == "pointwise" else None,
    )


def _of_weights(prop: Property, model: Any) -> dict[str, Any]:
    """Figures without sampling error."""
    observation = prop.measure(model)
    contrasts = {name: float(figure) for name, figure in observation.contrasts.items()}
    for name, figure in {prop.claim.statistic: observation.value, **contrasts}.items():
        if not np.isfinite(figure):
            raise ValueError(f"{prop.claim.id}: {name} is {figure}")
    return {
        "value": observation.value,
        "values": observation.values,
        "per_head": observation.per_head,
        "contrasts": contrasts,
    }


def _nominated(claim: Claim, drawn: Drawn) -> Place | None:
    """The coefficient of the grid around which the estimate's draws fail the claim worst, if they do anywhere.

    Hypothesis leaves some coefficients of the grid untried; the estimate's draws lie around all of them. Of order 2 and
    above they are too few for a grid of that many dimensions.
    """
    if claim.quantifier == "pointwise" or drawn.order > 1:
        return None
    ticks = np.round(drawn.coefficients * 10).astype(int)
    failing = {}
    for tick in np.unique(ticks):
        around = drawn.values[ticks == tick]
        value = statistic(claim, around)
        if len(around) >= ENOUGH and not claim.holds(value):
            failing[int(tick) / 10] = claim.badness(value)
    if not failing:
        return None
    return Condition(c=max(failing, key=lambda c: failing[c]), length=claim.domain.reference(batch=1, seed=0).length)


def _failing(claim: Claim, drawn: Drawn) -> NDArray[np.bool_]:
    """Which of the estimate's recurrences fail by themselves."""
    threshold = claim.threshold
    return drawn.values < threshold if claim.relation == ">=" else drawn.values > threshold


def _certain(claim: Claim, drawn: Drawn) -> Place | None:
    """The worst single recurrence of the estimate, where a claim about every single one fails at it."""
    if claim.quantifier != "pointwise" or not _failing(claim, drawn).any():
        return None
    worst = int(np.argmin(drawn.values) if claim.relation == ">=" else np.argmax(drawn.values))
    return DrawnRecurrence(drawn.places[worst // CHUNK], worst % CHUNK)


def _per_head(claim: Claim, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The statistic of each head by itself."""
    means = values.mean(0)
    if claim.reduction in ("smallest ratio over heads", "largest ratio over heads"):
        return means[0] / means[1]
    if claim.reduction == "largest over median head":
        return means / np.median(means)
    if claim.reduction == "median over largest head":
        return means / means.max()
    return means if claim.reduction == "majority of heads" else None
