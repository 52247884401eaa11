"""From values per recurrence to a statistic, its interval and its p-values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import optimize, stats

from recint.statistics.means import p_positive
from recint.statistics.relation import Relation

Reduction = Literal[
    "mean",
    "majority of heads",
    "ratio of means",
    "explained share",
    "share of absolute means",
    "smallest ratio over heads",
    "largest ratio over heads",
    "largest over median head",
    "median over largest head",
    "all but 1 %",
]
POWER = 0.8
_TAIL = 0.025  # of a 95 % interval, on each side
ROUNDING = 1e-5  # of the largest value: what varies by less varies by the rounding of float32


# --- Reductions -------------------------------------------------------------------------------------------------------

Values = Float[NDArray, "*rows recurrence"]  # rows are heads, or numerators above denominators, or both
Heads = Float[NDArray, "head recurrence"]


@dataclass(frozen=True)
class _Rule:
    """A statistic that is made of means, and how it is tested.

    Attributes:
        of_means: from means of shape (*rows, ...) to the statistic of shape (...).
        excess: from values and a threshold to numbers whose mean is positive where a head lies above the threshold, and to
            numbers whose mean is positive where it lies below.
        needed: how many of so many heads must lie on the right side for the claim to hold.
        p_defined: p-value of "the statistic does not exist", for a ratio that its denominator may not be positive.
    """

    of_means: Callable[[NDArray, Relation], NDArray]
    excess: Callable[[Values, float], tuple[Heads, Heads]]
    needed: Callable[[int, Relation], int] = lambda heads, relation: heads
    p_defined: Callable[[Values, float], float] = lambda values, noise: 0.0


def _every_denominator(values: Values, noise: float) -> float:
    return float(p_positive(np.atleast_2d(values[1]), noise=noise).max())


def _largest_head(values: Values, noise: float) -> float:
    return min(1.0, len(values) * float(p_positive(values, noise=noise).min()))


def _median_head(values: Values) -> Float[NDArray, recurrence]:
    """The head whose mean is the median one, or the mean of the two in the middle.

    Which these are is read off the same draws; `tests/test_sampling.py` simulates that it costs nothing.
    """
    order = values.mean(-1).argsort()
    median: NDArray = values[order[(len(order) - 1) // 2 : len(order) // 2 + 1]].mean(0)
    return median


def _majority(means: NDArray, relation: Relation) -> NDArray:
    best_first = np.sort(means, axis=0)[::-1] if relation == ">=" else np.sort(means, axis=0)
    return best_first[len(best_first) // 2]


def _both(excess: Callable[[Values, float], Heads]) -> Callable[[Values, float], tuple[Heads, Heads]]:
    """What lies above, and with the other sign what lies below."""

    def sides(values: Values, threshold: float) -> tuple[Heads, Heads]:
        above = excess(values, threshold)
        return above, -above

    return sides


def _share_excess(values: Values, threshold: float) -> tuple[Heads, Heads]:
    """Of shares of absolute means: the sum over heads of weight times |mean|, with signs that do not know what they are tested on.

    Heads that speak for the finding get their signs from every second recurrence, and are tested on the others: any fixed signs
    give at most the sum of |mean|. Signs chosen on the same recurrences would count the noise of heads that do nothing. Heads
    that speak against it keep the signs of what is tested, which are the least favourable ones.
    """
    rows = np.concatenate([values[0], -threshold * values[1]])
    chosen, tested = rows[:, ::2], rows[:, 1::2]
    own, all_heads = slice(None, len(values[0])), slice(len(values[0]), None)

    def sides(speaking_for: slice, against: slice, weight: int) -> Heads:
        # The rows of all heads carry the factor -threshold, which turns their signs around.
        signs = np.sign(tested.mean(-1))
        signs[speaking_for] = np.sign(chosen.mean(-1))[speaking_for]
        signs[all_heads] *= -np.sign(threshold) if threshold else 1
        return weight * (signs[:, None] * tested).sum(0, keepdims=True)

    return sides(own, all_heads, 1), sides(all_heads, own, -1)


def _all_if(wanted: Relation) -> Callable[[int, Relation], int]:
    """An extreme head lies on the side of its extreme only if all heads do, and on the other side as soon as one does."""
    return lambda heads, relation: heads if relation == wanted else 1


_ratio_excess = _both(lambda values, threshold: np.atleast_2d(values[0] - threshold * values[1]))


_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "mean": _Rule(lambda means, _: means, _both(lambda values, threshold: values[None] - threshold)),
        "majority of heads": _Rule(
            _majority, _both(lambda values, threshold: values - threshold), lambda heads, _: heads // 2 + 1
        ),
        "ratio of means": _Rule(lambda means, _: means[0] / means[1], _ratio_excess, p_defined=_every_denominator),
        "explained share": _Rule(
            lambda means, _: 1 - means[0] / means[1],
            _both(lambda values, threshold: ((1 - threshold) * values[1] - values[0])[None]),
            p_defined=_every_denominator,
        ),
        "share of absolute means": _Rule(
            lambda means, _: np.abs(means[0]).sum(0) / np.abs(means[1]).sum(0),
            _share_excess,
        ),
        "smallest ratio over heads": _Rule(
            lambda means, _: (means[0] / means[1]).min(0), _ratio_excess, _all_if(">="), _every_denominator
        ),
        "largest ratio over heads": _Rule(
            lambda means, _: (means[0] / means[1]).max(0), _ratio_excess, _all_if("<="), _every_denominator
        ),
        "largest over median head": _Rule(
            lambda means, _: means.max(0) / np.median(means, axis=0),
            _both(lambda values, threshold: values - threshold * _median_head(values)),
            _all_if("<="),
            lambda values, noise: float(p_positive(_median_head(values), noise=noise)),
        ),
        "median over largest head": _Rule(
            lambda means, _: np.median(means, axis=0) / means.max(0),
            _both(lambda values, threshold: _median_head(values) - threshold * values),
            _all_if(">="),
            _largest_head,
        ),
    }
)


def reduce(values: Values, reduction: Reduction, relation: Relation) -> float:
    """The statistic of a claim: over recurrences first, then over heads.

    - mean: mean over recurrences.
    - majority of heads: mean over recurrences, then the k-th best head, k the smallest majority (5 of 8).
    - ratio of means: two rows instead of heads, measured on the same recurrences: mean of the first / mean of the second.
    - explained share: 1 - that ratio; of squared errors and squared deviations it is R^2.
    - share of absolute means: two rows of heads: sum over heads of |mean| of the first row / the same of the second.
    - smallest, largest ratio over heads: the ratio of means for every head (two rows of heads), then the extreme one.
    - largest over median head: mean over recurrences, then that of the largest head / the median over heads.
    - median over largest head: the inverse of that, which exists where the median is zero.
    - all but 1 %: the value that 99 % of recurrences keep within (for a claim about every single one).

    >>> reduce(np.array([[0.9, 0.7], [0.2, 0.4], [0.5, 0.5]]), "majority of heads", ">=")
    0.5
    """
    if reduction == "all but 1 %":
        return float(np.quantile(values, _quantile(relation), axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):  # a perfect model has no ratio; told by name in `estimate`
        return float(_RULES[reduction].of_means(values.mean(-1), relation))


def defined(values: Values, reduction: Reduction) -> bool:
    """Whether the denominator of a ratio is positive, as far as these recurrences tell; of what is no ratio there is none."""
    return reduction == "all but 1 %" or _RULES[reduction].p_defined(values, 0.0) <= 0.5


def _quantile(relation: Relation) -> float:
    return 0.01 if relation == ">=" else 0.99


# --- Estimates --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimate:
    """A statistic over n independent recurrences.

    Attributes:
        low, high: 95 % interval; infinite where n recurrences are too few for a bound.
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
    values: Float[NDArray, recurrence * heads],
    *,
    reduction: Reduction,
    relation: Relation,
    threshold: float,
    looks: int = 1,
) -> Estimate:
    """The statistic with its 95 % interval and one-sided p-values.

    Of a sample that is looked at several times, and grows until it decides, each look may err as often as the others: p-values
    are so many times as large, and intervals as wide as that asks for (Bonferroni).

    Whatever is made of means is tested by `p_values`, and its interval holds the thresholds that neither one-sided test
    rejects at 2.5 %: interval and p-values always agree. A quantile gets its exact distribution-free interval and test from
    order statistics, a binomial count of the recurrences beyond the threshold.

    Raises:
        NoEstimate: fewer than two recurrences, values that are not finite, or a ratio whose denominator is zero.
    """
    heads_first, value = _checked(values, reduction, relation)
    n = heads_first.shape[-1]
    if reduction == "all but 1 %":
        return _quantile_estimate(heads_first, value, relation, threshold, looks)
    low, high = sorted(_bound(heads_first, reduction, relation, value, which, _TAIL / looks) for which in (0, 1))
    p, p_against = _p_values(heads_first, reduction, relation, threshold)
    return Estimate(value, low, high, n, min(1.0, looks * p), min(1.0, looks * p_against), looks)


