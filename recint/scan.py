"""Every condition of a claim's domain, visited once by all claims on the same recurrences, to see where one seems to fail.

At order 1 these are all coefficients of the grid at all lengths. Of higher orders the grid is too large to visit: points that
fill it evenly stand for it (Sobol's sequence).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from recint.claim import Claim, Property, both_p_values, statistic
from recint.domain import Condition, Domain, Place, Several, UniformVectors, shortest
from recint.draws import CHUNK
from recint.preconditions import unmet
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
    if any(abs(10 * bound - round(10 * bound)) > 1e-9 for bound in domain.c):
        raise ValueError(
            f"c={domain.c!r} must have bounds that are multiples of 0.1: the grid that is visited is of tenths"
        )
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
    failed: dict[str, Exception] = {}
    asked = []
    for prop in props:
        if prop.claim.quantifier == "everywhere":
            try:
                if not unmet(prop.claim, model, untrained=untrained):
                    asked.append(prop)
            except Exception as error:  # a model whose predictions are no numbers
                failed[prop.claim.id] = error.with_traceback(None)
    where: dict[Condition | UniformVectors, list[Property]] = defaultdict(list)
    for prop in asked:
        for at in conditions_of(
            prop.claim.domain, order=model.config.order, batch=VISIT, seed=derive_seed(seed, "scan")
        ):
            where[at].append(prop)
    found: dict[str, list[Visit]] = {prop.claim.id: [] for prop in asked}
    for together in _side_by_side([at for at in where if isinstance(at, Condition)], VISIT):
        here = dict.fromkeys(prop for at in together for prop in where[at])
        if (
            len(here) > 1
        ):  # the whole pass at once, not up to what the first claim asks; what fails is told by the claims
            with suppress(Exception):
                _ = model.intact(Several(together)).prediction
        for prop in here:
            if prop.claim.id not in failed:
                try:
                    found[prop.claim.id] += [
                        visit for visit in _measured(prop, model, together) if prop in where[visit.at]
                    ]
                except Exception as error:
                    failed[prop.claim.id] = error.with_traceback(None)
    for prop in asked:
        if prop.claim.domain.uniform_vectors and prop.claim.id not in failed:
            vectors = UniformVectors(seed=derive_seed(seed, "scan"))
            try:
                found[prop.claim.id].append(Visit(vectors, prop.measure(model, vectors, contrasts=False).values))
            except Exception as error:
                failed[prop.claim.id] = error.with_traceback(None)
    return {prop.claim.id: Scan(tuple(found[prop.claim.id])) for prop in asked} | failed


def suspects(prop: Property, model: Any, scanned: Scan, *, most: int, seed: int) -> Sequence[Place]:
    """Conditions at which the claim seems to fail, at most so many: the simplest of those that surely fail, then the worst.

    Where the first recurrences do not tell that it holds there, more are drawn.
    """
    claim = prop.claim
    doubtful = [visit for visit in scanned.visits if both_p_values(claim, visit.values)[0] > DOUBT]
    doubtful = sorted(doubtful, key=lambda visit: _rank(claim, visit.values))
    simple = [visit for visit in doubtful if both_p_values(claim, visit.values)[1] <= DOUBT]
    simple = sorted(simple, key=lambda visit: simplicity(visit.at))[:SIMPLE]
    doubtful = [*simple, *(visit for visit in doubtful[:WIDE] if visit not in simple)]
    again = [visit.at.again(batch=AGAIN, seed=derive_seed(seed, "again")) for visit in doubtful]
    conditions = [at for at in again if isinstance(at, Condition)]
    more = {
        visit.at: visit.values for each in _side_by_side(conditions, AGAIN) for visit in _measured(prop, model, each)
    }
    more |= {at: prop.measure(model, at, contrasts=False).values for at in again if not isinstance(at, Condition)}
    known = {at: np.concatenate([visit.values, more[at]]) for visit, at in zip(doubtful, again, strict=True)}
    failing = sorted(
        (at for at, values in known.items() if not claim.holds(statistic(claim, values))),
        key=lambda at: _rank(claim, known[at]),
    )
    surely = [at for at in failing if both_p_values(claim, known[at])[1] <= DOUBT]
    return list(dict.fromkeys([*sorted(surely, key=simplicity)[:1], *failing]))[:most]


def _rank(claim: Claim, values: NDArray[np.float64]) -> tuple[float, float]:
    """Smallest where the claim fails most surely; where that is alike, where it fails worst."""
    return both_p_values(claim, values)[1], -claim.badness(statistic(claim, values))


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
