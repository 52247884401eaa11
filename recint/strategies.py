"""Hypothesis strategies over conditions and recurrences; everything they draw shrinks to something a person can read.

Coefficients come from a grid of tenths: `floats` shrinks a law that fails from -0.2 downwards to -1.0 and hides where it
breaks. A dense vector is never drawn: in-distribution ones come from an integer seed, adversarial ones are sparse.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from recint.domain import Condition, Domain, Recurrence, UniformVectors, Vector

SEEDS = st.integers(0, 2**16)


def grid(low: float, high: float, *, step: int = 10) -> SearchStrategy[float]:
    """Multiples of 1/step in [low, high], shrinking towards zero.

    >>> grid(-0.5, 0.2).filter(lambda c: c < 0).example() in (-0.5, -0.4, -0.3, -0.2, -0.1)    # doctest: +SKIP
    True
    """
    first, last = round(low * step), round(high * step)
    if first > last or abs(first - low * step) > 1e-9 or abs(last - high * step) > 1e-9:
        raise ValueError(f"bounds={(low, high)!r} must be multiples of 1/{step}, the lower one not above the upper one")
    return st.integers(first, last).map(lambda tick: tick / step)


def conditions(domain: Domain) -> SearchStrategy[Condition | UniformVectors]:
    """Conditions of the domain: c on the grid, a length, a seed for the batch."""
    drawn: SearchStrategy[Condition | UniformVectors] = st.builds(
        Condition, c=grid(*domain.c), length=st.integers(*domain.length), seed=SEEDS
    )
    return drawn | st.builds(UniformVectors, seed=SEEDS) if domain.uniform_vectors else drawn


def vectors(bound: int) -> SearchStrategy[Vector]:
    """Zero, sparse, constant, alternating, and (by seed) in-distribution vectors with coordinates in [-bound, bound]."""
    value = grid(-bound, bound)
    slots = st.dictionaries(st.integers(0, 39), value.filter(bool), max_size=3).map(lambda s: tuple(sorted(s.items())))
    return st.one_of(
        st.builds(Vector, slots=slots),
        st.builds(Vector, slots=slots, fill=value, alternate=st.booleans()),
        st.builds(Vector, seed=SEEDS),
    )


def recurrences(domain: Domain) -> SearchStrategy[Recurrence]:
    """Single recurrences of the domain, in-distribution and adversarial; those that are zero throughout are left out."""
    return st.builds(
        Recurrence,
        c=grid(*domain.c),
        d=vectors(2),
        start=vectors(3),
        along=st.sampled_from((0.0, 1.0, -1.0, 0.5, -0.5)),  # near-collinear terms: a_0 almost a multiple of d
        length=st.integers(*domain.length),
        cap=grid(1, 2),
    ).filter(_can_be_scaled)


def _can_be_scaled(recurrence: Recurrence) -> bool:
    offset = recurrence.d.values(40, bound=2.0)
    start = recurrence.start.values(40, bound=3.0) + recurrence.along * offset
    return bool(offset.any() or start.any())


__all__ = ["SEEDS", "conditions", "grid", "recurrences", "vectors"]