def p_values(
    values: Float[NDArray, recurrence * heads], *, reduction: Reduction, relation: Relation, threshold: float
) -> tuple[float, float]:
    """One-sided p-values of "the claim does not hold" and of "it holds".

    A ratio num / den lies above the threshold where the mean of num - threshold * den is positive: all that is tested are
    means, see `recint.statistics.means`. That the denominator is positive is tested too, and neither side is believed without.

    That the k-th best of H heads holds says that k of them do: a partial conjunction (Benjamini & Heller 2008), whose
    p-value is (H - k + 1) times the k-th smallest of the heads'. That it does not says that H - k + 1 of them do not.

    Raises:
        NoEstimate: as for `estimate`, whose p-values these are.
    """
    heads_first, value = _checked(values, reduction, relation)
    if reduction == "all but 1 %":
        found = _quantile_estimate(heads_first, value, relation, threshold, 1)
        return found.p, found.p_against
    return _p_values(heads_first, reduction, relation, threshold)


def _checked(values: NDArray, reduction: Reduction, relation: Relation) -> tuple[Values, float]:
    """The values with recurrences last, and the statistic."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        raise NoEstimate(f"n={len(values)} recurrences are too few for an interval: at least 2 are needed")
    if not np.isfinite(values).all():
        raise NoEstimate(f"{int((~np.isfinite(values)).sum())} of {values.size} values are not finite")
    heads_first = np.ascontiguousarray(np.moveaxis(values, 0, -1))
    value = reduce(heads_first, reduction, relation)
    if not np.isfinite(value):
        raise NoEstimate(f"the {reduction} over {len(values)} recurrences is {value}: its denominator is zero")
    return heads_first, value


def _noise(values: Values) -> float:
    return ROUNDING * float(np.abs(values).max())


def _p_values(values: Values, reduction: Reduction, relation: Relation, threshold: float) -> tuple[float, float]:
    rule, noise = _RULES[reduction], _noise(values)
    above, below = (p_positive(side, noise=noise) for side in rule.excess(values, threshold))
    does, does_not = (above, below) if relation == ">=" else (below, above)
    needed = rule.needed(len(does), relation)
    others = len(does) - needed + 1
    defined = rule.p_defined(values, noise)
    p = others * np.sort(does)[needed - 1]
    p_against = needed * np.sort(does_not)[others - 1]
    return max(defined, min(1.0, float(p))), max(defined, min(1.0, float(p_against)))


def _alike(values: Values, reduction: Reduction, value: float) -> bool:
    """Whether every recurrence alone would give the same statistic, but for rounding."""
    return bool(_RULES[reduction].excess(values, value)[0].std(-1).max() <= _noise(values))


def _bound(values: Values, reduction: Reduction, relation: Relation, value: float, which: int, tail: float) -> float:
    """The threshold on one side of the statistic at which a one-sided test is just significant; infinite if none is."""
    outward = -1.0 if (which == 0) == (relation == ">=") else 1.0  # p falls outwards on the side that holds

    def beyond(threshold: float) -> float:
        return _p_values(values, reduction, relation, threshold)[which] - tail

    if _alike(values, reduction, value) or beyond(value) <= 0:
        return value
    inside, reach = value, 0.05 * abs(value) + _noise(values)
    for _ in range(60):
        if beyond(value + outward * reach) <= 0:
            break
        inside, reach = value + outward * reach, 2 * reach
    else:  # of a few recurrences not even that a denominator is above 0 is certain
        return outward * np.inf
    # The p-values are monotone, but not smooth where heads change ranks.
    return float(optimize.brentq(beyond, inside, value + outward * reach, xtol=1e-6 * reach))


def _quantile_estimate(values: NDArray, value: float, relation: Relation, threshold: float, looks: int) -> Estimate:
    def test(alternative: str) -> float:
        return float(stats.quantile_test(values, q=threshold, p=_quantile(relation), alternative=alternative).pvalue)

    low, high = stats.quantile_test(values, q=threshold, p=_quantile(relation)).confidence_interval(
        confidence_level=1 - 2 * _TAIL / looks
    )
    low, high = (-np.inf if np.isnan(low) else float(low)), (np.inf if np.isnan(high) else float(high))
    p, p_against = (test("greater"), test("less")) if relation == ">=" else (test("less"), test("greater"))
    return Estimate(value, low, high, len(values), min(1.0, looks * p), min(1.0, looks * p_against), looks)


# --- Many claims, and shares ------------------------------------------------------------------------------------------


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
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


def exact_interval(count: int, of: int, *, looks: int = 1) -> tuple[float, float]:
    """The 95 % interval of a share (Clopper and Pearson 1934); all of [0, 1] if nothing was counted.

    >>> exact_interval(0, 100)
    (0.0, 0.0362...)
    """
    if of == 0:
        return 0.0, 1.0
    interval = stats.binomtest(count, of).proportion_ci(1 - 2 * _TAIL / looks, method="exact")
    return float(interval.low), float(interval.high)
