"""What a family of recurrences is: a rule that makes the next term from the terms before it and a few numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from jaxtyping import Float
from torch import Tensor

from recint.task import Range, Task, ticks
from recint.vector import reach

Readable = tuple[tuple[str, Any], ...]  # the other numbers of one recurrence, by name, as a person reads them
Others = Mapping[str, Tensor]


def uniform(bounds: Range, *shape: int, seed: int) -> Float[Tensor, ...]:
    """Independent numbers from a range, in float64."""
    generator = torch.Generator().manual_seed(seed)
    return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(shape, generator=generator, dtype=torch.float64)


def tenths(bounds: Range) -> SearchStrategy[float]:
    """A strategy for the tenths in a range, or its bounds if it has none. It shrinks towards zero."""
    return st.sampled_from(sorted(ticks(bounds), key=lambda value: (abs(value), value < 0)))


class Family:
    """The base of all families. A family needs a name, its equation, and `step`; the rest is for numbers beside c and d.

    Attributes:
        name: how tasks name the family.
        ranges: the usual ranges of c, d, the first terms (start), and of the family's other numbers.
    """

    name: str
    ranges: ClassVar[Mapping[str, Range]] = {"c": (-2.0, 2.0), "d": (-2.0, 2.0), "start": (-3.0, 3.0)}

    @property
    def others(self) -> tuple[str, ...]:
        """The names of the family's other numbers."""
        return tuple(sorted(self.ranges.keys() - {"c", "d", "start"}))

    def term(self, c: str, a: str) -> str:
        """One term of the right-hand side of the equation: what a coefficient does to an earlier term, both by their names."""
        return f"{c} {a}"

    def rest(self, last: str) -> str:
        """What stands in the equation after the terms with coefficients, from the name of the last term; empty if nothing does."""
        return ""

    def step(
        self,
        recent: Float[Tensor, "batch order dim"],
        *,
        c: Float[Tensor, "batch order"],
        d: Float[Tensor, "batch dim"],
        others: Others,
    ) -> Float[Tensor, "batch dim"]:
        """The exact next term after the last `order` terms."""
        raise NotImplementedError

    def require(self, task: Task, *, order: int) -> None:
        """Check that ranges suit the family.

        Raises:
            ValueError: they do not, in one sentence.
        """

    def growth(self, task: Task) -> float:
        """By which factor a term may be larger than the one before, without d. It is 1 or less if terms stay bounded."""
        return reach(task.c)

    def first(self, order: int, dim: int) -> int:
        """The first position at which the terms so far determine the next one. Earlier positions are not scored."""
        return 2 * order

    def draw(self, task: Task, c: Float[Tensor, "batch order"], *, dim: int, seed: int) -> Others:
        """The other numbers of recurrences with these coefficients, each with the batch first."""
        return {}

    def scaled(self, others: Others, factor: Float[Tensor, batch]) -> Others:
        """The other numbers of the recurrences whose terms and offset are multiplied by a factor."""
        return others

    def readable(self, task: Task, *, order: int, dim: int) -> SearchStrategy[Readable]:
        """A strategy for the other numbers of one recurrence. It shrinks to numbers that a person can read."""
        return st.just(())

    def read(self, readable: Readable, c: Float[Tensor, "one order"], *, dim: int) -> Others:
        """The other numbers of one recurrence from what `readable` draws, each with a batch of one first."""
        return {}

    def words(self, readable: Readable) -> str:
        """The other numbers of one recurrence in words; empty if there are none."""
        return ""
