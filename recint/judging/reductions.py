"""How values of draws become the statistic of a claim: every reduction with its test, its interval and its heads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import optimize, stats

from recint.judging.means import p_positive
from recint.judging.relation import Relation

ReductionName = Literal[
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
ROUNDING = 1e-5  # of the largest value: what varies by less varies by the rounding of float32

Values = Float[NDArray, "*rows draw"]  # rows are heads, or numerators above denominators, or both
Heads = Float[NDArray, "head draw"]
Sides = tuple[float, float]  # of "it does not hold" and of "it holds"; or the lower and the upper end of an interval


@dataclass(frozen=True)
class OneHead:
    """How a figure shows each head by itself.

    Attributes:
        which: the head whose value the statistic is.
        reduction: what the statistic of a single head is.
        unit: from the means of all heads to what values are divided by; None if they are not.
    """

    which: str
    reduction: Literal["mean", "ratio of means"]
    unit: Callable[[NDArray], float] | None = None

    def of_means(self, means: NDArray) -> NDArray:
        """The statistic of each head, from means of shape (head,), or (row, head) for ratios."""
        if self.reduction == "ratio of means":
            return means[0] / means[1]
        return means if self.unit is None else means / self.unit(means)


@dataclass(frozen=True, kw_only=True)
class Reduction(ABC):
    """A way from values of shape (*rows, draw) to a statistic, and its test.

    Attributes:
        name: under which claims ask for it; their hashes cover it.
        compares_heads: whether it says something of one head against others, so that a layer needs two of them.
        refutes_everywhere: whether a wrong average refutes a claim about every condition. A majority of heads does not: each
            condition may have a majority of its own.
        one_head: how each head is shown by itself; None if the statistic has no heads.
    """

    name: ReductionName
    compares_heads: bool = False
    refutes_everywhere: bool = True
    one_head: OneHead | None = None

    @abstractmethod
    def value(self, values: Values, relation: Relation) -> float:
        """The statistic."""

    @abstractmethod
    def defined(self, values: Values) -> bool:
        """Whether the denominator of a ratio is positive, as far as these draws tell; true of what is no ratio."""

    @abstractmethod
    def p_values(self, values: Values, relation: Relation, threshold: float) -> Sides:
        """One-sided p-values of "the claim does not hold" and of "it holds"."""

    @abstractmethod
    def interval(self, values: Values, relation: Relation, *, threshold: float, tail: float) -> Sides:
        """The interval that misses the statistic on each side with probability `tail`; an end may be infinite."""

    def per_head(self, values: Values) -> NDArray[np.float64] | None:
        """The statistic of each head by itself; None if there are no heads."""
        return self.one_head.of_means(values.mean(-1)) if self.one_head else None


# --- Statistics that are made of means --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class OfMeans(Reduction):
    """A statistic that is made of means over draws.

    A ratio num / den lies above the threshold where the mean of num - threshold * den is positive: all that is tested are
    means, see `recint.judging.means`. That the denominator is positive is tested too, and neither side is believed without.

    That the k-th best of H heads holds says that k of them do: a partial conjunction (Benjamini & Heller 2008), whose
    p-value is (H - k + 1) times the k-th smallest of the heads'. That it does not says that H - k + 1 of them do not.

    The interval holds the thresholds that neither one-sided test rejects: interval and p-values always agree.

    Attributes:
        of_means: from means of shape (*rows, ...) to the statistic of shape (...).
        excess: from values and a threshold to numbers whose mean is positive where a head lies above the threshold, and to
            numbers whose mean is positive where it lies below.
        needed: how many of so many heads must lie on the right side for the claim to hold.
        p_defined: p-value of "the statistic does not exist", for a ratio whose denominator may not be positive.
    """

    of_means: Callable[[NDArray, Relation], NDArray]
    excess: Callable[[Values, float], tuple[Heads, Heads]]
    needed: Callable[[int, Relation], int] = lambda heads, relation: heads
    p_defined: Callable[[Values, float], float] = lambda values, noise: 0.0

    def value(self, values: Values, relation: Relation) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):  # a perfect model has no ratio; told by name in `estimate`
            return float(self.of_means(values.mean(-1), relation))

    def defined(self, values: Values) -> bool:
        return self.p_defined(values, 0.0) <= 0.5

    def p_values(self, values: Values, relation: Relation, threshold: float) -> Sides:
        noise = _noise(values)
        above, below = (p_positive(side, noise=noise) for side in self.excess(values, threshold))
        does, does_not = (above, below) if relation == ">=" else (below, above)
        needed = self.needed(len(does), relation)
        others = len(does) - needed + 1
        defined = self.p_defined(values, noise)
        p = others * np.sort(does)[needed - 1]
        p_against = needed * np.sort(does_not)[others - 1]
        return max(defined, min(1.0, float(p))), max(defined, min(1.0, float(p_against)))

    def interval(self, values: Values, relation: Relation, *, threshold: float, tail: float) -> Sides:
        value = self.value(values, relation)
        low, high = sorted(self._bound(values, relation, value, which, tail) for which in (0, 1))
        return low, high

    def _bound(self, values: Values, relation: Relation, value: float, which: int, tail: float) -> float:
        """The threshold on one side of the statistic at which a one-sided test is just significant; infinite if none is."""
        outward = -1.0 if (which == 0) == (relation == ">=") else 1.0  # p falls outwards on the side that holds

        def beyond(threshold: float) -> float:
            return self.p_values(values, relation, threshold)[which] - tail

        if self._alike(values, value) or beyond(value) <= 0:
            return value
        inside, reach = value, 0.05 * abs(value) + _noise(values)
        for _ in range(60):
            if beyond(value + outward * reach) <= 0:
                break
            inside, reach = value + outward * reach, 2 * reach
        else:  # of a few draws not even that a denominator is above 0 is certain
            return outward * np.inf
        # The p-values are monotone, but not smooth where heads change ranks.
        return float(optimize.brentq(beyond, inside, value + outward * reach, xtol=1e-6 * reach))

    def _alike(self, values: Values, value: float) -> bool:
        """Whether every draw alone would give the same statistic, but for rounding."""
        return bool(self.excess(values, value)[0].std(-1).max() <= _noise(values))


def _noise(values: Values) -> float:
    return ROUNDING * float(np.abs(values).max())


def _every_denominator(values: Values, noise: float) -> float:
    return float(p_positive(np.atleast_2d(values[1]), noise=noise).max())


def _largest_head(values: Values, noise: float) -> float:
    return min(1.0, len(values) * float(p_positive(values, noise=noise).min()))


def _median_head(values: Values) -> Float[NDArray, draw]:
    """The head whose mean is the median one, or the mean of the two in the middle.

    Which these are is read off the same draws; `tests/judging/test_reductions.py` simulates that it costs nothing.
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

    Heads that speak for the finding get their signs from every second draw, and are tested on the others: any fixed signs
    give at most the sum of |mean|. Signs chosen on the same draws would count the noise of heads that do nothing. Heads
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


