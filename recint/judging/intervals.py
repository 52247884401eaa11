"""A statistic over independent draws with its interval and p-values, and the interval of a share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import stats

from recint.judging.reductions import REDUCTIONS, ReductionName, Sides, Values
from recint.judging.relation import Relation

POWER = 0.8
_TAIL = 0.025  # of a 95 % interval, on each side


@dataclass(frozen=True)
class Estimate:
    """A statistic over n independent draws.

    Attributes:
        low, high: 95 % interval; infinite where n draws are too few for a bound.
        p: one-sided p-value of "the claim does not hold".
        p_against: one-sided p-value of "the claim holds".
        looks: how often a sample that grows may be looked at; interval and p-values hold whichever look was the last.
    """

    value: float
    low: float
    high: float
    n: int
    p: float
    p_against: float
    looks: int = 1

    def draws_to_decide(self, threshold: float, *, level: float) -> int | None:
        """Recurrences that would settle it with 80 % power at this level, if the statistic is what it seems.

        From the normal approximation: the interval's width shrinks with the square root of n. None if the statistic sits on
        the threshold, or its spread is not known.
        """
        width, distance = (
            (self.high - self.low) / (2 * stats.norm.ppf(1 - _TAIL / self.looks)),
            abs(self.value - threshold),
        )
        if not np.isfinite(width) or distance == 0:
            return None
        needed = stats.norm.ppf(1 - level) + stats.norm.ppf(POWER)
        return int(np.ceil(self.n * (needed * width / distance) ** 2))


class NoEstimate(ValueError):
    """Values that have no such statistic, or too few of them for an interval."""


def estimate(
    values: Float[NDArray, draw * heads],
    *,
    reduction: ReductionName,
    relation: Relation,
    threshold: float,
    looks: int = 1,
) -> Estimate:
    """The statistic with its 95 % interval and one-sided p-values.

    Of a sample that is looked at several times, and grows until it decides, each look may err as often as the others: p-values
    are so many times as large, and intervals as wide as that asks for (Bonferroni).

    Raises:
        NoEstimate: fewer than two draws, values that are not finite, or a ratio whose denominator is zero.
    """
    last, value = _checked(values, reduction, relation)
    rule = REDUCTIONS[reduction]
    low, high = rule.interval(last, relation, threshold=threshold, tail=_TAIL / looks)
    p, p_against = rule.p_values(last, relation, threshold)
    return Estimate(value, low, high, last.shape[-1], min(1.0, looks * p), min(1.0, looks * p_against), looks)


def p_values(
    values: Float[NDArray, draw * heads], *, reduction: ReductionName, relation: Relation, threshold: float
) -> Sides:
    """One-sided p-values of "the claim does not hold" and of "it holds".

    Raises:
        NoEstimate: as for `estimate`, whose p-values these are.
    """
    last, _ = _checked(values, reduction, relation)
    return REDUCTIONS[reduction].p_values(last, relation, threshold)


def _checked(values: NDArray, reduction: ReductionName, relation: Relation) -> tuple[Values, float]:
    """The values with draws last, and the statistic."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        raise NoEstimate(f"n={len(values)} recurrences are too few for an interval: at least 2 are needed")
    if not np.isfinite(values).all():
        raise NoEstimate(f"{int((~np.isfinite(values)).sum())} of {values.size} values are not finite")
    last = np.ascontiguousarray(np.moveaxis(values, 0, -1))
    value = REDUCTIONS[reduction].value(last, relation)
    if not np.isfinite(value):
        raise NoEstimate(f"the {reduction} over {len(values)} recurrences is {value}: its denominator is zero")
    return last, value


def exact_interval(count: int, of: int, *, looks: int = 1) -> tuple[float, float]:
    """The 95 % interval of a share (Clopper and Pearson 1934); all of [0, 1] if nothing was counted.

    >>> exact_interval(0, 100)
    (0.0, 0.0362...)
    """
    if of == 0:
        return 0.0, 1.0
    interval = stats.binomtest(count, of).proportion_ci(1 - 2 * _TAIL / looks, method="exact")
    return float(interval.low), float(interval.high)
