"""Affine recurrences: every coordinate of a term is multiplied by the same coefficient. They are the notebook's."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from recint.families.family import Family, Others


class Affine(Family):
    """a_(j+1) = c a_j + d."""

    name = "affine"

    def step(
        self,
        recent: Float[Tensor, "batch order dim"],
        *,
        c: Float[Tensor, "batch order"],
        d: Float[Tensor, "batch dim"],
        others: Others,
    ) -> Float[Tensor, "batch dim"]:
        return d + (c[:, :, None] * recent).sum(1)
