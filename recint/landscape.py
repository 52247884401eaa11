"""The figure that claims about recurrences share: the statistic against the coefficient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from recint import figures
from recint.claim import Claim
from recint.domain import Condition, Place, Recurrence
from recint.evaluate import Evidence
from recint.statistics.sampling import estimate

BINS = 20


def against_c(model: Any, evidence: Evidence) -> str:
    """SVG of the estimate in bins of c with 95 % intervals, what the search saw, and the counterexample."""
    claim, search = evidence.claim, evidence.search
    assert evidence.coefficients is not None
    assert evidence.values is not None
    edges = np.linspace(*claim.domain.c, BINS + 1)
    inside = np.clip(np.digitize(evidence.coefficients, edges) - 1, 0, BINS - 1)
    binned = [
        (
            evidence.coefficients[inside == bin_].mean(),
            estimate(
                evidence.values[inside == bin_],
                reduction=claim.reduction,
                relation=claim.relation,
                threshold=claim.threshold,
                seed=bin_,
            ),
        )
        for bin_ in range(BINS)
        if (inside == bin_).sum() > 1
    ]
    found = search.counterexample if search else None
    marked = next(iter(_points([(found.at, found.value)])), None) if found else None
    return figures.against_c(
        f"{claim.id}: {_finding(claim, evidence.value, marked, failed=found is not None)}",
        c=[c for c, _ in binned],
        value=[part.value for _, part in binned],
        low=[_drawable(part.low) for _, part in binned],
        high=[_drawable(part.high) for _, part in binned],
        threshold=claim.threshold,
        relation=claim.relation,
        ylabel=claim.statistic,
        log=claim.threshold < 0.01 and claim.threshold > 0,
        searched=_points(search.trials) if search else (),
        counterexample=marked,
    )


def _finding(claim: Claim, value: float | None, marked: tuple[float, float] | None, *, failed: bool) -> str:
    average = f"{claim.statistic} is {value:.3g} on average"
    if not failed:
        return f"{average}, and on its side of {claim.threshold:g} wherever it was tried"
    return f"{average}, but not {claim.relation} {claim.threshold:g}{f' at c = {marked[0]:g}' if marked else ' everywhere'}"


def _drawable(bound: float) -> float:
    """A bin may hold too few recurrences to bound a quantile: its band is left open."""
    return bound if np.isfinite(bound) else np.nan


def _points(trials: Iterable[tuple[Place, float]]) -> list[tuple[float, float]]:
    """(c, value) of the trials that have one coefficient."""
    return [(at.c, value) for at, value in trials if isinstance(at, Condition | Recurrence) and isinstance(at.c, float)]
