"""From values per recurrence to a statistic, its interval and its p-values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import stats

Relation = Literal[">=", "<="]
Reduction = Literal["mean", "majority of heads", "every head", "all but 1 %"]

RESAMPLES = 1999


def holds(value: float, relation: Relation, threshold: float) -> bool:
    return value >= threshold if relation == ">=" else value <= threshold


def reduce(
    values: Float[NDArray, "*heads recurrence"], reduction: Reduction, relation: Relation, axis: int = -1
) -> NDArray:
    """The statistic of a claim: over recurrences first, then over heads.

    - mean: mean over recurrences.
    - majority of heads: mean over recurrences, then the k-th best head, k the smallest majority (5 of 8).
    - every head: mean over recurrences, then the worst head.
    - all but 1 %: the value that 99 % of recurrences keep within (for a claim about every single one).

    >>> reduce(np.array([[0.9, 0.7], [0.2, 0.4], [0.5, 0.5]]), "majority of heads", ">=")
    np.float64(0.5)
    """
    if reduction == "all but 1 %":
        return np.quantile(values, 0.01 if relation == ">=" else 0.99, axis=axis)
    means = values.mean(axis)
    if reduction == "mean":
        return means
    best_first = np.sort(means, axis=0)[::-1] if relation == ">=" else np.sort(means, axis=0)
    return best_first[-1 if reduction == "every head" else len(best_first) // 2]


@dataclass(frozen=True)
class Estimate:
    """A statistic over n independent recurrences.

    Attributes:
        low, high: 95 % interval.
        p: one-sided p-value of "the claim does not hold".
        p_against: one-sided p-value of "the claim holds".
    """

    value: float
    low: float
    high: float
    n: int
    p: float
    p_against: float


def estimate(
    values: Float[NDArray, recurrence * heads],
    *,
    reduction: Reduction,
    relation: Relation,
    threshold: float,
    seed: int,
) -> Estimate:
    """Bootstrap over recurrences (their heads stay together): a BCa interval, and p-values by inverting the percentile interval.

    A quantile is not smooth enough for BCa's jackknife; it gets the percentile interval.

    Raises:
        ValueError: fewer than two recurrences, or values that are not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        raise ValueError(f"n={len(values)} recurrences are too few for an interval: at least 2 are needed")
    if not np.isfinite(values).all():
        raise ValueError(f"{int((~np.isfinite(values)).sum())} of {values.size} values are not finite")
    heads_first = np.moveaxis(values, 0, -1)
    value = float(reduce(heads_first, reduction, relation))
    if np.ptp(heads_first, axis=-1).max() == 0:  # nothing varies: an interval of no width
        certain = holds(value, relation, threshold)
        lowest = 1 / (RESAMPLES + 1)
        return Estimate(value, value, value, len(values), lowest if certain else 1.0, 1.0 if certain else lowest)
    result = stats.bootstrap(
        (heads_first,),
        lambda sample, axis: reduce(sample, reduction, relation, axis),
        n_resamples=RESAMPLES,
        batch=100,
        vectorized=True,
        axis=-1,
        method="percentile" if reduction == "all but 1 %" else "BCa",
        rng=np.random.default_rng(seed),
    )
    resampled = result.bootstrap_distribution
    held = resampled >= threshold if relation == ">=" else resampled <= threshold
    low, high = result.confidence_interval
    return Estimate(
        value=value,
        low=float(low),
        high=float(high),
        n=len(values),
        p=float((1 + (~held).sum()) / (1 + held.size)),
        p_against=float((1 + held.sum()) / (1 + held.size)),
    )


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment: rejecting what falls to 0.05 keeps the chance of any false rejection at 5 %.

    >>> holm({"a": 0.01, "b": 0.04})
    {'a': 0.02, 'b': 0.04}
    """
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return adjusted
