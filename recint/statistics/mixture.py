"""A weighted sum of vectors (the parts) that is fitted to another vector, with the same coefficients for all recurrences.

A fit to a single recurrence of order 1 cannot say which terms a vector contains: all terms lie in one plane, so that any
two of them give the others. A fit to many recurrences can, because one coefficient has to fit them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import einops
import torch
from jaxtyping import Float
from torch import Tensor

from recint.judging.finite import finite

DIGITS = 9  # coefficients and offsets are rounded to this many digits after the point


@dataclass(frozen=True)
class Mixture:
    """coefficients @ parts + offset, fitted at each position by least squares over recurrences and coordinates; in float64.

    Attributes:
        coefficients: one for each part, the same for all coordinates and recurrences.
        offset: a vector for each position, the same for all recurrences.
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
        """The mixture with the smallest sum of squared residuals, after each residual is divided by its scale.

        Args:
            parts: the vectors that are mixed.
            whole: the vector that the mixture approximates.
            scale: the typical size of a residual, for each recurrence and position.

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
        # Sums depend on the number of threads in their last digits. Rounding makes all later results the same.
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
        """Sum of squared residuals over coordinates, each divided by the scale.

        The sequences may be shorter than those of the fit.

        Raises:
            NotFinite: a result is infinite or nan.
        """
        positions = whole.shape[1]
        mixed = einops.einsum(
            self.coefficients[:positions],
            parts.double(),
            "position part, recurrence position part dim -> recurrence position dim",
        )
        residual = whole.double() - mixed - self.offset[:positions]
        return _relative(residual, scale)


@finite
def _relative(residual: Tensor, scale: Tensor) -> Tensor:
    return residual.square().sum(-1) / scale.double().square()
