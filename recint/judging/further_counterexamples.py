"""Further counterexamples to a claim that one place has refuted: places that fail too, and differ from the first in one thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from recint.judging.claim import Claim
from recint.judging.scan import Scan
from recint.judging.statistic import p_against, statistic
from recint.judging.subject import Place

Found = TypeVar("Found")

EACH = 2  # places of each kind that are tried


def further(
    first: Place, failing: Sequence[Place], confirm: Callable[[Place], Found | None], *, tries: int
) -> tuple[Found, ...]:
    """At most one further counterexample of each kind, in this order:

    - of another coordinate: the furthest from that of the first, if possible of the same shape;
    - of another shape, such as another length: with the coordinate that is nearest to that of the first.

    Args:
        first: the place of the first counterexample.
        failing: places where the claim seems to fail, the worst first.
        confirm: tries a place; returns None if it is not confirmed.
        tries: how many places may be tried at most.
    """
    found, tried = [], set()
    for suspects in (_other_coordinate(first, failing), _other_shape(first, failing)):
        for suspect in [at for at in suspects if at not in tried][: min(EACH, tries)]:
            tries -= 1
            tried.add(suspect)
            if confirmed := confirm(suspect):
                found.append(confirmed)
                break
    return tuple(found)


def failing_in(scanned: Scan, claim: Claim, *, level: float) -> list[Place]:
    """The conditions at which the first visit rejects "it holds here" at this level, the smallest p-value first."""
    fail = [visit for visit in scanned.visits if not claim.holds(statistic(claim, visit.values))]
    tested = sorted(((p_against(claim, visit.values), visit.at) for visit in fail), key=lambda each: each[0])
    return [at for p, at in tested if p <= level]


def _other_coordinate(first: Place, failing: Sequence[Place]) -> list[Place]:
    others = [at for at in failing if _distance(first, at) > 0]
    return sorted(others, key=lambda at: (-_distance(first, at), at.shape != first.shape))


def _other_shape(first: Place, failing: Sequence[Place]) -> list[Place]:
    return sorted((at for at in failing if at.shape != first.shape), key=lambda at: _distance(first, at))


def _distance(one: Place, other: Place) -> float:
    """How far apart the coordinates are; 0 if one of the places has none."""
    if one.coordinate is None or other.coordinate is None:
        return 0.0
    return abs(one.coordinate - other.coordinate)
