"""Every condition of a claim's domain, visited once by all claims on the same recurrences, to see where one seems to fail.

At order 1 these are all coefficients of the grid at all lengths. Of higher orders the grid is too large to visit: points that
fill it evenly stand for it (Sobol's sequence).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from recint.claim import Claim, Property, both_p_values, statistic
from recint.domain import Condition, Domain, Place, Several, UniformVectors, shortest
from recint.judging.draws import CHUNK
from recint.model.preconditions import applicable
from recint.recurrence import derive_seed

VISIT = 16  # recurrences at each condition
AGAIN = 64  # more of them where these do not tell that the claim holds
DOUBT = 0.05  # p-value of "it does not hold here" up to which they do
WIDE = 64  # conditions, those that look worst, that are visited again
SIMPLE = 8  # of those that surely fail, the simplest are visited again too: a person reads them most easily
POINTS = 512  # conditions of an order whose grid is too large; a power of two fills it most evenly


@dataclass(frozen=True, eq=False)
class Visit:
    """What a claim's values were at one condition."""

    at: Condition | UniformVectors
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Scan:
    """All visits of a claim."""

    visits: tuple[Visit, ...]

    def values(self, claim: Claim) -> list[tuple[Place, float]]:
        """The statistic at every condition."""
        return [(visit.at, statistic(claim, visit.values)) for visit in self.visits]


def conditions_of(domain: Domain, *, order: int, batch: int, seed: int) -> list[Condition]:
    """The conditions that stand for a domain: every coefficient of the grid at every length, or points that fill it evenly."""
    ticks = range(round(domain.c[0] * 10), round(domain.c[1] * 10) + 1)
    grid = sorted({sign * tick / 10 for tick in ticks for sign in ((1, -1) if domain.either_sign else (1,))})
    lengths = range(max(domain.length[0], shortest(order)), domain.length[1] + 1)
    if order == 1:
        return [Condition(c=c, length=length, seed=seed, batch=batch) for length in lengths for c in grid]
    points = qmc.Sobol(order + 1, seed=derive_seed(0, "points that fill the grid") % 2**32).random(POINTS)
    chosen = dict.fromkeys(
        (tuple(grid[int(share * len(grid))] for share in coefficients), lengths[int(length * len(lengths))])
        for *coefficients, length in points
    )
    return [Condition(c=c, length=length, seed=seed, batch=batch) for c, length in sorted(chosen, key=lambda at: at[1])]


def scan(props: Sequence[Property], model: Any, *, seed: int, untrained: bool = False) -> dict[str, Scan | Exception]:
    """Visit the conditions of all claims about every condition, side by side; one that cannot be measured has its exception."""
    everywhere = [prop for prop in props if prop.claim.quantifier == "everywhere"]
    asked, failed = applicable(everywhere, model, untrained=untrained)
    found: dict[str, list[Visit]] = {prop.claim.id: [] for prop in asked}
    at_seed = derive_seed(seed, "scan")

    def visit(prop: Property, measure: Callable[[], list[Visit]]) -> None:
        if prop.claim.id not in failed:
            try:
                found[prop.claim.id] += measure()
            except Exception as error:
                failed[prop.claim.id] = error.with_traceback(None)

    for here, conditions in _shared(asked, order=model.config.order, seed=at_seed):
        for together in _side_by_side(conditions, VISIT):
            if len(here) > 1:  # the whole pass at once, not up to what the first claim asks; claims tell what fails
                with suppress(Exception):
                    _ = model.intact(Several(together)).prediction
            for prop in here:
                visit(prop, partial(_measured, prop, model, together))
    vectors = UniformVectors(seed=at_seed)
    for prop in asked:
        if prop.claim.domain.uniform_vectors:
            visit(prop, partial(_of_vectors, prop, model, vectors))
    return {prop.claim.id: Scan(tuple(found[prop.claim.id])) for prop in asked} | failed


