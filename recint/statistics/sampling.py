"""From values per recurrence to a statistic, its interval and its p-values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float, Integer
from numpy.typing import NDArray
from scipy import special, stats

Relation = Literal[">=", "<="]
Reduction = Literal[
    "mean",
    "majority of heads",
    "ratio of means",
    "explained share",
    "share of absolute means",
    "smallest ratio over heads",
    "largest over median head",
    "all but 1 %",
]
_RANKED = ("majority of heads", "smallest ratio over heads", "largest over median head")

RESAMPLES = 19_999
GROUPS = 2_000  # more recurrences than this are averaged in as many groups before they are resampled
_FLOOR = 1 / (RESAMPLES + 1)
POWER = 0.8


def holds(value: float, relation: Relation, threshold: float) -> bool:
    return value >= threshold if relation == ">=" else value <= threshold


def reduce(
    values: Float[NDArray, "*heads recurrence"], reduction: Reduction, relation: Relation, axis: int = -1
) -> NDArray:
    """The statistic of a claim: over recurrences first, then over heads.

    - mean: mean over recurrences.
    - majority of heads: mean over recurrences, then the k-th best head, k the smallest majority (5 of 8).
    - ratio of means: two rows instead of heads, measured on the same recurrences: mean of the first / mean of the second.
    - explained share: 1 - that ratio; of squared errors and squared deviations it is R^2.
    - share of absolute means: two rows of heads: sum over heads of |mean| of the first row / the same of the second.
    - smallest ratio over heads: the ratio of means for every head (two rows of heads), then the smallest.
    - largest over median head: mean over recurrences, then that of the largest head / the median over heads.
    - all but 1 %: the value that 99 % of recurrences keep within (for a claim about every single one).

    >>> reduce(np.array([[0.9, 0.7], [0.2, 0.4], [0.5, 0.5]]), "majority of heads", ">=")
    np.float64(0.5)
    """
    if reduction == "all but 1 %":
        return np.quantile(values, _quantile(relation), axis=axis)
    return _over_heads(values.mean(axis), reduction, relation)


def _quantile(relation: Relation) -> float:
    return 0.01 if relation == ">=" else 0.99


def _over_heads(means: NDArray, reduction: Reduction, relation: Relation) -> NDArray:
    """From means of shape (*heads, ...) to the statistic of shape (...)."""
    if reduction == "mean":
        return means
    with np.errstate(divide="ignore", invalid="ignore"):  # a perfect model has no ratio; told by name in `estimate`
        if reduction == "share of absolute means":
            return np.abs(means[0]).sum(0) / np.abs(means[1]).sum(0)
        if reduction == "largest over median head":
            return means.max(0) / np.median(means, axis=0)
        if reduction in ("ratio of means", "explained share", "smallest ratio over heads"):
            ratio = means[0] / means[1]
            if reduction == "explained share":
                return 1 - ratio
            return ratio if reduction == "ratio of means" else ratio.min(0)
    best_first = np.sort(means, axis=0)[::-1] if relation == ">=" else np.sort(means, axis=0)
    return best_first[len(best_first) // 2]


@dataclass(frozen=True)
class Estimate:
    """A statistic over n independent recurrences.

    Attributes:
        low, high: 95 % interval; infinite where n recurrences are too few to bound a quantile.
        p: one-sided p-value of "the claim does not hold".
        p_against: one-sided p-value of "the claim holds".
    """

    value: float
    low: float
    high: float
    n: int
    p: float
    p_against: float

    def draws_to_decide(self, threshold: float, *, level: float) -> int | None:
        """Recurrences that would settle it with 80 % power at this level, if the statistic is what it seems.

        From the normal approximation: the interval's width shrinks with the square root of n. None if the statistic sits on
        the threshold, or its spread is not known.
        """
        width, distance = (self.high - self.low) / (2 * stats.norm.ppf(0.975)), abs(self.value - threshold)
        if not np.isfinite(width) or distance == 0:
            return None
        needed = stats.norm.ppf(1 - level) + stats.norm.ppf(POWER)
        return int(np.ceil(self.n * (needed * width / distance) ** 2))


class NoEstimate(ValueError):
    """Values that have no such statistic, or too few of them for an interval."""


def estimate(
    values: Float[NDArray, recurrence * heads],
    *,
    reduction: Reduction,
    relation: Relation,
    threshold: float,
) -> Estimate:
    """The statistic with its 95 % interval and one-sided p-values.

    Means, and what is made of them over heads, are bootstrapped over recurrences (their heads stay together): a BCa interval
    (Efron 1987), and the p-values at which one-sided BCa intervals exclude the threshold. Ranked heads are tested one by
    one instead, see `_heads_p`: the best of several noisy heads looks better than it is, and the worst one worse. Of more
    than GROUPS recurrences, means of groups are resampled, whose mean has the same spread and skewness. A
    quantile gets its exact distribution-free interval and test from order statistics, a binomial count of the recurrences
    beyond the threshold.

    Raises:
        NoEstimate: fewer than two recurrences, values that are not finite, or a ratio whose denominator is zero.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        raise NoEstimate(f"n={len(values)} recurrences are too few for an interval: at least 2 are needed")
    if not np.isfinite(values).all():
        raise NoEstimate(f"{int((~np.isfinite(values)).sum())} of {values.size} values are not finite")
    heads_first = np.moveaxis(values, 0, -1)
    value = float(reduce(heads_first, reduction, relation))
    if not np.isfinite(value):
        raise NoEstimate(f"the {reduction} over {len(values)} recurrences is {value}: its denominator is zero")
    if reduction == "all but 1 %":
        return _quantile_estimate(values, value, relation, threshold)
    ranked = reduction in _RANKED
    left_out = _over_heads((heads_first.sum(-1, keepdims=True) - heads_first) / (len(values) - 1), reduction, relation)
    spread = np.ptp(heads_first, axis=-1).max() if ranked else np.ptp(left_out) * len(values)
    if spread <= 1e-5 * np.abs(values).max():  # nothing varies but the rounding of float32
        # Had even half of all recurrences another value, n alike would be as rare as this.
        alike = max(_FLOOR, 0.5 ** (len(values) - 1))
        certain = holds(value, relation, threshold)
        return Estimate(value, value, value, len(values), *((alike, 1.0) if certain else (1.0, alike)))
    if ranked:
        return _heads_estimate(heads_first, value, reduction, relation, threshold)
    units = _grouped(heads_first) if len(values) > GROUPS else heads_first
    result = stats.bootstrap(
        (units,),
        lambda sample, axis: reduce(sample, reduction, relation, axis),
        n_resamples=0,
        batch=100,
        vectorized=True,
        axis=-1,
        method="BCa",
        bootstrap_result=_Resampled(_over_heads(_resampled_means(units), reduction, relation)),
    )
    low, high = result.confidence_interval
    below = _bca_below(left_out, value, threshold, result.bootstrap_distribution)
    p = below if relation == ">=" else 1 - below
    return Estimate(value, float(low), float(high), len(values), _floor(p), _floor(1 - p))


