"""Least-squares fits of one vector by others: by one (a line), by one beside another, and by several."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from recint.judging.finite import finite, require_finite


@finite
def line_fit(
    x: Float[Tensor, "*batch dim"], y: Float[Tensor, "*batch dim"]
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    """R^2 and slope of the least-squares line that predicts the coordinates of y from those of x.

    >>> r2, slope = line_fit(torch.tensor([0., 1., 2.]), torch.tensor([1., 3., 5.]))
    >>> r2, slope
    (tensor(1.), tensor(2.))

    Raises:
        NotFinite: a variance is too large for floats.
    """
    x, y = x - x.mean(-1, keepdim=True), y - y.mean(-1, keepdim=True)
    covariance, variance_x, variance_y = (x * y).sum(-1), x.square().sum(-1), y.square().sum(-1)
    both = variance_x * variance_y
    require_finite(variance=both)  # if it overflowed to inf, R^2 would be 0 for any line
    return covariance**2 / both, covariance / variance_x


@finite
def signed_line_r2(x: Float[Tensor, "*batch dim"], y: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch"]:
    """R^2 of `line_fit`, with a minus sign where the slope is not positive, so that y = -x scores -1."""
    r2, slope = line_fit(x, y)
    return r2.where(slope > 0, -r2)


def partial_fit(
    part: Float[Tensor, "*batch dim"], *, beside: Float[Tensor, "*batch dim"], whole: Float[Tensor, "*batch dim"]
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    """What `part` explains of the coordinates of `whole` in addition to `beside` and a constant; in float64.

    The partial R^2 is the first returned value divided by the second. A multiple of `beside` explains nothing in addition. The
    formula is that of Frisch and Waugh 1933: regress what `beside` leaves of `whole` on what it leaves of `part`.

    Returns:
        The sum of squares that `part` explains in addition; the sum of squares that `beside` and the constant leave
        unexplained; and the coefficient of `part` in the fit of all three.

    >>> part, beside = torch.tensor([0., 1., 0., 1.]), torch.tensor([0., 0., 1., 1.])
    >>> partial_fit(part, beside=beside, whole=2 * part + 5 * beside)
    (tensor(4., dtype=torch.float64), tensor(4., dtype=torch.float64), tensor(2., dtype=torch.float64))
    """
    part, beside, whole = (each.double() - each.double().mean(-1, keepdim=True) for each in (part, beside, whole))

    def without_beside(values: Tensor) -> Tensor:
        energy = beside.square().sum(-1, keepdim=True)
        along = (values * beside).sum(-1, keepdim=True) / energy.where(energy > 0, 1.0)
        return values - along * beside

    alone, left = without_beside(part), without_beside(whole)
    energy, covariance = alone.square().sum(-1), (alone * left).sum(-1)
    # If `part` is a multiple of `beside`, only rounding errors of float32 are left of it.
    there = energy > 1e-12 * part.square().sum(-1)
    coefficient = torch.where(there, covariance / energy.where(there, 1.0), 0.0)
    return coefficient * covariance, left.square().sum(-1), coefficient


_APART = 0.03  # share of the largest spread, below which the coefficients of `mix_fit` ignore a direction


@finite
def mix_fit(
    parts: Float[Tensor, "*batch observation part"], whole: Float[Tensor, "*batch observation"]
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch part"]]:
    """R^2 and coefficients of the least-squares fit of `whole` by the parts and a constant; in float64.

    Parts can be nearly multiples of each other, for example the terms of a recurrence that converges or explodes. This does not
    change R^2, but single coefficients would then be noise. So the coefficients use only the directions in which the parts spread
    by more than 3 % of their largest spread; among all coefficients that fit there, they are the smallest. R^2 is 0 where
    `whole` does not vary.

    >>> x = torch.tensor([[0., 1.], [1., 0.], [1., 1.]])
    >>> mix_fit(x, 2 * x[:, 0] + 3 * x[:, 1] + 1)[1]
    tensor([2.0000, 3.0000], dtype=torch.float64)
    """
    parts = parts.double() - parts.double().mean(-2, keepdim=True)
    whole = whole.double() - whole.double().mean(-1, keepdim=True)
    fit, coefficients = (torch.linalg.pinv(parts, rtol=rtol) @ whole[..., None] for rtol in (1e-6, _APART))
    left = (whole - (parts @ fit)[..., 0]).square().sum(-1)
    total = whole.square().sum(-1)
    return torch.where(total > 0, 1 - left / total.where(total > 0, 1.0), 0.0), coefficients[..., 0]
