"""How evidence becomes a verdict. Pure: numbers in, a word out.

Error rates of claims about recurrences are kept over the whole run, not per claim: support needs p-values that Holm adjusted
over its claims; refutation has LEVEL / (claims of the run) to spend on each claim, split evenly over the ways it can be refuted
by chance. Claims about weights have no sampling error. Their levels of chance, heads dealt to layers at random, are 5 % each.
"""

from __future__ import annotations

from collections.abc import Mapping
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
# Recurrences of an estimate after which it is looked at whether they decide; each look has its share of every level.
STAGES = (200, 1000, 5000)
# A look at fewer may refute, and supports nothing: 200 draws often miss what happens in 2 % of recurrences, 1,000 do not.
SUPPORT_FROM = 1000
# Of fewer, no test keeps its level on errors as skewed as those of trained models: skewness up to about 8. Of what happens in
# fewer than about 8 of n recurrences, n draws say nothing, whatever the test.
LEAST_DRAWS = 100
MOST_DRAWS = 1_000_000  # beyond it a number is a mistake, which is better told than tried


def words(verdict: str) -> str:
    """A verdict as people read it.

    >>> words("not_applicable")
    'not applicable'
    """
    return verdict.replace("_", " ")


def stages_of(draws: int | None) -> tuple[int, ...]:
    """The one stage of a run whose number of draws is given, or those of one that draws until it decides."""
    return STAGES if draws is None else (draws,)


def require_draws(draws: int) -> None:
    """Raises ValueError if estimates of so few recurrences would err too often, or if so many are a mistake."""
    if draws < LEAST_DRAWS:
        raise ValueError(f"draws={draws!r} must be at least {LEAST_DRAWS}: of fewer, no test keeps its error rate")
    if draws > MOST_DRAWS:
        raise ValueError(f"draws={draws!r} must be at most {MOST_DRAWS}")


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a verdict depends on.

    Attributes:
        error: something went wrong before there was evidence: never a refutation.
        unmet: a precondition fails: there is nothing to judge.
        holds: for claims about weights, which have no sampling error, whether the relation and those of the contrasts hold;
            None for all others.
        p_holm: of "the claim, or a contrast of it, does not hold": the largest of their p-values, adjusted by Holm.
        p_against: of "it holds", the smallest over the claim and its contrasts; unadjusted.
        counterexample: a confirmed one, for a claim that one decides (everywhere, pointwise).
        vacuous: untrained models of the same shape satisfy the claim too often for it to say anything of training.
    """

    error: bool = False
    unmet: bool = False
    holds: bool | None = None
    p_holm: float = 1.0
    p_against: float = 1.0
    counterexample: bool = False
    vacuous: bool = False


def refutation_level(*, family: int, routes: int) -> float:
    """What one way of being refuted may spend, so that a run of `family` true claims refutes any with probability <= LEVEL.

    >>> refutation_level(family=10, routes=2)
    0.0025
    """
    return LEVEL / family / routes


def decide(found: Findings, *, family: int, routes: int) -> Verdict:
    """The verdict on one claim of a run of `family` claims that can be refuted by `routes` ways.

    >>> decide(Findings(p_holm=0.01), family=10, routes=2)
    'supported'
    >>> decide(Findings(p_holm=0.01, vacuous=True), family=10, routes=2)
    'vacuous'
    """
    if found.error:
        return "error"
    if found.unmet:
        return "not_applicable"
    if found.holds is False or found.counterexample:
        return "refuted"
    if found.p_against <= refutation_level(family=family, routes=routes):
        return "refuted"
    if not found.holds and found.p_holm > LEVEL:
        return "inconclusive"
    return "vacuous" if found.vacuous else "supported"