def _shared(props: Sequence[Property], *, order: int, seed: int) -> list[tuple[tuple[Property, ...], list[Condition]]]:
    """Conditions with the claims whose domains they lie in; those of the same claims together."""
    where: dict[Condition, list[Property]] = defaultdict(list)
    for prop in props:
        for at in conditions_of(prop.claim.domain, order=order, batch=VISIT, seed=seed):
            where[at].append(prop)
    groups: dict[tuple[str, ...], list[Condition]] = defaultdict(list)
    for at, here in where.items():
        groups[tuple(prop.claim.id for prop in here)].append(at)
    return [(tuple(where[conditions[0]]), conditions) for conditions in groups.values()]


@dataclass(frozen=True, eq=False)
class _Tested:
    """What some recurrences of a condition say: p-values of "the claim does not hold here" and of "it holds", and the figure."""

    at: Condition | UniformVectors
    values: NDArray[np.float64]
    p: float
    p_against: float
    badness: float
    holds: bool

    @staticmethod
    def of(claim: Claim, at: Condition | UniformVectors, values: NDArray[np.float64]) -> _Tested:
        value = statistic(claim, values)
        return _Tested(at, values, *both_p_values(claim, values), claim.badness(value), claim.holds(value))


def suspects(prop: Property, model: Any, scanned: Scan, *, most: int, seed: int) -> Sequence[Place]:
    """Conditions at which the claim seems to fail, at most so many: the simplest of those that surely fail, then the worst.

    Where the first recurrences do not tell that it holds there, more are drawn.
    """
    claim = prop.claim
    first = [_Tested.of(claim, visit.at, visit.values) for visit in scanned.visits]
    doubtful = _worst_first(tested for tested in first if tested.p > DOUBT)
    simple = _simplest_first(tested for tested in doubtful if tested.p_against <= DOUBT)[:SIMPLE]
    doubtful = [*simple, *(tested for tested in doubtful[:WIDE] if tested not in simple)]
    again = [tested.at.again(batch=AGAIN, seed=derive_seed(seed, "again")) for tested in doubtful]
    conditions = [at for at in again if isinstance(at, Condition)]
    more = {
        visit.at: visit.values for each in _side_by_side(conditions, AGAIN) for visit in _measured(prop, model, each)
    }
    more |= {at: prop.measure(model, at, contrasts=False).values for at in again if not isinstance(at, Condition)}
    known = [
        _Tested.of(claim, at, np.concatenate([tested.values, more[at]]))
        for tested, at in zip(doubtful, again, strict=True)
    ]
    failing = _worst_first(tested for tested in known if not tested.holds)
    surely = _simplest_first(tested for tested in failing if tested.p_against <= DOUBT)
    return [tested.at for tested in dict.fromkeys([*surely[:1], *failing])][:most]


def _worst_first(tested: Iterable[_Tested]) -> list[_Tested]:
    """Where the claim fails most surely; where that is alike, where it fails worst."""
    return sorted(tested, key=lambda each: (each.p_against, -each.badness))


def _simplest_first(tested: Iterable[_Tested]) -> list[_Tested]:
    return sorted(tested, key=lambda each: simplicity(each.at))


def simplicity(at: Place) -> tuple:
    """Smallest for what a person reads most easily: small coefficients, positive before negative ones, and few terms."""
    if not isinstance(at, Condition) or not isinstance(at.c, float | int | tuple):
        return ()
    coefficients = at.c if isinstance(at.c, tuple) else (at.c,)
    return tuple((abs(c), c < 0) for c in coefficients), at.length


def _side_by_side(conditions: Sequence[Condition], batch: int) -> list[tuple[Condition, ...]]:
    """In passes of about CHUNK recurrences, each of conditions of one length."""
    groups: dict[int, list[Condition]] = defaultdict(list)
    for at in conditions:
        groups[at.length].append(at)
    size = max(1, CHUNK // batch)
    return [tuple(group[start : start + size]) for group in groups.values() for start in range(0, len(group), size)]


def _measured(prop: Property, model: Any, together: tuple[Condition, ...]) -> list[Visit]:
    values = prop.measure(model, Several(together), contrasts=False).values
    sizes = np.cumsum([at.batch for at in together])
    return [Visit(at, part) for at, part in zip(together, np.split(values, sizes[:-1]), strict=True)]


def _of_vectors(prop: Property, model: Any, vectors: UniformVectors) -> list[Visit]:
    return [Visit(vectors, prop.measure(model, vectors, contrasts=False).values)]
