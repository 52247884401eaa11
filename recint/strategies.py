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
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.strategies import SearchStrategy

from recint.checkpoint import ModelConfig, TaskConfig
from recint.domain import Condition, Domain, Recurrence, Transformed, UniformVectors, Vector, reference_of
from recint.families import family_of
from recint.judging.subject import SEARCH_BATCH
from recint.recurrence import Distribution
from recint.task import DIM, Range, Task, ticks
from recint.transformations import Flip, Permutation, Rotation, Scale, Shift, Swap, Transformation
from recint.vector import reach

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


def within(bounds: Range, *, step: int = 10) -> SearchStrategy[float]:
    """Multiples of 1/step in any range, or its bounds if it has no such multiple. They shrink towards zero."""
    inside = ticks(bounds, step=step)
    if len(inside) < 3:
        return st.sampled_from(sorted(inside, key=lambda value: (abs(value), value < 0)))
    return grid(inside[0], inside[-1], step=step)


# A property is defined before the model under test is known. Its configuration is set when the property runs.
_CONFIG: ContextVar[ModelConfig | None] = ContextVar("config", default=None)


@contextmanager
def of_model(config: ModelConfig) -> Iterator[None]:
    """Inside the block, strategies draw recurrences and conditions of the task of models with this configuration."""
    token = _CONFIG.set(config)
    try:
        yield
    finally:
        _CONFIG.reset(token)


def _config() -> ModelConfig:
    return _CONFIG.get() or ModelConfig()


class _ByModel(SearchStrategy[T]):
    """The strategy `of(config)`, for the configuration that is set when it draws.

    It draws as that strategy itself: one more level of drawing would change what Hypothesis finds, and so verdicts on record. The
    strategy of each configuration is built once: Hypothesis validates every new strategy, which takes time.
    """

    def __init__(self, of: Callable[[ModelConfig], SearchStrategy[T]]) -> None:
        super().__init__()
        self._built = cache(of)

    @property
    def label(self) -> int:
        return self._built(_config()).label

    def do_draw(self, data: ConjectureData) -> T:
        here = self._built(_config())
        here.validate()
        return here.do_draw(data)


def _deeper(strategy: SearchStrategy[T]) -> SearchStrategy[T]:
    """The same strategy, drawn one level deeper. Verdicts on record were found with these levels."""
    return st.just(None).flatmap(lambda _: strategy)


def each(one: SearchStrategy[T], order: int) -> SearchStrategy[T | tuple[T, ...]]:
    """A strategy for one value at order 1, and for a tuple of `order` values at higher orders."""
    return one if order == 1 else st.tuples(*[one] * order)


def _coefficients(domain: Domain, config: ModelConfig, *, step: int) -> SearchStrategy[float | tuple[float, ...]]:
    one = within(domain.on(config).c, step=step)
    if domain.either_sign:
        one = st.tuples(one, st.sampled_from((1, -1))).map(lambda drawn: drawn[0] * drawn[1])
    return _deeper(each(one, config.order))


def _lengths(domain: Domain, config: ModelConfig) -> SearchStrategy[int]:
    return _deeper(st.integers(*domain.on(config).length))


def _task(config: ModelConfig) -> dict[str, SearchStrategy[Task]]:
    """The argument `task` of places, unless it is the notebook's, which is the default."""
    return {"task": st.just(config.task)} if isinstance(config, TaskConfig) else {}


def conditions(domain: Domain, *, batch: int = SEARCH_BATCH) -> SearchStrategy[Condition | UniformVectors]:
    """Conditions of the domain: coefficients on a grid of hundredths, a length, and the seed of a batch.

    The grid is finer than that of tenths, since all conditions of the latter are visited anyway. A property uses the strategy as
    `@given(at=conditions(CLAIM.domain))`. A failure shrinks to the edge of the region where the claim fails:

    >>> find(conditions(Domain(c=(-2.0, 2.0))), lambda at: at.c <= -0.23)
    Condition(c=-0.23, length=5, seed=0, batch=64)
    """

    def of(config: ModelConfig) -> SearchStrategy[Condition | UniformVectors]:
        drawn: SearchStrategy[Condition | UniformVectors] = st.builds(
            Condition,
            c=_coefficients(domain, config, step=100),
            length=_lengths(domain, config),
            seed=SEEDS,
            batch=st.just(batch),
            **_task(config),
        )
        return drawn | st.builds(UniformVectors, seed=SEEDS) if domain.uniform_vectors else drawn

    return _ByModel(of)


