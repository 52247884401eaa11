"""A statistic of independent draws with its interval and p-values, and the exact interval of a share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import stats

from recint.judging.reductions import REDUCTIONS, ReductionName, Sides, Values
from recint.judging.relation import Relation

POWER = 0.8
_TAIL = 0.025  # the probability beyond each end of a 95 % interval


@dataclass(frozen=True)
class Estimate:
    """A statistic of n independent draws.

    Attributes:
        value: the point estimate.
        low, high: the 95 % interval; an end is infinite if n draws are too few for it.
        p: the one-sided p-value of "the claim does not hold".
        p_against: the one-sided p-value of "the claim holds".
        looks: how often the growing sample may be looked at. Interval and p-values are valid whichever look is the last.
    """

    value: float
    low: float
    high: float
    n: int
    p: float
    p_against: float
    looks: int = 1

    def draws_to_decide(self, threshold: float, *, level: float) -> int | None:
        """The number of draws that would decide with 80 % power at this level, if the true statistic is the estimated one.

        It comes from the normal approximation: n * ((z_level + z_power) * s / |value - threshold|)^2, where s is the standard
        error that the width of the interval implies. None if the value equals the threshold, or if the interval is infinite.
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
    """The statistic does not exist for these values, or they are too few for an interval."""


def estimate(
    values: Float[NDArray, draw * heads],
    *,
    reduction: ReductionName,
    relation: Relation,
    threshold: float,
    looks: int = 1,
) -> Estimate:
    """The statistic with its 95 % interval and one-sided p-values.

    A growing sample that is looked at several times may err at each look. The level is split evenly over the looks (Bonferroni):
    p-values are multiplied by the number of looks, and intervals are wider accordingly.

    Args:
        values: shape (draw, *head).
        looks: how often the sample may be looked at.

    Raises:
        NoEstimate: there are fewer than two draws, a value is not finite, or the denominator of a ratio is zero.
    """
    last, value = _checked(values, reduction, relation)
    rule = REDUCTIONS[reduction]
    low, high = rule.interval(last, relation, threshold=threshold, tail=_TAIL / looks)
    p, p_against = rule.p_values(last, relation, threshold)
    return Estimate(value, low, high, last.shape[-1], min(1.0, looks * p), min(1.0, looks * p_against), looks)


def p_values(
    values: Float[NDArray, draw * heads], *, reduction: ReductionName, relation: Relation, threshold: float
) -> Sides:
    """One-sided p-values of "the claim does not hold" and of "it holds", for a sample that is looked at once.

    Raises:
        NoEstimate: as in `estimate`.
    """
    last, _ = _checked(values, reduction, relation)
    return REDUCTIONS[reduction].p_values(last, relation, threshold)


def _checked(values: NDArray, reduction: ReductionName, relation: Relation) -> tuple[Values, float]:
    """The values with the draws on the last axis, and the statistic.

    Raises:
        NoEstimate: as in `estimate`.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        raise NoEstimate(f"n={len(values)} draws are too few for an interval: at least 2 are needed")
    if not np.isfinite(values).all():
        raise NoEstimate(f"{int((~np.isfinite(values)).sum())} of {values.size} values are not finite")
    last = np.ascontiguousarray(np.moveaxis(values, 0, -1))
    value = REDUCTIONS[reduction].value(last, relation)
    if not np.isfinite(value):
        raise NoEstimate(f"the {reduction} over {len(values)} draws is {value}: its denominator is zero")
    return last, value


def exact_interval(count: int, of: int, *, looks: int = 1) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper and Pearson 1934); (0, 1) if `of` is 0.

    >>> exact_interval(0, 100)
    (0.0, 0.0362...)
    """
    if of == 0:
        return 0.0, 1.0
    interval = stats.binomtest(count, of).proportion_ci(1 - 2 * _TAIL / looks, method="exact")
    return float(interval.low), float(interval.high)
