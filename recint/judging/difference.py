"""How far a statistic moved between two models: the difference with its interval and p-value.

If both models were judged on the same draws, the difference is computed draw by draw. What the draws have in common then cancels.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from recint.judging.claim import Claim
from recint.judging.entry import Estimate, Run
from recint.judging.intervals import NoEstimate, estimate, p_values
from recint.judging.reductions import REDUCTIONS, AllBut, OfMeans, OneHead, Values
from recint.judging.statistic import Reduced
from recint.judging.subject import CHUNK
from recint.judging.values import DrawnValues

Key = tuple[str, str]  # the id of a claim, and the name of one of its contrasts; empty for the claim's own statistic
_TAIL = 0.025
WEIGHT = 1e-6


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The statistic of the second model minus that of the first.

    Attributes:
        value: the difference.
        low, high: its 95 % interval; an end is infinite if the draws are too few for it.
        p: the two-sided p-value of "the statistic did not move".
        n: the number of draws that both models share; 0 if they share none.
    """

    value: float
    low: float
    high: float
    p: float
    n: int = 0


def paired(bar: Reduced, before: NDArray[np.float64], after: NDArray[np.float64]) -> Difference:
    """The difference of a statistic on the same draws.

    A statistic T of means is turned into a mean of pseudo-values, one for each draw: T + (T_i - T) / w, where draw i has the weight
    w in T_i beyond that of the others (infinitesimal jackknife; Jaeckel 1972). Their differences are tested as every mean is, see
    `recint.judging.means`. If the statistic chooses a head, its p-value is at least that of "no head moved".

    A quantile has no pseudo-values. For it, the test counts the draws that cross a cut (McNemar 1947). The cuts are the common
    quantile of both samples, their median, and the threshold. Few draws lie near the quantile, so that it alone decides nothing
    with a few hundred. The interval is as wide as the two exact intervals together.

    Args:
        before, after: values of the same draws, shape (draw, *head).

    Raises:
        ValueError: the shapes differ.
        NoEstimate: there are too few draws, or a value is not finite.
    """
    if before.shape != after.shape:
        raise ValueError(
            f"values of the same draws have the same shape, but these have {before.shape} and {after.shape}"
        )
    rule = REDUCTIONS[bar.reduction]
    first, second = (np.moveaxis(values, 0, -1) for values in (before, after))
    if isinstance(rule, OfMeans):
        moved = _moved(rule, first, second, bar)
        return replace(moved, p=max(moved.p, _any_head(rule.one_head, first, second, bar))) if rule.one_head else moved
    assert isinstance(rule, AllBut)
    (low, high), (low_after, high_after) = (
        rule.interval(values, bar.relation, threshold=bar.threshold, tail=_TAIL / 2) for values in (first, second)
    )
    pooled = np.concatenate([first, second])
    cuts = (rule.value(pooled, bar.relation), float(np.median(pooled)), bar.threshold)
    return Difference(
        value=rule.value(second, bar.relation) - rule.value(first, bar.relation),
        low=low_after - high,
        high=high_after - low,
        p=min(1.0, len(cuts) * min(_mcnemar(first, second, cut) for cut in cuts)),
        n=len(before),
    )


def _mcnemar(first: Values, second: Values, cut: float) -> float:
    """The exact p-value of "as many draws came beyond a cut as left it" (McNemar 1947)."""
    beyond, beyond_after = first > cut, second > cut
    left, came = int((beyond & ~beyond_after).sum()), int((beyond_after & ~beyond).sum())
    return float(stats.binomtest(came, came + left).pvalue) if came + left else 1.0


def _moved(rule: OfMeans, first: Values, second: Values, bar: Reduced) -> Difference:
    """The difference of a statistic of means."""
    found = estimate(
        _pseudo_values(rule, second, bar) - _pseudo_values(rule, first, bar),
        reduction="mean", relation=">=", threshold=0.0,
    )  # fmt: skip
    p = min(1.0, 2 * min(found.p, found.p_against))
    return Difference(value=found.value, low=found.low, high=found.high, p=p, n=found.n)


def _any_head(one_head: OneHead, first: Values, second: Values, bar: Reduced) -> float:
    """The p-value of "no head moved", by Bonferroni's correction.

    A statistic that chooses a head, such as the smallest one, moves only if a head moves. Where heads are alike, the two samples
    may choose different ones, and the statistic seems to move.
    """
    rule, heads = REDUCTIONS[one_head.reduction], first.shape[-2]
    assert isinstance(rule, OfMeans)
    moved = [
        _pseudo_values(rule, second[..., head, :], bar) - _pseudo_values(rule, first[..., head, :], bar)
        for head in range(heads)
    ]
    sides = [p_values(values, reduction="mean", relation=">=", threshold=0.0) for values in moved]
    return min(1.0, 2 * heads * min(map(min, sides)))