@dataclass(frozen=True)
class _Resampled:
    """What `scipy.stats.bootstrap` is to make its interval of, without resampling by itself."""

    bootstrap_distribution: Float[NDArray, resample]


def _resampled_means(units: Float[NDArray, "*heads unit"]) -> Float[NDArray, "*heads resample"]:
    """Means over units drawn with replacement, as products with how often each unit is drawn: far faster than gathering."""
    flat = units.reshape(-1, units.shape[-1])
    counts = _resamples(units.shape[-1])
    means = np.concatenate([flat @ part.T.astype(np.float64) for part in np.array_split(counts, 100)], axis=-1)
    return means.reshape(*units.shape[:-1], RESAMPLES) / units.shape[-1]


@lru_cache(maxsize=32)  # the bins of a figure have some 20 sizes, which those of the next figure have too
def _resamples(units: int) -> Integer[NDArray, "resample unit"]:
    """How often each unit is in each resample; the same ones for every statistic, whose own chances are not touched by it."""
    rng = np.random.default_rng(units)
    counts = np.empty((RESAMPLES, units), dtype=np.uint8)  # that one is drawn 256 times or more does not happen
    for row in counts:
        row[:] = np.bincount(rng.integers(units, size=units, dtype=np.uint16), minlength=units)
    return counts


def _grouped(values: Float[NDArray, "*heads recurrence"]) -> Float[NDArray, "*heads group"]:
    """Units as many as GROUPS whose mean is that of all recurrences and spreads as it does.

    Each stands for n / GROUPS consecutive recurrences, up to one: for the mean of all and their deviations from it, so that groups
    of unequal size do not spread by their size.
    """
    n = values.shape[-1]
    starts = np.linspace(0, n, GROUPS, endpoint=False).astype(int)
    mean = values.mean(-1, keepdims=True)
    return mean + np.add.reduceat(values - mean, starts, axis=-1) * (GROUPS / n)


def _floor(p: float) -> float:
    """No p-value from a bootstrap is smaller than one resample in all."""
    return min(1.0, max(p, _FLOOR))


def _quantile_estimate(values: NDArray, value: float, relation: Relation, threshold: float) -> Estimate:
    def test(alternative: str) -> float:
        return float(stats.quantile_test(values, q=threshold, p=_quantile(relation), alternative=alternative).pvalue)

    low, high = stats.quantile_test(values, q=threshold, p=_quantile(relation)).confidence_interval()
    low, high = (-np.inf if np.isnan(low) else float(low)), (np.inf if np.isnan(high) else float(high))
    p, p_against = (test("greater"), test("less")) if relation == ">=" else (test("less"), test("greater"))
    return Estimate(value, low, high, len(values), p, p_against)


