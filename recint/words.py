"""Sentences about verdicts that terminal, HTML and Markdown share."""

from __future__ import annotations

from collections.abc import Sequence

from recint.judging.entry import Entry
from recint.verdict import SYMBOLS, words

LEGEND = ", ".join(f"{symbol} {words(verdict)}" for verdict, symbol in SYMBOLS.items())


def reach(claim: Entry) -> str:
    """Over how much a claim about every condition or recurrence was tried; empty for one about averages or weights.

    >>> reach(entry)    # of a claim about every condition
    '57 conditions tried'
    """
    search, failing = claim.search, claim.failing
    if not search or claim.quantifier not in ("everywhere", "pointwise"):
        return ""
    if claim.quantifier == "everywhere":
        return f"{search.conditions} conditions tried"
    return f"{search.examples + (failing.of if failing else 0)} recurrences tried"


def share_that_fails(claim: Entry) -> str:
    """Of the recurrences drawn for a claim about every single one, how many fail, with the exact interval."""
    if not (failing := claim.failing):
        return ""
    low, high = failing.ci
    return (
        f"{failing.count} of {failing.of} drawn recurrences fail: {low:.2%} to {high:.2%} of all, with 95 % confidence"
    )


def untrained(claim: Entry) -> str:
    """How many untrained models pass the claim; empty if none was asked."""
    asked = claim.untrained
    if isinstance(asked, str):  # files of before have a verdict here
        return f"untrained models: {words(asked)}"
    return f"{asked.passed} of {asked.of} untrained models pass" if asked else ""


def questions(claims: Sequence[Entry]) -> str:
    """Rows are no questions: versions of a claim, and kinds of its ablation or probe, ask the same one.

    Of each claim the latest version counts; a question is answered if all its kinds are answered alike.
    """
    latest: dict[str, Entry] = {}
    for claim in claims:
        if claim.name not in latest or claim.version > latest[claim.name].version:
            latest[claim.name] = claim
    kinds: dict[str, set[str]] = {}
    for claim in latest.values():
        kinds.setdefault(claim.question, set()).add(claim.verdict)
    alike = [found for found in kinds.values() if len(found) == 1]
    yes, no = (sum(found == {verdict} for found in alike) for verdict in ("supported", "refuted"))
    ask, are = "asks" if len(claims) == 1 else "ask", "is" if yes == 1 else "are"
    return (
        f"{counted(len(claims), 'claim')} {ask} {counted(len(kinds), 'question')}, versions and kinds of one claim taken together: "
        f"{yes} {are} answered yes, {no} no, {len(kinds) - yes - no} neither"
    )


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "claim"), counted(0, "claim")
    ('1 claim', '0 claims')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
