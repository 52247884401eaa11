"""Reductions: how values of draws and heads become the statistic of a claim, each with its test and its interval."""

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
ROUNDING = 1e-5  # differences below this share of the largest value may come from rounding in float32

Values = Float[
    NDArray, "*rows draw"
]  # rows are heads; or numerators and denominators, in this order; or both: (2, head, draw)
Heads = Float[NDArray, "head draw"]
Sides = tuple[
    float, float
]  # p-values of "it does not hold" and of "it holds"; or the lower and the upper end of an interval


@dataclass(frozen=True)
class OneHead:
    """How the statistic of a single head is computed, for figures.

    Attributes:
        which: the word for the head whose value is the claim's statistic.
        reduction: how the values of one head become its statistic.
        unit: computes a divisor for all values from the means of all heads; None if values are not divided.
    """

    which: str
    reduction: Literal["mean", "ratio of means"]
    unit: Callable[[NDArray], float] | None = None

    def of_means(self, means: NDArray) -> NDArray:
        """The statistic of each head, from means of shape (head,), or (2, head) for ratios."""
        if self.reduction == "ratio of means":
            return means[0] / means[1]
        return means if self.unit is None else means / self.unit(means)


@dataclass(frozen=True, kw_only=True)
class Reduction(ABC):
    """How values of shape (*rows, draw) become a statistic, and how this statistic is tested.

    Attributes:
        name: the name by which claims declare it. The hash of a claim covers it.
        axes: the axes of the values of one draw: "head", or "pair" for numerator and denominator.
        compares_heads: whether the statistic compares heads with each other, so that the layer needs two heads at least.
        refutes_everywhere: whether a significant average on the wrong side refutes a claim about every condition. It does so for
            a mean: if the mean over all conditions fails, some condition fails. It does not for a majority of heads: every
            condition may hold by a majority of its own, though no majority holds on average.
        one_head: how the statistic of a single head is computed; None if the statistic has no heads.
    """

    name: ReductionName
    axes: tuple[Literal["head", "pair"], ...] = ()
    compares_heads: bool = False
    refutes_everywhere: bool = True
    one_head: OneHead | None = None

    @abstractmethod
    def value(self, values: Values, relation: Relation) -> float:
        """The statistic."""

    @abstractmethod
    def defined(self, values: Values) -> bool:
        """Whether the denominator of a ratio seems to be positive on these draws; always true if the statistic is not a ratio."""

    @abstractmethod
    def p_values(self, values: Values, relation: Relation, threshold: float) -> Sides:
        """One-sided p-values of "the claim does not hold" and of "it holds"."""

    @abstractmethod
    def interval(self, values: Values, relation: Relation, *, threshold: float, tail: float) -> Sides:
        """The interval that misses the true statistic on each side with probability `tail`; an end may be infinite."""

    def per_head(self, values: Values) -> NDArray[np.float64] | None:
        """The statistic of each head by itself; None if there are no heads."""
        return self.one_head.of_means(values.mean(-1)) if self.one_head else None


# --- Statistics that are made of means --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class OfMeans(Reduction):
    """A statistic that is computed from means over draws.

    Every test is a test of means, see `recint.judging.means`. A ratio num / den is above the threshold if and only if the mean of
    num - threshold * den is positive, provided that the mean of den is positive. Whether it is positive is tested too: neither
    p-value is smaller than that of this test.

    A claim on the k-th best of H heads says that at least k heads hold. This is a partial conjunction (Benjamini & Heller 2008):
    its p-value is (H - k + 1) times the k-th smallest p-value of the heads. The opposite says that at least H - k + 1 heads do not
    hold.

    The interval consists of the thresholds that neither one-sided test rejects, so that interval and p-values always agree.

    Attributes:
        of_means: computes the statistic, shape (...), from means of shape (*rows, ...).
        excess: computes two arrays from values and a threshold. The mean of the first is positive for a head above the
            threshold, and the mean of the second for a head below it.
        needed: the number of heads that must be on the right side for the claim to hold, from the number of heads.
        p_defined: the p-value of "the denominator is not positive", from values and the size of rounding errors.
    """

    of_means: Callable[[NDArray, Relation], NDArray]
    excess: Callable[[Values, float], tuple[Heads, Heads]]
    needed: Callable[[int, Relation], int] = lambda heads, relation: heads
    p_defined: Callable[[Values, float], float] = lambda values, noise: 0.0

    def value(self, values: Values, relation: Relation) -> float:
        with np.errstate(
            divide="ignore", invalid="ignore"
        ):  # the denominator may be zero; `intervals.estimate` raises an error then
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
        """The threshold, on one side of the statistic, at which a one-sided test becomes significant; infinite if there is none.

        Args:
            which: the test: 0 for "it does not hold", 1 for "it holds".
        """
        outward = (
            -1.0 if (which == 0) == (relation == ">=") else 1.0
        )  # the direction in which the p-value of the test falls

        def beyond(threshold: float) -> float:
            return self.p_values(values, relation, threshold)[which] - tail

        if self._alike(values, value) or beyond(value) <= 0:
            return value
        inside, reach = value, 0.05 * abs(value) + _noise(values)
        for _ in range(60):
            if beyond(value + outward * reach) <= 0:
                break
            inside, reach = value + outward * reach, 2 * reach
        else:  # for example, there are too few draws to show that the denominator is positive
            return outward * np.inf
        # The p-values are monotone in the threshold, but have kinks where heads change ranks.
        return float(optimize.brentq(beyond, inside, value + outward * reach, xtol=1e-6 * reach))

    def _alike(self, values: Values, value: float) -> bool:
        """Whether all draws give the same statistic, apart from rounding."""
        return bool(self.excess(values, value)[0].std(-1).max() <= _noise(values))


