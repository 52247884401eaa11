"""Errors of predictions."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from recint.judging.finite import finite


@finite
def prediction_errors(
    prediction: Float[Tensor, "recurrence position dim"],
    target: Float[Tensor, "recurrence position dim"],
    *,
    order: int,
) -> Float[Tensor, recurrence]:
    """MSE of each recurrence, over coordinates and positions i >= 2k (k is the order).

    At earlier positions the terms so far do not determine the next one.
    """
    return (prediction - target)[:, 2 * order :].square().mean((1, 2))
