"""Does a map of vectors keep a vector on its own line? Is a vector a mix of others?"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from recint.judging.finite import finite, require_finite


@finite
def line_fit(
    x: Float[Tensor, "*batch dim"], y: Float[Tensor, "*batch dim"]
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    """R^2 and slope of the least-squares line of the coordinates of y on those of x.

    >>> r2, slope = line_fit(torch.tensor([0., 1., 2.]), torch.tensor([1., 3., 5.]))
    >>> r2, slope
    (tensor(1.), tensor(2.))
    """
    x, y = x - x.mean(-1, keepdim=True), y - y.mean(-1, keepdim=True)
    covariance, variance_x, variance_y = (x * y).sum(-1), x.square().sum(-1), y.square().sum(-1)
    both = variance_x * variance_y
    require_finite(variance=both)  # beyond the range of floats, it would make any line explain nothing
    return covariance**2 / both, covariance / variance_x


@finite
def signed_line_r2(x: Float[Tensor, "*batch dim"], y: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch"]:
    """R^2 of `line_fit`, counted negative where the slope is not positive: y = -x lies on the line but on the wrong side."""
    r2, slope = line_fit(x, y)
    return r2.where(slope > 0, -r2)


def partial_fit(
    part: Float[Tensor, "*batch dim"], *, beside: Float[Tensor, "*batch dim"], whole: Float[Tensor, "*batch dim"]
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    """What `part` explains of the coordinates of `whole` beside another part and a constant; in float64.

    Returns the sum of squares that it explains, the one that the other part leaves to be explained, and its coefficient: the
    first over the second is the partial R^2. Of two parts that are multiples of each other the second explains nothing more.

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
    # What is left of a multiple is the rounding of float32.
    there = energy > 1e-12 * part.square().sum(-1)
    coefficient = torch.where(there, covariance / energy.where(there, 1.0), 0.0)
    return coefficient * covariance, left.square().sum(-1), coefficient


_APART = 0.03


@finite
def mix_fit(
    parts: Float[Tensor, "*batch observation part"], whole: Float[Tensor, "*batch observation"]
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch part"]]:
    """R^2 of the least-squares fit of `whole` on the parts and a constant, and coefficients; in float64.

    Parts that are nearly multiples of each other (the terms of a recurrence that has settled, or that explodes) explain as much
    as they do, but which of them does is noise: coefficients are the smallest that fit what lies along directions in which the
    parts spread by more than 3 % of their largest spread. Where `whole` does not vary there is nothing to explain: R^2 is 0.

    >>> x = torch.tensor([[0., 1.], [1., 0.], [1., 1.]])
    >>> mix_fit(x, 2 * x[:, 0] + 3 * x[:, 1] + 1)[1]
    tensor([2.0000, 3.0000], dtype=torch.float64)
    """
    parts = parts.double() - parts.double().mean(-2, keepdim=True)
    whole = whole.double() - whole.double().mean(-1, keepdim=True)
    fit, told_apart = (torch.linalg.pinv(parts, rtol=rtol) @ whole[..., None] for rtol in (1e-6, _APART))
    left = (whole - (parts @ fit)[..., 0]).square().sum(-1)
    total = whole.square().sum(-1)
    return torch.where(total > 0, 1 - left / total.where(total > 0, 1.0), 0.0), told_apart[..., 0]
