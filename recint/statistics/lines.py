"""Does a map of vectors keep a vector on its own line?"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


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
    return covariance**2 / (variance_x * variance_y), covariance / variance_x


def signed_line_r2(x: Float[Tensor, "*batch dim"], y: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch"]:
    """R^2 of `line_fit`, counted negative where the slope is not positive: y = -x lies on the line but on the wrong side."""
    r2, slope = line_fit(x, y)
    return r2.where(slope > 0, -r2)