# One draw each, so that every turn takes as many choices as any other: Hypothesis calls fewer choices simpler.
def _turns(config: ModelConfig) -> SearchStrategy[Transformation]:
    swaps = [Swap(*pair) for pair in combinations(range(max(2, config.d_vocab)), 2)]
    flips = st.builds(Flip, st.integers(0, config.d_vocab - 1))
    return st.one_of(st.sampled_from(swaps), flips, st.builds(Permutation, SEEDS), st.builds(Rotation, SEEDS))


def turns() -> SearchStrategy[Transformation]:
    """Transformations that leave norms and angles as they are. The simplest one is a swap of coordinates 0 and 1.

    >>> find(turns(), lambda by: True)
    Swap(first=0, second=1)
    """
    return _ByModel(_turns)


def transformations() -> SearchStrategy[Transformation]:
    """Turns, then scales and shifts by tenths."""
    tenths = grid(0.1, 2)
    return _ByModel(lambda config: st.one_of(_turns(config), st.builds(Scale, tenths), st.builds(Shift, tenths, SEEDS)))


def transformed(domain: Domain, *, batch: int = SEARCH_BATCH) -> SearchStrategy[Transformed]:
    """Draws from the reference distribution of the domain, with a turn for all of them.

    >>> find(transformed(Domain(length=(14, 14))), lambda place: True).by
    Swap(first=0, second=1)
    """
    return st.builds(
        lambda by, seed: Transformed(at=domain.reference(_config(), batch=batch, seed=seed), by=by), turns(), SEEDS
    )


def vectors(bound: float, *, dim: int = DIM) -> SearchStrategy[Vector]:
    """Vectors with coordinates in [-bound, bound]: zero, sparse, constant, alternating, or random from a seed."""
    value = within((-bound, bound))
    pairs = st.dictionaries(st.integers(0, dim - 1), value.filter(bool), max_size=3) if bound else st.just({})
    slots = pairs.map(lambda s: tuple(sorted(s.items())))
    return st.one_of(
        st.builds(Vector, slots=slots),
        st.builds(Vector, slots=slots, fill=value, alternate=st.booleans()),
        st.builds(Vector, seed=SEEDS),
    )


def recurrences(domain: Domain) -> SearchStrategy[Recurrence]:
    """Single recurrences of the domain, random and adversarial ones; none is zero throughout."""

    def of(config: ModelConfig) -> SearchStrategy[Recurrence]:
        task = reference_of(config)
        family, dim, order = family_of(task.family), task.dim, task.order
        others = {"others": family.readable(task, order=order, dim=dim)} if family.others else {}
        return st.builds(
            Recurrence,
            c=_coefficients(domain, config, step=10),
            d=vectors(reach(task.d), dim=dim),
            start=_deeper(each(vectors(reach(task.start), dim=dim), order)),
            along=st.sampled_from((0.0, 1.0, -1.0, 0.5, -0.5)),  # near-collinear terms: a_0 almost a multiple of d
            length=_lengths(domain, config),
            cap=within(task.cap),
            **others,
            **_task(config),
        ).filter(lambda drawn: _can_be_scaled(drawn, task))

    return _ByModel(of)


def _can_be_scaled(recurrence: Recurrence, task: Distribution) -> bool:
    offset = recurrence.d.values(task.dim, bound=reach(task.d)).clamp(*task.d)
    starts = recurrence.start if isinstance(recurrence.start, tuple) else (recurrence.start,)
    bound = reach(task.start)
    return bool(offset.any()) or any(
        (start.values(task.dim, bound=bound) + recurrence.along * offset).clamp(*task.start).any() for start in starts
    )


__all__ = [
    "SEEDS",
    "conditions",
    "each",
    "grid",
    "of_model",
    "recurrences",
    "transformations",
    "transformed",
    "turns",
    "vectors",
    "within",
]
