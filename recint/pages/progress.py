"""What a run prints: a line for each claim as soon as it is judged, and a summary at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recint import words
from recint.judging.entry import Entry, Run
from recint.judging.told import Departure
from recint.pages.findings import headline, told
from recint.verdict import SYMBOLS


def opening(claims: int, stages: Sequence[int], *, noun: str) -> str:
    """Says what happens before the first line: all claims are measured together, which takes a while.

    Args:
        stages: the numbers of draws, e.g. 200, 1000, 5000.
        noun: what one draw is called.

    >>> opening(2, [200, 1000, 5000], noun="recurrence")
    '2 claims: measured together on 200 recurrences first (on 1000 or 5000 if these do not decide), then judged one by one'
    """
    further = f" (on {' or '.join(map(str, stages[1:]))} if these do not decide)" if len(stages) > 1 else ""
    counted = words.counted(claims, "claim")
    return f"{counted}: measured together on {stages[0]} {noun}s first{further}, then judged one by one"


def row(entry: Entry) -> str:
    """The line of a claim: its verdict, id and statistic, and where it breaks, which contrast fails, or how widely it was tried."""
    value = "" if entry.value is None else f"{entry.value:.4g} {entry.relation} {entry.threshold:g}"
    counterexample = entry.counterexample
    verb = "broken" if entry.decisive else "stops holding"
    where = f"{verb} at {counterexample.where}" if counterexample else _failing_contrast(entry) or words.reach(entry)
    # "so far" only here: Holm's correction over all claims can still change an open verdict, but no other.
    verdict = f"{entry.verdict}{' so far' if entry.is_open else ''}"
    return f"{SYMBOLS[entry.verdict]} {verdict:<20} {entry.id:<36} {value:<22}   {where}".rstrip()


def _failing_contrast(entry: Entry) -> str:
    """The contrast that refutes a claim whose own statistic may be as it should be; empty if something else decides."""
    if entry.verdict != "refuted" or entry.refuted_by == entry.id:
        return ""
    contrast = entry.contrast[entry.refuted_by]
    value = f"{contrast.value:.4g}, should be {contrast.relation} {contrast.threshold:g}"
    return f"a contrast fails: {entry.refuted_by}: {value}"


def verdicts(run: Run, departures: Sequence[Departure]) -> Iterator[str]:
    """The summary: how many claims hold, which verdicts are not as expected, and what could not be compared.

    Args:
        departures: the verdicts that fail the run.
    """
    yield headline(run)
    yield words.questions(run.claims)
    yield from (f"  {departure.sentence}" for departure in departures)
    yield from (f"  allowed: {drifted.sentence}" for drifted in run.drift if drifted.allowed)
    yield from (f"  {pair.sentence}" for pair in told(run))
    yield from (f"  not compared: {sentence}" for sentence in run.incomparable)
    yield from (f"  judged otherwise: {sentence}" for sentence in run.judged_otherwise)
