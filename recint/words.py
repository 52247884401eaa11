"""Sentences about verdicts. The terminal, HTML pages and Markdown share them."""

from __future__ import annotations

from collections.abc import Sequence

from recint.judging.entry import Entry
from recint.verdict import SYMBOLS, words

LEGEND = ", ".join(f"{symbol} {words(verdict)}" for verdict, symbol in SYMBOLS.items())


def reach(claim: Entry) -> str:
    """How many conditions or draws a claim about every one of them was tried on; empty for all other claims.

    >>> reach(entry)    # for a claim about every condition
    '57 conditions tried'
    """
    search = claim.search
    if not search or claim.quantifier not in ("everywhere", "pointwise"):
        return ""
    if claim.quantifier == "everywhere":
        return f"{search.conditions} conditions tried"
    return f"{claim.draws_tried} {claim.noun}s tried"


def share_that_fails(claim: Entry) -> str:
    """For a claim about every draw: how many of those of the estimate fail, with the exact interval of their share; else empty."""
    if not (failing := claim.failing):
        return ""
    low, high = failing.ci
    return f"{failing.count} of {failing.of} drawn {claim.noun}s fail: {low:.2%} to {high:.2%} of all, with 95 % confidence"


def untrained(claim: Entry) -> str:
    """How many untrained models pass the claim; empty if it was judged on none."""
    answer = claim.untrained
    if isinstance(answer, str):  # verdict files of earlier versions have a verdict here
        return f"untrained models: {words(answer)}"
    return f"{answer.passed} of {answer.of} untrained models pass" if answer else ""


def questions(claims: Sequence[Entry]) -> str:
    """How many different questions the claims ask, and how many of these are answered yes or no.

    All versions of a claim ask one question, and so do all kinds of an ablation or probe. Only the latest version of a claim
    counts. A question is answered if all its kinds have the same verdict, supported or refuted.
    """
    latest: dict[str, Entry] = {}
    for claim in claims:
        if claim.name not in latest or claim.version > latest[claim.name].version:
            latest[claim.name] = claim
    kinds: dict[str, set[str]] = {}
    for claim in latest.values():
        kinds.setdefault(claim.question, set()).add(claim.verdict)
    yes, no = (sum(verdicts == {verdict} for verdicts in kinds.values()) for verdict in ("supported", "refuted"))
    ask, are = "asks" if len(claims) == 1 else "ask", "is" if yes == 1 else "are"
    return (
        f"{counted(len(claims), 'claim')} {ask} {counted(len(kinds), 'question')}, versions and kinds of one claim taken together: "
        f"{yes} {are} answered yes, {no} no, {len(kinds) - yes - no} neither"
    )


def noun(claims: Sequence[Entry]) -> str:
    """What one draw of these claims is called: "draw" if they do not agree."""
    nouns = {claim.noun for claim in claims}
    return nouns.pop() if len(nouns) == 1 else "draw"


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless the number is 1.

    >>> counted(1, "claim"), counted(2000, "claim")
    ('1 claim', '2,000 claims')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