def _noise(values: Values) -> float:
    return ROUNDING * float(np.abs(values).max())


def _every_denominator(values: Values, noise: float) -> float:
    return float(p_positive(np.atleast_2d(values[1]), noise=noise).max())


def _largest_head(values: Values, noise: float) -> float:
    return min(1.0, len(values) * float(p_positive(values, noise=noise).min()))


def _median_head(values: Values) -> Float[NDArray, draw]:
    """The values of the head with the median mean; for an even number of heads, the average of the two in the middle.

    The head is chosen on the same draws that are then tested. `tests/judging/test_reductions.py` simulates that the test keeps its
    level.
    """
    order = values.mean(-1).argsort()
    median: NDArray = values[order[(len(order) - 1) // 2 : len(order) // 2 + 1]].mean(0)
    return median


def _majority(means: NDArray, relation: Relation) -> NDArray:
    """The mean of the k-th best head, where k is the smallest majority."""
    best_first = np.sort(means, axis=0)[::-1] if relation == ">=" else np.sort(means, axis=0)
    return best_first[len(best_first) // 2]


def _both(excess: Callable[[Values, float], Heads]) -> Callable[[Values, float], tuple[Heads, Heads]]:
    """Both sides of `OfMeans.excess`, if one is the other with the opposite sign."""

    def sides(values: Values, threshold: float) -> tuple[Heads, Heads]:
        above = excess(values, threshold)
        return above, -above

    return sides


def _share_excess(values: Values, threshold: float) -> tuple[Heads, Heads]:
    """`OfMeans.excess` for a share of absolute means.

    The share is above the threshold if sum |mean of own heads| - threshold * sum |mean of all heads| is positive. A test of means
    needs a sign for each head in place of the absolute value. If signs were chosen on the draws that are tested, the noise of
    heads that do nothing would count. Therefore heads that speak for the side that is tested get their signs from every second
    draw, and only the other draws are tested: with any fixed signs, the sum is at most the sum of |mean|. Heads that speak against
    that side keep the signs of the draws that are tested, which are least favourable to it.
    """
    rows = np.concatenate([values[0], -threshold * values[1]])
    chosen, tested = rows[:, ::2], rows[:, 1::2]
    own, all_heads = slice(None, len(values[0])), slice(len(values[0]), None)

    def sides(speaking_for: slice, against: slice, weight: int) -> Heads:
        # The rows of all heads contain the factor -threshold, which reverses their signs.
        signs = np.sign(tested.mean(-1))
        signs[speaking_for] = np.sign(chosen.mean(-1))[speaking_for]
        signs[all_heads] *= -np.sign(threshold) if threshold else 1
        return weight * (signs[:, None] * tested).sum(0, keepdims=True)

    return sides(own, all_heads, 1), sides(all_heads, own, -1)


def _all_if(wanted: Relation) -> Callable[[int, Relation], int]:
    """`OfMeans.needed` for the smallest or largest head: all heads are needed for the wanted relation, one for the other.

    The smallest head is above the threshold only if all heads are. It is below if one head is.
    """
    return lambda heads, relation: heads if relation == wanted else 1


_ratio_excess = _both(lambda values, threshold: np.atleast_2d(values[0] - threshold * values[1]))


# --- A quantile -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AllBut(Reduction):
    """The quantile that all but a share of the draws keep within.

    Its test and interval are exact for every distribution: they use the binomial number of draws beyond the threshold, and order
    statistics (`scipy.stats.quantile_test`).

    Attributes:
        share: the share of draws that may lie beyond.
    """

    share: float

    def value(self, values: Values, relation: Relation) -> float:
        return float(np.quantile(values, self._quantile(relation), axis=-1))

    def defined(self, values: Values) -> bool:
        return True

    def p_values(self, values: Values, relation: Relation, threshold: float) -> Sides:
        def test(alternative: str) -> float:
            result = stats.quantile_test(values, q=threshold, p=self._quantile(relation), alternative=alternative)
            return float(result.pvalue)

        return (test("greater"), test("less")) if relation == ">=" else (test("less"), test("greater"))

    def interval(self, values: Values, relation: Relation, *, threshold: float, tail: float) -> Sides:
        result = stats.quantile_test(values, q=threshold, p=self._quantile(relation))
        low, high = result.confidence_interval(confidence_level=1 - 2 * tail)
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
    # The mean over draws, then the k-th best head, where k is the smallest majority (5 of 8).
    OfMeans(
        name="majority of heads",
        axes=("head",),
        of_means=_majority,
        excess=_both(lambda values, threshold: values - threshold),
        needed=lambda heads, _: heads // 2 + 1,
        refutes_everywhere=False,
        one_head=OneHead("majority", "mean"),
    ),
    # Two rows, measured on the same draws: the mean of the first / the mean of the second.
    OfMeans(
        name="ratio of means",
        axes=("pair",),
        of_means=lambda means, _: means[0] / means[1],
        excess=_ratio_excess,
        p_defined=_every_denominator,
    ),
    # 1 - that ratio. With squared errors in the first row and squared deviations in the second it is R^2.
    OfMeans(
        name="explained share",
        axes=("pair",),
        of_means=lambda means, _: 1 - means[0] / means[1],
        excess=_both(lambda values, threshold: ((1 - threshold) * values[1] - values[0])[None]),
        p_defined=_every_denominator,
    ),
    # Two rows of heads: the sum over heads of |mean| of the first row / the same of the second.
    OfMeans(
        name="share of absolute means",
        axes=("pair", "head"),
        of_means=lambda means, _: np.abs(means[0]).sum(0) / np.abs(means[1]).sum(0),
        excess=_share_excess,
    ),
    # The ratio of means for every head (two rows of heads), then the smallest or the largest of them.
    OfMeans(
        name="smallest ratio over heads",
        axes=("pair", "head"),
        of_means=lambda means, _: (means[0] / means[1]).min(0),
        excess=_ratio_excess,
        needed=_all_if(">="),
        p_defined=_every_denominator,
        one_head=OneHead("smallest", "ratio of means"),
    ),
    OfMeans(
        name="largest ratio over heads",
        axes=("pair", "head"),
        of_means=lambda means, _: (means[0] / means[1]).max(0),
        excess=_ratio_excess,
        needed=_all_if("<="),
        p_defined=_every_denominator,
        one_head=OneHead("largest", "ratio of means"),
    ),
    # The mean over draws, then the largest head / the median over heads.
    OfMeans(
        name="largest over median head",
        axes=("head",),
        of_means=lambda means, _: means.max(0) / np.median(means, axis=0),
        excess=_both(lambda values, threshold: values - threshold * _median_head(values)),
        needed=_all_if("<="),
        p_defined=lambda values, noise: float(p_positive(_median_head(values), noise=noise)),
        compares_heads=True,
        one_head=OneHead("largest", "mean", unit=np.median),
    ),
    # The inverse of that, which exists even if the median is zero.
    OfMeans(
        name="median over largest head",
        axes=("head",),
        of_means=lambda means, _: np.median(means, axis=0) / means.max(0),
        excess=_both(lambda values, threshold: _median_head(values) - threshold * values),
        needed=_all_if(">="),
        p_defined=_largest_head,
        compares_heads=True,
        one_head=OneHead("median", "mean", unit=np.max),
    ),
    # The value that 99 % of draws keep within, for a claim about every single draw.
    AllBut(name="all but 1 %", share=0.01),
)

REDUCTIONS: Mapping[ReductionName, Reduction] = MappingProxyType({reduction.name: reduction for reduction in _ALL})
