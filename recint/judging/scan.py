"""The scan: visit every condition of the domains, to see where claims seem to fail. All claims share the draws of a condition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

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
    """All visits of a claim.

    Attributes:
        visits: the first visit to every condition.
        again: both visits together, to each condition where the first one does not show that the claim holds. The place is that
            of the second visit.
    """

    visits: tuple[Visit, ...]
    again: tuple[Visit, ...] = ()

    def values(self, claim: Claim) -> list[tuple[Place, float]]:
        """The statistic at every condition."""
        return [(visit.at, statistic(claim, visit.values)) for visit in self.visits]


def scan(
    props: Sequence[Property], model: Subject, *, seed: int, untrained: bool = False
) -> dict[str, Scan | Exception]:
    """Visit the conditions of all claims about every condition, and return the scan of each, by the id of the claim.

    Conditions whose first visit does not show that the claim holds get a second visit. Claims that share conditions share forward
    passes, in both visits. A claim that cannot be measured has its exception instead of a scan. Claims that are not about every
    condition, or are not applicable to the model, are left out.

    Args:
        untrained: whether the model is an untrained one.
    """
    everywhere = [prop for prop in props if prop.claim.quantifier == "everywhere"]
    asked, failed = applicable(everywhere, model, untrained=untrained)
    first_seed, again_seed = derive_seed(seed, "scan"), derive_seed(seed, "scan again")
    where: dict[Place, list[Property]] = defaultdict(list)
    for prop in asked:
        for at in prop.claim.domain.conditions(model.config, batch=VISIT, seed=first_seed):
            where[at].append(prop)
    visits = _visit(where, model, batch=VISIT, failed=failed)
    doubtful: dict[str, dict[Place, Visit]] = {}
    where_again: dict[Place, list[Property]] = defaultdict(list)
    for prop in [prop for prop in asked if prop.claim.id not in failed]:
        name = prop.claim.id
        try:
            doubts = _doubtful(prop.claim, visits[name])
        except Exception as error:
            failed[name] = error.with_traceback(None)
            continue
        doubtful[name] = {visit.at.again(batch=AGAIN, seed=again_seed): visit for visit in doubts}
        for at in doubtful[name]:
            where_again[at].append(prop)
    more = _visit(where_again, model, batch=AGAIN, failed=failed)

    def again(name: str) -> tuple[Visit, ...]:
        second = {visit.at: visit.values for visit in more[name]}
        return tuple(Visit(at, np.concatenate([first.values, second[at]])) for at, first in doubtful[name].items())

    names = [prop.claim.id for prop in asked if prop.claim.id not in failed]
    return {name: Scan(tuple(visits[name]), again(name)) for name in names} | failed


def _visit(
    where: Mapping[Place, Sequence[Property]], model: Subject, *, batch: int, failed: dict[str, Exception]
) -> dict[str, list[Visit]]:
    """Visit places, each for some claims, and return the visits of each claim, by its id.

    A claim that cannot be measured is added to `failed`, and visits no other place.

    Args:
        batch: the number of draws at a place.
    """
    visits: dict[str, list[Visit]] = defaultdict(list)
    for here, places in _shared(where):
        for together in _side_by_side(places, batch):
            # Make the whole pass at once; the first claim alone may read only a part of it. Errors are raised again by the claims.
            if len(here) > 1:
                with suppress(Exception):
                    model.prepare(_as_one(together))
            for prop in here:
                name = prop.claim.id
                if name not in failed:
                    try:
                        visits[name] += _measured(prop, model, together)
                    except Exception as error:
                        failed[name] = error.with_traceback(None)  # a traceback would keep activations in memory
    return visits


def _shared(where: Mapping[Place, Sequence[Property]]) -> list[tuple[Sequence[Property], list[Place]]]:
    """Groups of places that have the same claims, each with these claims.

    Places that cannot be measured together with others are in groups of their own, which come last.
    """
    groups: dict[tuple[bool, tuple[str, ...]], list[Place]] = defaultdict(list)
    for at, here in where.items():
        groups[at.shape is None, tuple(prop.claim.id for prop in here)].append(at)
    in_order = sorted(groups, key=lambda group: group[0])
    return [(where[groups[group][0]], groups[group]) for group in in_order]


@dataclass(frozen=True, eq=False)
class _Tested:
    """A visit with the p-values of "the claim does not hold here" and of "it holds", and how bad the statistic is."""

    visit: Visit
    p: float
    p_against: float
    badness: float
    holds: bool

    @staticmethod
    def of(claim: Claim, visit: Visit) -> _Tested:
        value = statistic(claim, visit.values)
        return _Tested(visit, *both_p_values(claim, visit.values), claim.badness(value), claim.holds(value))


def _doubtful(claim: Claim, visits: Sequence[Visit]) -> list[Visit]:
    """The first visits that do not show that the claim holds: the simplest ones that clearly fail, then the worst ones."""
    tested = [_Tested.of(claim, visit) for visit in visits]
    doubtful = _worst_first(each for each in tested if each.p > DOUBT)
    simple = _simplest_first(each for each in doubtful if each.p_against <= DOUBT)[:SIMPLE]
    return [each.visit for each in dict.fromkeys([*simple, *doubtful[:WIDE]])]


def suspects(claim: Claim, scanned: Scan, *, most: int) -> Sequence[Place]:
    """Conditions at which the claim seems to fail, in both visits together.

    The first suspect is the simplest condition that clearly fails; then come the worst ones.

    Args:
        most: the largest number of suspects.
    """
    failing = _worst_first(tested for visit in scanned.again if not (tested := _Tested.of(claim, visit)).holds)
    clearly = _simplest_first(tested for tested in failing if tested.p_against <= DOUBT)
    return [tested.visit.at for tested in dict.fromkeys([*clearly[:1], *failing])][:most]


def _worst_first(tested: Iterable[_Tested]) -> list[_Tested]:
    """Sorted by the p-value of "it holds here", the smallest first; among equal ones, the worst value first."""
    return sorted(tested, key=lambda each: (each.p_against, -each.badness))


def _simplest_first(tested: Iterable[_Tested]) -> list[_Tested]:
    return sorted(tested, key=lambda each: each.visit.at.simplicity)


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