def _pseudo_values(rule: OfMeans, values: Values, bar: Reduced) -> NDArray[np.float64]:
    """The pseudo-values of the infinitesimal jackknife, one for each draw. Their mean is the statistic."""
    means = values.mean(-1, keepdims=True)
    heavier = means + WEIGHT * (values - means)
    whole = rule.value(values, bar.relation)
    with np.errstate(divide="ignore", invalid="ignore"):  # a denominator may be zero; `estimate` raises an error then
        pseudo: NDArray[np.float64] = whole + (rule.of_means(heavier, bar.relation) - whole) / WEIGHT
    return pseudo


def unpaired(before: tuple[float, Estimate], after: tuple[float, Estimate]) -> Difference:
    """The difference of two independent estimates, from their intervals alone (Zou and Donner 2008).

    Each end of the interval is as far from the difference as the two ends of the single intervals that lie on that side, by
    Pythagoras. The p-value comes from the normal approximation with the same distances.

    Args:
        before, after: the value of the statistic with its estimate.
    """
    (first, one), (second, other) = before, after
    (low, high), (low_after, high_after) = _ends(one), _ends(other)
    difference = second - first
    down = float(np.hypot(second - low_after, high - first))
    up = float(np.hypot(high_after - second, first - low))
    towards_zero = down if difference > 0 else up
    z = abs(difference) / towards_zero * stats.norm.ppf(1 - _TAIL) if 0 < towards_zero < np.inf else 0.0
    if towards_zero == 0 and difference != 0:
        z = np.inf
    return Difference(value=difference, low=difference - down, high=difference + up, p=float(2 * stats.norm.sf(z)))


def _ends(of: Estimate) -> tuple[float, float]:
    low, high = of.ci  # None is an open end
    return (-np.inf if low is None else low), (np.inf if high is None else high)


def same_draws(first: Run, second: Run) -> bool:
    """Whether two runs drew the same: by the same seed, for models of one kind, with one generator."""

    def drew(run: Run) -> tuple[object, ...]:
        config = run.checkpoint.get("config", {})
        with_what = (run.seed, *map(run.environment.get, ("recint", "torch")))
        if subject := run.checkpoint.get(
            "subject"
        ):  # only the subject knows on which part of its configuration draws depend
            return *with_what, subject, json.dumps(config, sort_keys=True)
        task = json.dumps(config.get("task", {}), sort_keys=True)  # without one, it is the notebook's
        return *with_what, config.get("d_vocab"), config.get("order"), task

    return None not in drew(first) and drew(first) == drew(second)


def judged_by(claims: Iterable[Claim], run: Run) -> list[Claim]:
    """The claims that a run judged, as they are now."""
    known = {entry.id: entry.hash for entry in run.claims}
    return [claim for claim in claims if known.get(claim.id) == claim.hash]


def differences(
    claims: Iterable[Claim], before: Mapping[str, DrawnValues], after: Mapping[str, DrawnValues]
) -> dict[Key, Difference]:
    """The difference of each claim, and of each of its contrasts, on the draws that two runs share.

    One of them may have stopped earlier. Then the draws that it made are compared, in whole chunks: where draws end within
    a chunk, the other run has other draws.

    Args:
        claims: the claims that are compared, if both runs have values of them.
        before, after: the values of the two runs, by the id of the claim.
    """
    found = {}
    for claim in (claim for claim in claims if claim.id in before and claim.id in after):
        first, second = before[claim.id], after[claim.id]
        statistics: list[tuple[str, Reduced, NDArray, NDArray]] = [("", claim, first.own, second.own)]
        for contrast in claim.contrasts:
            if contrast.name in first.contrasts and contrast.name in second.contrasts:
                statistics.append(
                    (contrast.name, contrast, first.contrasts[contrast.name], second.contrasts[contrast.name])
                )
        for name, bar, was, now in statistics:
            shared = min(len(was), len(now))
            if len(was) != len(now):
                shared -= shared % CHUNK
            if shared >= 2 and was.shape[1:] == now.shape[1:]:
                with suppress(NoEstimate):  # one is left without a difference, and is compared by its intervals
                    found[claim.id, name] = paired(
                        bar, np.asarray(was[:shared], np.float64), np.asarray(now[:shared], np.float64)
                    )
    return found
