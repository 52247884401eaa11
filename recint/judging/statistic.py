"""The statistic of a claim or of a contrast, from values of shape (draw, *heads)."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recint.judging.intervals import Estimate, estimate, p_values
from recint.judging.reductions import REDUCTIONS, ReductionName, Values
from recint.judging.relation import Bar, holds


class Reduced(Bar, Protocol):
    """What a claim and a contrast have in common."""

    @property
    def reduction(self) -> ReductionName: ...


def statistic(bar: Reduced, values: NDArray[np.float64]) -> float:
    """The statistic of a claim or contrast, from values of shape (draw, *heads)."""
    return REDUCTIONS[bar.reduction].value(_last(values), bar.relation)


def passes(bar: Reduced, values: NDArray[np.float64]) -> bool:
    """Whether the statistic over these draws holds, and exists: a ratio to something negative says nothing."""
    return holds(statistic(bar, values), bar.relation, bar.threshold) and REDUCTIONS[bar.reduction].defined(
        _last(values)
    )


def per_head(bar: Reduced, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The statistic of each head by itself; None if it has no heads."""
    return REDUCTIONS[bar.reduction].per_head(_last(values))


def _last(values: NDArray[np.float64]) -> Values:
    """Values with draws last, as reductions take them."""
    return np.moveaxis(values, 0, -1)


def estimated(bar: Reduced, values: NDArray[np.float64], *, looks: int = 1) -> Estimate:
    """The statistic of a claim or contrast over independent draws, with interval and p-values."""
    return estimate(values, reduction=bar.reduction, relation=bar.relation, threshold=bar.threshold, looks=looks)


def p_against(bar: Reduced, values: NDArray[np.float64]) -> float:
    """One-sided p-value of "the claim holds here"."""
    return both_p_values(bar, values)[1]


def both_p_values(bar: Reduced, values: NDArray[np.float64]) -> tuple[float, float]:
    """One-sided p-values of "it does not hold" and of "it holds"."""
    return p_values(values, reduction=bar.reduction, relation=bar.relation, threshold=bar.threshold)