def _heads_estimate(
    values: Float[NDArray, "*rows head recurrence"],
    value: float,
    reduction: Reduction,
    relation: Relation,
    threshold: float,
) -> Estimate:
    """The interval holds the thresholds that neither one-sided test rejects at 2.5 %: it and the p-values agree."""
    each = values.mean(-1) if values.ndim == 2 else values[0].mean(-1) / values[1].mean(-1)
    if reduction == "largest over median head":
        each = each / np.median(each)
    reach = 1 + np.ptp(each) + abs(value)  # beyond this, one test or the other rejects

    def bound(which: int) -> float:
        outward = -1.0 if (which == 0) == (relation == ">=") else 1.0  # p falls outwards on the side that holds
        for _ in range(30):
            if _heads_p(values, reduction, relation, value + outward * reach)[which] <= 0.025:
                break
            outward *= 2
        else:  # of a few recurrences not even that a denominator is above 0 is certain
            return outward * np.inf
        inside, outside = value, value + outward * reach
        for _ in range(60):  # halving: the p-values are monotone, but not smooth where heads change ranks
            middle = (inside + outside) / 2
            if _heads_p(values, reduction, relation, middle)[which] > 0.025:
                inside = middle
            else:
                outside = middle
        return outside

    low, high = sorted((bound(0), bound(1)))
    p, p_against = _heads_p(values, reduction, relation, threshold)
    return Estimate(value, low, high, values.shape[-1], p, p_against)


def _heads_p(
    values: Float[NDArray, "*rows head recurrence"], reduction: Reduction, relation: Relation, threshold: float
) -> tuple[float, float]:
    """p-values of "the ranked head does not hold" and of "it holds", from a t-test of every head.

    That the k-th best of H heads holds says that k of them do: a partial conjunction (Benjamini & Heller 2008), whose
    p-value is (H - k + 1) times the k-th smallest of the heads'. That it does not says that H - k + 1 of them do not.
    A ratio num / den lies above the threshold where the mean of num - threshold * den is positive. The largest head is the
    last in rank where it is to be small, and the first where it is to be large, like the smallest the other way round.
    """
    if reduction == "smallest ratio over heads":
        excess = values[0] - threshold * values[1]
        ranked_from_best = len(excess) if relation == ">=" else 1
    elif reduction == "largest over median head":
        order = values.mean(-1).argsort()
        middle = values[order[(len(order) - 1) // 2 : len(order) // 2 + 1]].mean(0)
        excess = values - threshold * middle
        ranked_from_best = 1 if relation == ">=" else len(excess)
    else:
        excess = values - threshold
        ranked_from_best = len(excess) // 2 + 1
    heads, n = excess.shape
    with np.errstate(divide="ignore", invalid="ignore"):  # a head that does not vary is on one side for certain
        t = np.nan_to_num(excess.mean(-1) / (excess.std(-1, ddof=1) / n**0.5), nan=0.0)
    # Student's distribution function by itself: stats.t, which calls it, takes far longer to check what it is given.
    above, below = special.stdtr(n - 1, -t), special.stdtr(n - 1, t)
    does, does_not = (above, below) if relation == ">=" else (below, above)
    others = heads - ranked_from_best + 1
    p = others * np.sort(does)[ranked_from_best - 1]
    p_against = ranked_from_best * np.sort(does_not)[others - 1]
    return min(1.0, float(p)), min(1.0, float(p_against))


def _bca_below(
    left_out: Float[NDArray, recurrence], value: float, threshold: float, resampled: Float[NDArray, resample]
) -> float:
    """The confidence that BCa puts on "the statistic lies below the threshold": its interval, read the other way round.

    Efron & Tibshirani, An Introduction to the Bootstrap, eq. 14.10 solved for the level. The percentile's own share is
    off by the skewness of the statistic, which for errors is large. `left_out` is the statistic without each recurrence.
    """
    spread = left_out.mean() - left_out
    acceleration = (spread**3).sum() / (6 * (spread**2).sum() ** 1.5) if spread.any() else 0.0

    def normal_share(at: float) -> float:
        share = ((resampled < at).sum() + (resampled <= at).sum()) / (2 * resampled.size)
        if 0 < share < 1:
            return float(stats.norm.ppf(share))
        # Beyond all resamples: how far beyond is told by their spread, and is further than the last of them.
        last = float(stats.norm.ppf(0.5 / resampled.size))
        distance = (at - resampled.mean()) / resampled.std()
        return float(min(distance, last) if share == 0 else max(distance, -last))

    bias, moved = normal_share(value), normal_share(threshold) - normal_share(value)
    stretch = 1 + acceleration * moved
    # Beyond the pole of the correction the threshold is further out than any interval reaches.
    return float(stats.norm.cdf(moved / stretch - bias)) if stretch > 0 else float(moved > 0)


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


def exact_interval(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Clopper and Pearson 1934); all of [0, 1] if nothing was counted.

    >>> exact_interval(0, 100)
    (0.0, 0.0362...)
    """
    if of == 0:
        return 0.0, 1.0
    interval = stats.binomtest(count, of).proportion_ci(0.95, method="exact")
    return float(interval.low), float(interval.high)
