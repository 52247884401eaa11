"""What a run prints: a line for each claim as it is judged, and the verdicts at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recint import words
from recint.judging.entry import Departure, Entry, Run
from recint.pages.findings import headline
from recint.verdict import SYMBOLS


def opening(claims: int, stages: Sequence[int]) -> str:
    """What is done before the first claim is judged, which takes a while.

    >>> opening(2, [200, 1000, 5000])
    '2 claims: measured together first, on 200 recurrences, and on 1000 or 5000 where these do not decide; then judged one by one'
    """
    further = f", and on {' or '.join(map(str, stages[1:]))} where these do not decide" if len(stages) > 1 else ""
    return f"{words.counted(claims, 'claim')}: measured together first, on {stages[0]} recurrences{further}; then judged one by one"


def row(entry: Entry) -> str:
    """One line of the table that grows as claims are judged."""
    value = "" if entry.value is None else f"{entry.value:.4g} {entry.relation} {entry.threshold:g}"
    found = entry.counterexample
    verb = "broken" if entry.decisive else "stops holding"
    where = f"{verb} at {found.where}" if found else words.reach(entry)
    # All other words are final: Holm's correction over the run can only make up for what this one lacks.
    verdict = f"{entry.verdict}{' so far' if entry.is_open else ''}"
    return f"{SYMBOLS[entry.verdict]} {verdict:<20} {entry.id:<36} {value:<22}   {where}".rstrip()


def verdicts(run: Run, departures: Sequence[Departure]) -> Iterator[str]:
    """The lines below the table: how many claims hold, what departed from what was expected, and what was not compared.

    Args:
        departures: the verdicts that fail the run.
    """
    yield headline(run)
    yield words.questions(run.claims)
    yield from (f"  {departure.sentence}" for departure in departures)
    yield from (f"  allowed: {found.sentence}" for found in run.drift if found.allowed)
    yield from (f"  not compared: {sentence}" for sentence in run.incomparable)
    yield from (f"  judged otherwise: {sentence}" for sentence in run.judged_otherwise)
