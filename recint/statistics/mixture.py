"""A mixture of vectors whose coefficients are the same for all recurrences, and what each part of it explains beside the rest.

Within one recurrence of order 1 every term lies in the plane of any two, so that a fit to it alone cannot say which term is
there. The terms differ between recurrences, and one coefficient has to serve them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import einops
import torch
from jaxtyping import Float
from torch import Tensor

from recint.judging.finite import finite

DIGITS = 9  # of coefficients and offsets, after the point


@dataclass(frozen=True)
class Mixture:
    """coefficients @ parts + offset at each position, fitted by least squares over recurrences and coordinates; in float64.

    Attributes:
        coefficients: of each part, the same for all coordinates and recurrences.
        offset: of each coordinate, what the model says at this position whatever the recurrence.
    """

    coefficients: Float[Tensor, "position part"]
    offset: Float[Tensor, "position dim"]

    @staticmethod
    def fit(
        parts: Float[Tensor, "recurrence position part dim"],
        whole: Float[Tensor, "recurrence position dim"],
        *,
        scale: Float[Tensor, "recurrence position"],
    ) -> Mixture:
        """The mixture whose misses, each divided by its scale, have the smallest sum of squares.

        >>> part, beside = torch.randn(2, 50, 1, 1, 3)
        >>> parts = torch.cat([part, beside], dim=2)
        >>> Mixture.fit(parts, (2 * part + 5 * beside)[:, :, 0], scale=torch.ones(50, 1)).coefficients.round(decimals=6)
        tensor([[2., 5.]], dtype=torch.float64)
        """
        parts, whole, weight = parts.double(), whole.double(), 1 / scale.double().square()
        weight = weight / weight.sum(0)
        of_parts = einops.einsum(
            parts, weight, "recurrence position part dim, recurrence position -> position part dim"
        )
        of_whole = einops.einsum(whole, weight, "recurrence position dim, recurrence position -> position dim")
        root = weight.sqrt()
        x, y = (parts - of_parts) * root[..., None, None], (whole - of_whole) * root[..., None]
        coefficients = torch.linalg.lstsq(
            einops.rearrange(x, "recurrence position part dim -> position (recurrence dim) part"),
            einops.rearrange(y, "recurrence position dim -> position (recurrence dim) 1"),
        ).solution[..., 0]
        # Whatever threads add up in which order, the figures that follow are the same to the last digit.
        coefficients = coefficients.round(decimals=DIGITS)
        mixed = einops.einsum(coefficients, of_parts, "position part, position part dim -> position dim")
        return Mixture(coefficients, (of_whole - mixed).round(decimals=DIGITS))

    def left(
        self,
        parts: Float[Tensor, "recurrence position part dim"],
        whole: Float[Tensor, "recurrence position dim"],
        *,
        scale: Float[Tensor, "recurrence position"],
    ) -> Float[Tensor, "recurrence position"]:
        """Sum over coordinates of the squares of what it misses, divided by the scale; there may be fewer positions than it has."""
        positions = whole.shape[1]
        mixed = einops.einsum(
            self.coefficients[:positions],
            parts.double(),
            "position part, recurrence position part dim -> recurrence position dim",
        )
        missed = whole.double() - mixed - self.offset[:positions]
        return _relative(missed, scale)


@finite
def _relative(missed: Tensor, scale: Tensor) -> Tensor:
    return missed.square().sum(-1) / scale.double().square()
