"""Sentences about verdicts that terminal, HTML and Markdown share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recint.verdict import LEVEL


def is_open(claim: Mapping[str, Any]) -> bool:
    """Whether a claim that was judged by itself is inconclusive only until all claims of the run are settled together.

    Every other word is final: Holm's correction can make up for what Bonferroni's took away, and for nothing else.
    """
    parts = [claim["estimate"], *(claim["contrast"] or {}).values()] if claim["estimate"] else []
    return claim["verdict"] == "inconclusive" and all(part["p"] <= LEVEL for part in parts)


def reach(claim: Mapping[str, Any]) -> str:
    """Over how much a claim about every condition or recurrence was tried; empty for one about averages or weights.

    >>> reach({"quantifier": "everywhere", "search": {"conditions": 57, "examples": 60}, "failing": None})
    '57 conditions tried'
    """
    search, failing = claim["search"], claim.get("failing")
    if not search or claim["quantifier"] not in ("everywhere", "pointwise"):
        return ""
    if claim["quantifier"] == "everywhere":
        return f"{search['conditions']} conditions tried"
    return f"{search['examples'] + (failing['of'] if failing else 0)} recurrences tried"


def share_that_fails(claim: Mapping[str, Any]) -> str:
    """Of the recurrences drawn for a claim about every single one, how many fail, with the exact interval."""
    if not (failing := claim.get("failing")):
        return ""
    low, high = failing["ci"]
    return f"{failing['count']} of {failing['of']} drawn recurrences fail: {low:.2%} to {high:.2%} of all, with 95 % confidence"


def untrained(claim: Mapping[str, Any]) -> str:
    """How many untrained models pass the claim; empty if none was asked."""
    asked = claim["controls"].get("untrained")
    if not isinstance(asked, Mapping):  # files of before have a verdict here
        return f"untrained models: {str(asked).replace('_', ' ')}" if asked else ""
    return f"{asked['passed']} of {asked['of']} untrained models pass"


def questions(claims: Sequence[Mapping[str, Any]]) -> str:
    """Rows are no questions: versions of a claim, and kinds of its ablation or probe, ask the same one.

    Of each claim the latest version counts; a question is answered if all its kinds are answered alike.
    """
    latest: dict[str, Mapping[str, Any]] = {}
    for claim in claims:
        name = claim["id"].partition("@")[0]
        if name not in latest or claim["version"] > latest[name]["version"]:
            latest[name] = claim
    kinds: dict[str, set[str]] = {}
    for name, claim in latest.items():
        kinds.setdefault(claim.get("question", name), set()).add(claim["verdict"])
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
