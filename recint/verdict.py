"""How evidence becomes a verdict: numbers in, one word out.

The error rates of claims about recurrences hold for the whole run, and not for each claim by itself:

- Support: a claim is supported if its p-value of "the claim, or a contrast of it, does not hold" is at most LEVEL after Holm's
  correction over all claims of the run. With probability 1 - LEVEL or more, no claim of the run is supported wrongly.
- Refutation: each claim may be refuted by chance with probability LEVEL / (number of claims of the run). This is split evenly
  over the ways in which the claim can be refuted by chance.

What these rates do not say:

- For a claim about every condition, the error rate of "supported" is controlled for its average only. That no condition fails is
  not tested: it rests on the power of the search, which `benchmarks/search_power.py` measures.
- An estimate of 200 draws may refute a claim, and has a blind spot: if a mean holds only because of rare recurrences, which the
  draws may have missed, the claim is refuted wrongly. Support has the same blind spot. It is smaller, since support needs
  SUPPORT_FROM draws.

Claims about weights have no sampling error. Where such a claim singles out a layer, a contrast says how often heads that are
dealt to layers at random would do as well; it allows 5 % for each such claim, without a correction for their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["supported", "refuted", "inconclusive", "vacuous", "not_applicable", "error"]
SYMBOLS: Mapping[str, str] = {
    "supported": "✓",
    "refuted": "✗",
    "inconclusive": "?",
    "vacuous": "∅",
    "not_applicable": "–",
    "error": "!",
}

LEVEL = 0.05
# An estimate is looked at after so many recurrences. It stops growing when it decides. Every level is split over the looks.
STAGES = (200, 1000, 5000)
# A look at fewer draws may refute a claim, but cannot support it: 200 draws often miss what happens in 2 % of recurrences, and
# 1,000 draws do not.
SUPPORT_FROM = 1000
# With fewer draws, no test keeps its level on errors as skewed as those of trained models (skewness up to about 8). Whatever the
# test, n draws say nothing about an event that happens in less than about 8 of n recurrences.
LEAST_DRAWS = 100
# How far a statistic may move from a baseline: a share of it, or of its threshold if that is larger. As a share of the statistic
# alone, hardly anything would be drift beside a threshold: 0.001 for 0.0005, where a claim asks for 0.1 at most. As a share of the
# distance to the threshold, a statistic beside its threshold could not move at all.
TOLERANCE = 0.1
MOST_DRAWS = 1_000_000  # a larger number is taken for a mistake


def words(verdict: str) -> str:
    """The verdict as it is printed.

    >>> words("not_applicable")
    'not applicable'
    """
    return verdict.replace("_", " ")


def tally(verdicts: Iterable[str]) -> list[tuple[str, int]]:
    """The verdicts that occur, in the order of SYMBOLS, each with its number.

    >>> tally(["refuted", "supported", "refuted"])
    [('supported', 1), ('refuted', 2)]
    """
    counts = Counter(verdicts)
    return [(verdict, counts[verdict]) for verdict in SYMBOLS if counts[verdict]]


def stages_of(draws: int | None) -> tuple[int, ...]:
    """The numbers of draws after which estimates are looked at: the given number alone, or STAGES if none is given."""
    return STAGES if draws is None else (draws,)


def require_draws(draws: int, *, most: int = MOST_DRAWS) -> None:
    """Raises ValueError if the number of draws is below LEAST_DRAWS or above `most`."""
    if draws < LEAST_DRAWS:
        raise ValueError(f"draws={draws!r} must be at least {LEAST_DRAWS}: of fewer, no test keeps its error rate")
    if draws > most:
        raise ValueError(f"draws={draws!r} must be at most {most}")


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that a verdict depends on.

    Attributes:
        error: whether something went wrong before there was evidence; this is never a refutation.
        unmet: whether a precondition fails, so that there is nothing to judge.
        holds: for a claim about weights, whether the claim and all its contrasts hold; None for all other claims.
        p_holm: the p-value of "the claim, or a contrast of it, does not hold": the largest of their p-values, corrected by Holm.
        p_against: the smallest p-value of "it holds", over the claim and its contrasts, without correction.
        counterexample: whether a counterexample is confirmed, for a claim that one counterexample refutes (everywhere, pointwise).
        vacuous: whether so many untrained models of the same shape satisfy the claim that it says nothing about training.
    """

    error: bool = False
    unmet: bool = False
    holds: bool | None = None
    p_holm: float = 1.0
    p_against: float = 1.0
    counterexample: bool = False
    vacuous: bool = False


def refutation_level(*, family: int, routes: int) -> float:
    """The level of each way in which a claim can be refuted.

    With it, a run of `family` claims that are all true refutes any of them with probability LEVEL at most (Bonferroni).

    Args:
        family: the number of claims of the run.
        routes: the number of ways in which this claim can be refuted by chance.

    >>> refutation_level(family=10, routes=2)
    0.0025
    """
    return LEVEL / family / routes


def decide(findings: Findings, *, family: int, routes: int) -> Verdict:
    """The verdict on one claim; `family` and `routes` as in `refutation_level`.

    >>> decide(Findings(p_holm=0.01), family=10, routes=2)
    'supported'
    >>> decide(Findings(p_holm=0.01, vacuous=True), family=10, routes=2)
    'vacuous'
    """
    if findings.error:
        return "error"
    if findings.unmet:
        return "not_applicable"
    if findings.holds is False or findings.counterexample:
        return "refuted"
    if findings.p_against <= refutation_level(family=family, routes=routes):
        return "refuted"
    if not findings.holds and findings.p_holm > LEVEL:
        return "inconclusive"
    return "vacuous" if findings.vacuous else "supported"
