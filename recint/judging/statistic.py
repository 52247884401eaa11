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


def require_values(bar: Reduced, values: NDArray[np.float64], *, weights: bool, what: str) -> None:
    """Raises ValueError if values have other axes than the reduction takes, or are not all finite.

    Args:
        weights: whether the claim is about weights. Then the value is the statistic itself, a single number.
        what: the name of the values; the error begins with it.
    """
    axes = () if weights else ("draw", *REDUCTIONS[bar.reduction].axes)
    if values.ndim != len(axes) or ("pair" in axes and values.shape[axes.index("pair")] != 2):
        taken = f"reduction={bar.reduction!r} takes one value for each of ({', '.join(axes)})"
        wanted = "a claim about weights takes a single number" if weights else taken
        raise ValueError(f"{what}: the values have shape {values.shape}, but {wanted}")
    if wrong := int((~np.isfinite(values)).sum()):
        raise ValueError(f"{what}: {wrong} of {values.size} values are not finite")


def passes(bar: Reduced, values: NDArray[np.float64]) -> bool:
    """Whether the statistic of these draws holds. It does not if it is a ratio whose denominator seems to be negative."""
    return holds(statistic(bar, values), bar.relation, bar.threshold) and REDUCTIONS[bar.reduction].defined(
        _last(values)
    )


def per_head(bar: Reduced, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The statistic of each head by itself; None if the statistic has no heads."""
    return REDUCTIONS[bar.reduction].per_head(_last(values))


def _last(values: NDArray[np.float64]) -> Values:
    """Values of shape (*heads, draw), as reductions expect them."""
    return np.moveaxis(values, 0, -1)


def estimated(bar: Reduced, values: NDArray[np.float64], *, looks: int = 1) -> Estimate:
    """The statistic of independent draws, with its interval and p-values.

    Args:
        looks: how often the growing sample may be looked at; see `recint.judging.intervals.estimate`.

    Raises:
        NoEstimate: there are too few draws, or the statistic does not exist for them.
    """
    return estimate(values, reduction=bar.reduction, relation=bar.relation, threshold=bar.threshold, looks=looks)


def p_against(bar: Reduced, values: NDArray[np.float64]) -> float:
    """The one-sided p-value of "the claim holds here"."""
    return both_p_values(bar, values)[1]


def both_p_values(bar: Reduced, values: NDArray[np.float64]) -> tuple[float, float]:
    """The one-sided p-values of "it does not hold" and of "it holds"."""
    return p_values(values, reduction=bar.reduction, relation=bar.relation, threshold=bar.threshold)
