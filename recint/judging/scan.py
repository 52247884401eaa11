"""The scan: visit every condition of the domains, to see where claims seem to fail. All claims share the draws of a condition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recint.judging.claim import Claim, Property
from recint.judging.draws import applicable
from recint.judging.statistic import both_p_values, statistic
from recint.judging.subject import CHUNK, Place, Subject
from recint.system.seeds import derive_seed

VISIT = 16  # draws at each condition in the first visit
AGAIN = 64  # draws of a second visit, to conditions where the first one does not show that the claim holds
DOUBT = 0.05  # a p-value up to this counts as evidence, of "it holds here" or of "it fails here"
WIDE = 64  # at most so many conditions, the worst ones, get a second visit
SIMPLE = 8  # so many of the simplest conditions that clearly fail get one too: a person reads them most easily


@dataclass(frozen=True, eq=False)
class Visit:
    """The values of a claim at one condition, shape (draw, *head)."""

    at: Place
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Scan:
    """All visits of a claim."""

    visits: tuple[Visit, ...]

    def values(self, claim: Claim) -> list[tuple[Place, float]]:
        """The statistic at every condition."""
        return [(visit.at, statistic(claim, visit.values)) for visit in self.visits]


def scan(
    props: Sequence[Property], model: Subject, *, seed: int, untrained: bool = False
) -> dict[str, Scan | Exception]:
    """Visit the conditions of all claims about every condition, and return the scan of each, by the id of the claim.

    Claims that share conditions share forward passes. A claim that cannot be measured has its exception instead of a scan. Claims
    that are not about every condition, or are not applicable to the model, are left out.

    Args:
        untrained: whether the model is an untrained one.
    """
    everywhere = [prop for prop in props if prop.claim.quantifier == "everywhere"]
    asked, failed = applicable(everywhere, model, untrained=untrained)
    visits: dict[str, list[Visit]] = {prop.claim.id: [] for prop in asked}
    at_seed = derive_seed(seed, "scan")

    def visit(prop: Property, measure: Callable[[], list[Visit]]) -> None:
        if prop.claim.id not in failed:
            try:
                visits[prop.claim.id] += measure()
            except Exception as error:
                failed[prop.claim.id] = error.with_traceback(None)

    for here, places in _shared(asked, config=model.config, seed=at_seed):
        for together in _side_by_side(places, VISIT):
            # Make the whole pass at once; the first claim alone may read only a part of it. Errors are raised again by the claims.
            if len(here) > 1:
                with suppress(Exception):
                    model.prepare(_as_one(together))
            for prop in here:
                visit(prop, partial(_measured, prop, model, together))
    return {prop.claim.id: Scan(tuple(visits[prop.claim.id])) for prop in asked} | failed


def _shared(props: Sequence[Property], *, config: Any, seed: int) -> list[tuple[tuple[Property, ...], list[Place]]]:
    """Groups of places, each with the claims whose domains contain all places of the group.

    Places that cannot be measured together with others are in groups of their own, which come last.
    """
    where: dict[Place, list[Property]] = defaultdict(list)
    for prop in props:
        for at in prop.claim.domain.conditions(config, batch=VISIT, seed=seed):
            where[at].append(prop)
    groups: dict[tuple[bool, tuple[str, ...]], list[Place]] = defaultdict(list)
    for at, here in where.items():
        groups[at.shape is None, tuple(prop.claim.id for prop in here)].append(at)
    in_order = sorted(groups, key=lambda group: group[0])
    return [(tuple(where[groups[group][0]]), groups[group]) for group in in_order]


@dataclass(frozen=True, eq=False)
class _Tested:
    """A condition with its values, the p-values of "the claim does not hold here" and of "it holds", and the statistic."""

    at: Place
    values: NDArray[np.float64]
    p: float
    p_against: float
    badness: float
    holds: bool

    @staticmethod
    def of(claim: Claim, at: Place, values: NDArray[np.float64]) -> _Tested:
        value = statistic(claim, values)
        return _Tested(at, values, *both_p_values(claim, values), claim.badness(value), claim.holds(value))


def suspects(prop: Property, model: Subject, scanned: Scan, *, most: int, seed: int) -> Sequence[Place]:
    """Conditions at which the claim seems to fail.

    Conditions whose first visit does not show that the claim holds get a second visit. The first suspect is the simplest condition
    that clearly fails on all draws; then come the worst ones.

    Args:
        scanned: the first visits.
        most: the largest number of suspects.
    """
    claim = prop.claim
    first = [_Tested.of(claim, visit.at, visit.values) for visit in scanned.visits]
    doubtful = _worst_first(tested for tested in first if tested.p > DOUBT)
    simple = _simplest_first(tested for tested in doubtful if tested.p_against <= DOUBT)[:SIMPLE]
    doubtful = [*simple, *(tested for tested in doubtful[:WIDE] if tested not in simple)]
    again = [tested.at.again(batch=AGAIN, seed=derive_seed(seed, "again")) for tested in doubtful]
    more = {visit.at: visit.values for each in _side_by_side(again, AGAIN) for visit in _measured(prop, model, each)}
    visited_twice = [
        _Tested.of(claim, at, np.concatenate([tested.values, more[at]]))
        for tested, at in zip(doubtful, again, strict=True)
    ]
    failing = _worst_first(tested for tested in visited_twice if not tested.holds)
    clearly = _simplest_first(tested for tested in failing if tested.p_against <= DOUBT)
    return [tested.at for tested in dict.fromkeys([*clearly[:1], *failing])][:most]


def _worst_first(tested: Iterable[_Tested]) -> list[_Tested]:
    """Sorted by the p-value of "it holds here", the smallest first; among equal ones, the worst value first."""
    return sorted(tested, key=lambda each: (each.p_against, -each.badness))


def _simplest_first(tested: Iterable[_Tested]) -> list[_Tested]:
    return sorted(tested, key=lambda each: each.at.simplicity)


def _side_by_side(places: Sequence[Place], batch: int) -> list[tuple[Place, ...]]:
    """Tuples of places of one shape, with about CHUNK draws together; each tuple is measured in one pass."""
    groups: dict[Hashable, list[Place]] = defaultdict(list)
    for at in places:
        groups[at if at.shape is None else at.shape].append(at)
    size = max(1, CHUNK // batch)
    return [tuple(group[start : start + size]) for group in groups.values() for start in range(0, len(group), size)]


def _as_one(together: tuple[Place, ...]) -> Place:
    return together[0].beside(together[1:])


def _measured(prop: Property, model: Subject, together: tuple[Place, ...]) -> list[Visit]:
    values = prop.measure(model, _as_one(together), contrasts=False).values
    sizes = np.cumsum([at.size for at in together])
    return [Visit(at, part) for at, part in zip(together, np.split(values, sizes[:-1]), strict=True)]
