"""Polynomials of degree 2, coordinate by coordinate. Only ranges in which every orbit stays bounded are allowed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import ClassVar

import torch
from hypothesis.strategies import SearchStrategy
from jaxtyping import Float
from torch import Tensor

from recint.families.family import Family, Others, Readable, tenths, uniform
from recint.task import Range, Task
from recint.vector import reach


class Polynomial(Family):
    """a_(j+1) = c a_j + q a_j^2 + d, where the square is taken of every coordinate.

    Let B be the largest absolute value of a coordinate of the first terms. A range is allowed if the equation maps [-B, B] into
    itself for all c, q and d of the ranges. Then no orbit leaves [-B, B], by induction.
    """

    name = "polynomial"
    ranges: ClassVar[Mapping[str, Range]] = {"c": (-0.1, 0.1), "d": (0.7, 0.9), "start": (-1.0, 1.0), "q": (-1.6, -1.2)}

    def rest(self, last: str) -> str:
        return f"q {last}^2"

    def require(self, task: Task, *, order: int) -> None:
        bound, older = reach(task.start), (order - 1) * reach(task.c)
        largest = max(abs(value) for value in _extremes(task.c, task.range_of("q"), task.d, bound)) + older * bound
        if largest > bound + 1e-9:
            raise ValueError(
                f"c={task.c!r}, q={task.range_of('q')!r} and d={task.d!r} take coordinates in [-{bound:g}, {bound:g}] up to "
                f"{largest:.3g}, so that orbits may grow without bound; choose ranges that keep them in, or larger first terms"
            )

    def growth(self, task: Task) -> float:
        """`require` keeps all orbits bounded."""
        return 1.0

    def first(self, order: int, dim: int) -> int:
        """In one dimension there is one equation for c, q and d at each position, so that one more is needed."""
        return 2 * order + (dim == 1)

    def step(
        self,
        recent: Float[Tensor, "batch order dim"],
        *,
        c: Float[Tensor, "batch order"],
        d: Float[Tensor, "batch dim"],
        others: Others,
    ) -> Float[Tensor, "batch dim"]:
        return d + (c[:, :, None] * recent).sum(1) + others["q"][:, None] * recent[:, -1].square()

    def draw(self, task: Task, c: Float[Tensor, "batch order"], *, dim: int, seed: int) -> Others:
        return {"q": uniform(task.range_of("q"), len(c), seed=seed)}

    def scaled(self, others: Others, factor: Float[Tensor, batch]) -> Others:
        return {"q": others["q"] / factor}

    def readable(self, task: Task, *, order: int, dim: int) -> SearchStrategy[Readable]:
        return tenths(task.range_of("q")).map(lambda q: (("q", q),))

    def read(self, readable: Readable, c: Float[Tensor, "one order"], *, dim: int) -> Others:
        return {"q": torch.tensor([dict(readable)["q"]], dtype=torch.float64)}

    def words(self, readable: Readable) -> str:
        return f"q = {dict(readable)['q']:g}"


def _extremes(c: Range, q: Range, d: Range, bound: float) -> list[float]:
    """Values among which are the smallest and the largest of d + c x + q x^2, for x in [-bound, bound].

    The polynomial is linear in c, q and d, so that corners of their ranges suffice. In x it is extreme at an end or at its vertex.
    """
    values = []
    for at_c, at_q, at_d in product(c, q, d):
        vertex = -at_c / (2 * at_q) if at_q else 0.0
        values += [at_d + at_c * x + at_q * x * x for x in (-bound, bound, *([vertex] if abs(vertex) <= bound else []))]
    return values
