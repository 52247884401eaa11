"""How evidence becomes a verdict. Pure: numbers in, a word and a sentence out."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["supported", "refuted", "inconclusive", "vacuous", "not_applicable", "error"]

LEVEL = 0.05


def decide_weights(*, holds: bool) -> Verdict:
    """A function of the weights alone has no sampling error: the relation holds or it does not."""
    return "supported" if holds else "refuted"


def decide(*, p_holm: float, p_against: float, family: int, counterexample: bool) -> Verdict:
    """A claim about recurrences.

    Args:
        p_holm: of "the claim does not hold", adjusted over all claims of the run.
        p_against: of "the claim holds" (one-sided, unadjusted).
        family: number of claims in the run; refutations are corrected by Bonferroni, so that they need no other claim's result.
        counterexample: whether a confirmed counterexample decides (everywhere and pointwise claims).
    """
    if counterexample or p_against * family <= LEVEL:
        return "refuted"
    return "supported" if p_holm <= LEVEL else "inconclusive"
