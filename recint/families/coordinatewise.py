"""One coefficient for each coordinate: those of a recurrence lie around its coefficient c."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from jaxtyping import Float
from torch import Tensor

from recint.families.family import Family, Others, Readable, tenths, uniform
from recint.task import Range, Task
from recint.vector import Vector, reach


class Coordinatewise(Family):
    """a_(j+1) = (c + s) * a_j + d, coordinate by coordinate. The vector s is the spread of the coefficients around c."""

    name = "coordinatewise"
    ranges: ClassVar[Mapping[str, Range]] = {**Family.ranges, "c": (-1.5, 1.5), "spread": (-0.5, 0.5)}

    def term(self, c: str, a: str) -> str:
        return f"({c} + s) * {a}"

    def growth(self, task: Task) -> float:
        return reach(task.c) + reach(task.range_of("spread"))

    def step(
        self,
        recent: Float[Tensor, "batch order dim"],
        *,
        c: Float[Tensor, "batch order"],
        d: Float[Tensor, "batch dim"],
        others: Others,
    ) -> Float[Tensor, "batch dim"]:
        return d + ((c[:, :, None] + others["spread"][:, None]) * recent).sum(1)

    def draw(self, task: Task, c: Float[Tensor, "batch order"], *, dim: int, seed: int) -> Others:
        return {"spread": uniform(task.range_of("spread"), len(c), dim, seed=seed)}

    def readable(self, task: Task, *, order: int, dim: int) -> SearchStrategy[Readable]:
        bounds = task.range_of("spread")
        value = tenths(bounds)
        slots = st.dictionaries(st.integers(0, dim - 1), value, max_size=3).map(lambda s: tuple(sorted(s.items())))
        seeded = [st.builds(Vector, seed=st.integers(0, 2**16))] if bounds[0] == -reach(bounds) else []
        return st.one_of(st.builds(Vector, slots=slots, fill=value), *seeded).map(
            lambda spread: (("spread", (spread, reach(bounds))),)
        )

    def read(self, readable: Readable, c: Float[Tensor, "one order"], *, dim: int) -> Others:
        spread, bound = dict(readable)["spread"]
        return {"spread": spread.values(dim, bound=bound)[None]}

    def words(self, readable: Readable) -> str:
        spread, bound = dict(readable)["spread"]
        return f"s = {spread.words((-bound, bound))}"