# --- A quantile -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AllBut(Reduction):
    """The value that all but a share of draws keep within.

    Its interval and test are exact and free of distributions: order statistics, and a binomial count of what lies beyond.
    """

    share: float

    def value(self, values: Values, relation: Relation) -> float:
        return float(np.quantile(values, self._quantile(relation), axis=-1))

    def defined(self, values: Values) -> bool:
        return True

    def p_values(self, values: Values, relation: Relation, threshold: float) -> Sides:
        def test(alternative: str) -> float:
            found = stats.quantile_test(values, q=threshold, p=self._quantile(relation), alternative=alternative)
            return float(found.pvalue)

        return (test("greater"), test("less")) if relation == ">=" else (test("less"), test("greater"))

    def interval(self, values: Values, relation: Relation, *, threshold: float, tail: float) -> Sides:
        found = stats.quantile_test(values, q=threshold, p=self._quantile(relation))
        low, high = found.confidence_interval(confidence_level=1 - 2 * tail)
        return (-np.inf if np.isnan(low) else float(low)), (np.inf if np.isnan(high) else float(high))

    def _quantile(self, relation: Relation) -> float:
        return self.share if relation == ">=" else 1 - self.share


# --- All of them ------------------------------------------------------------------------------------------------------

_ALL: tuple[Reduction, ...] = (
    # The mean over draws.
    OfMeans(
        name="mean",
        of_means=lambda means, _: means,
        excess=_both(lambda values, threshold: values[None] - threshold),
    ),
    # The mean over draws, then the k-th best head, k the smallest majority (5 of 8).
    OfMeans(
        name="majority of heads",
        of_means=_majority,
        excess=_both(lambda values, threshold: values - threshold),
        needed=lambda heads, _: heads // 2 + 1,
        refutes_everywhere=False,
        one_head=OneHead("majority", "mean"),
    ),
    # Two rows instead of heads, measured on the same draws: the mean of the first / the mean of the second.
    OfMeans(
        name="ratio of means",
        of_means=lambda means, _: means[0] / means[1],
        excess=_ratio_excess,
        p_defined=_every_denominator,
    ),
    # 1 - that ratio; of squared errors and squared deviations it is R^2.
    OfMeans(
        name="explained share",
        of_means=lambda means, _: 1 - means[0] / means[1],
        excess=_both(lambda values, threshold: ((1 - threshold) * values[1] - values[0])[None]),
        p_defined=_every_denominator,
    ),
    # Two rows of heads: the sum over heads of |mean| of the first row / the same of the second.
    OfMeans(
        name="share of absolute means",
        of_means=lambda means, _: np.abs(means[0]).sum(0) / np.abs(means[1]).sum(0),
        excess=_share_excess,
    ),
    # The ratio of means for every head (two rows of heads), then the extreme one.
    OfMeans(
        name="smallest ratio over heads",
        of_means=lambda means, _: (means[0] / means[1]).min(0),
        excess=_ratio_excess,
        needed=_all_if(">="),
        p_defined=_every_denominator,
        one_head=OneHead("smallest", "ratio of means"),
    ),
    OfMeans(
        name="largest ratio over heads",
        of_means=lambda means, _: (means[0] / means[1]).max(0),
        excess=_ratio_excess,
        needed=_all_if("<="),
        p_defined=_every_denominator,
        one_head=OneHead("largest", "ratio of means"),
    ),
    # The mean over draws, then that of the largest head / the median over heads.
    OfMeans(
        name="largest over median head",
        of_means=lambda means, _: means.max(0) / np.median(means, axis=0),
        excess=_both(lambda values, threshold: values - threshold * _median_head(values)),
        needed=_all_if("<="),
        p_defined=lambda values, noise: float(p_positive(_median_head(values), noise=noise)),
        compares_heads=True,
        one_head=OneHead("largest", "mean", unit=np.median),
    ),
    # The inverse of that, which exists where the median is zero.
    OfMeans(
        name="median over largest head",
        of_means=lambda means, _: np.median(means, axis=0) / means.max(0),
        excess=_both(lambda values, threshold: _median_head(values) - threshold * values),
        needed=_all_if(">="),
        p_defined=_largest_head,
        compares_heads=True,
        one_head=OneHead("median", "mean", unit=np.max),
    ),
    # The value that 99 % of draws keep within, for a claim about every single one.
    AllBut(name="all but 1 %", share=0.01),
)

REDUCTIONS: Mapping[ReductionName, Reduction] = MappingProxyType({reduction.name: reduction for reduction in _ALL})
