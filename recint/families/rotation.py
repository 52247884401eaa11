"""A rotation by one angle, times a scale: linear dynamical systems of few numbers.

The coordinates are taken in pairs, and every pair is turned by the same angle. So a recurrence is affine over the complex numbers,
with the coefficient c e^(i angle). A last coordinate without a partner is not turned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from hypothesis.strategies import SearchStrategy
from jaxtyping import Float
from torch import Tensor

from recint.families.family import Family, Others, Readable, tenths, uniform
from recint.task import Range, Task


class Rotation(Family):
    """a_(j+1) = c R a_j + d, where R turns every pair of coordinates by one angle."""

    name = "rotation"
    ranges: ClassVar[Mapping[str, Range]] = {**Family.ranges, "c": (0.5, 1.2), "angle": (-3.1, 3.1)}

    def term(self, c: str, a: str) -> str:
        return f"{c} R {a}"

    def require(self, task: Task, *, order: int) -> None:
        if task.c[0] < 0:
            raise ValueError(f"c={task.c!r} must not be negative in a rotation: its angle turns vectors round")

    def step(
        self,
        recent: Float[Tensor, "batch order dim"],
        *,
        c: Float[Tensor, "batch order"],
        d: Float[Tensor, "batch dim"],
        others: Others,
    ) -> Float[Tensor, "batch dim"]:
        return d + _turned((c[:, :, None] * recent).sum(1), others["angle"])

    def draw(self, task: Task, c: Float[Tensor, "batch order"], *, dim: int, seed: int) -> Others:
        return {"angle": uniform(task.range_of("angle"), len(c), seed=seed)}

    def readable(self, task: Task, *, order: int, dim: int) -> SearchStrategy[Readable]:
        return tenths(task.range_of("angle")).map(lambda angle: (("angle", angle),))

    def read(self, readable: Readable, c: Float[Tensor, "one order"], *, dim: int) -> Others:
        return {"angle": torch.tensor([dict(readable)["angle"]], dtype=torch.float64)}

    def words(self, readable: Readable) -> str:
        angle = dict(readable)["angle"]
        return f"R a rotation by {angle:g} ({math.degrees(angle):.0f} degrees) in every pair of coordinates"


def _turned(vectors: Float[Tensor, "batch dim"], angle: Float[Tensor, batch]) -> Float[Tensor, "batch dim"]:
    turned = vectors.clone()
    even = vectors.shape[-1] // 2 * 2
    one, other = vectors[:, 0:even:2], vectors[:, 1:even:2]
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    turned[:, 0:even:2], turned[:, 1:even:2] = cos * one - sin * other, sin * one + cos * other
    return turned
