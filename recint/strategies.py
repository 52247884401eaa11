"""Hypothesis strategies for conditions and recurrences. All they draw shrinks to something that a person can read.

Coefficients come from a grid. The strategy `floats` would not do: for a law that fails at all c <= -0.2 it shrinks to -1.0,
which hides where the law begins to fail. No strategy draws the coordinates of a dense vector: vectors of the trained
distribution come from an integer seed, and adversarial vectors are sparse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import combinations
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from recint.domain import Condition, Domain, Recurrence, Transformed, UniformVectors, Vector, shortest
from recint.judging.subject import SEARCH_BATCH
from recint.recurrence import REFERENCE
from recint.transformations import Flip, Permutation, Rotation, Scale, Shift, Swap, Transformation

T = TypeVar("T")

SEEDS = st.integers(0, 2**16)


def grid(low: float, high: float, *, step: int = 10) -> SearchStrategy[float]:
    """Multiples of 1/step in [low, high]. They shrink towards zero.

    >>> find(grid(-0.5, 0.2), lambda c: c < 0)
    -0.1

    Raises:
        ValueError: a bound is not a multiple of 1/step, or the lower bound is above the upper one.
    """
    first, last = round(low * step), round(high * step)
    if first > last or abs(first - low * step) > 1e-9 or abs(last - high * step) > 1e-9:
        raise ValueError(f"bounds={(low, high)!r} must be multiples of 1/{step}, the lower one not above the upper one")
    return st.integers(first, last).map(lambda tick: tick / step)


# A property is defined before the order of the model under test is known. The order is set when the property runs.
_ORDER: ContextVar[int] = ContextVar("order", default=1)


@contextmanager
def of_order(order: int) -> Iterator[None]:
    """Inside the block, strategies draw recurrences and conditions with this many coefficients."""
    token = _ORDER.set(order)
    try:
        yield
    finally:
        _ORDER.reset(token)


def _by_order(strategy: Callable[[int], SearchStrategy[T]]) -> SearchStrategy[T]:
    """A strategy that draws from `strategy(order)`, for the order that is set when it draws.

    The strategy of each order is built once: Hypothesis validates every new strategy, which takes time.
    """
    built = cache(strategy)
    return st.just(None).flatmap(lambda _: built(_ORDER.get()))


def each(one: SearchStrategy[T], order: int) -> SearchStrategy[T | tuple[T, ...]]:
    """A strategy for one value at order 1, and for a tuple of `order` values at higher orders."""
    return one if order == 1 else st.tuples(*[one] * order)


def _coefficients(domain: Domain, *, step: int = 10) -> SearchStrategy[float | tuple[float, ...]]:
    one = grid(*domain.c, step=step)
    if domain.either_sign:
        one = st.tuples(one, st.sampled_from((1, -1))).map(lambda drawn: drawn[0] * drawn[1])
    return _by_order(lambda order: each(one, order))


def _lengths(domain: Domain) -> SearchStrategy[int]:
    shortest_, longest = domain.length
    return _by_order(lambda order: st.integers(max(shortest_, shortest(order)), longest))


def conditions(domain: Domain, *, batch: int = SEARCH_BATCH) -> SearchStrategy[Condition | UniformVectors]:
    """Conditions of the domain: coefficients on a grid of hundredths, a length, and the seed of a batch.

    The grid is finer than that of tenths, since all conditions of the latter are visited anyway. A property uses the strategy as
    `@given(at=conditions(CLAIM.domain))`. A failure shrinks to the edge of the region where the claim fails:

    >>> find(conditions(Domain(c=(-2.0, 2.0))), lambda at: at.c <= -0.23)
    Condition(c=-0.23, length=5, seed=0, batch=64)
    """
    drawn: SearchStrategy[Condition | UniformVectors] = st.builds(
        Condition, c=_coefficients(domain, step=100), length=_lengths(domain), seed=SEEDS, batch=st.just(batch)
    )
    return drawn | st.builds(UniformVectors, seed=SEEDS) if domain.uniform_vectors else drawn


# One draw each, so that every turn takes as many choices as any other: Hypothesis calls fewer choices simpler.
_SWAPS = st.sampled_from([Swap(*pair) for pair in combinations(range(REFERENCE.dim), 2)])
_FLIPS = st.builds(Flip, st.integers(0, REFERENCE.dim - 1))


def turns() -> SearchStrategy[Transformation]:
    """Transformations that leave norms and angles as they are. The simplest one is a swap of coordinates 0 and 1.

    >>> find(turns(), lambda by: True)
    Swap(first=0, second=1)
    """
    return st.one_of(_SWAPS, _FLIPS, st.builds(Permutation, SEEDS), st.builds(Rotation, SEEDS))


def transformations() -> SearchStrategy[Transformation]:
    """Turns, then scales and shifts by tenths."""
    tenths = grid(0.1, 2)
    return st.one_of(turns(), st.builds(Scale, tenths), st.builds(Shift, tenths, SEEDS))


def transformed(domain: Domain, *, batch: int = SEARCH_BATCH) -> SearchStrategy[Transformed]:
    """Draws from the reference distribution of the domain, with a turn for all of them.

    >>> find(transformed(Domain(length=(14, 14))), lambda place: True).by
    Swap(first=0, second=1)
    """
    return st.builds(lambda by, seed: Transformed(at=domain.reference(batch=batch, seed=seed), by=by), turns(), SEEDS)


def vectors(bound: int) -> SearchStrategy[Vector]:
    """Vectors with coordinates in [-bound, bound]: zero, sparse, constant, alternating, or random from a seed."""
    value = grid(-bound, bound)
    slots = st.dictionaries(st.integers(0, 39), value.filter(bool), max_size=3).map(lambda s: tuple(sorted(s.items())))
    return st.one_of(
        st.builds(Vector, slots=slots),
        st.builds(Vector, slots=slots, fill=value, alternate=st.booleans()),
        st.builds(Vector, seed=SEEDS),
    )


def recurrences(domain: Domain) -> SearchStrategy[Recurrence]:
    """Single recurrences of the domain, random and adversarial ones; none is zero throughout."""
    return st.builds(
        Recurrence,
        c=_coefficients(domain),
        d=vectors(2),
        start=_by_order(lambda order: each(vectors(3), order)),
        along=st.sampled_from((0.0, 1.0, -1.0, 0.5, -0.5)),  # near-collinear terms: a_0 almost a multiple of d
        length=_lengths(domain),
        cap=grid(1, 2),
    ).filter(_can_be_scaled)


def _can_be_scaled(recurrence: Recurrence) -> bool:
    offset = recurrence.d.values(40, bound=2.0)
    starts = recurrence.start if isinstance(recurrence.start, tuple) else (recurrence.start,)
    return bool(offset.any()) or any(
        (start.values(40, bound=3.0) + recurrence.along * offset).any() for start in starts
    )


__all__ = [
    "SEEDS",
    "conditions",
    "each",
    "grid",
    "of_order",
    "recurrences",
    "transformations",
    "transformed",
    "turns",
    "vectors",
]
