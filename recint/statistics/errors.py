"""Errors of predictions."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from recint.judging.finite import finite


@finite
def prediction_errors(
    prediction: Float[Tensor, "recurrence position dim"],
    target: Float[Tensor, "recurrence position dim"],
    *,
    first: int,
) -> Float[Tensor, recurrence]:
    """MSE of each recurrence, over coordinates and the positions from `first` on.

    At earlier positions the terms so far do not determine the next one.
    """
    return (prediction - target)[:, first:].square().mean((1, 2))


def squared_length(vectors: Float[Tensor, "recurrence position dim"], *, first: int) -> Float[Tensor, recurrence]:
    """Squared length of the vectors, summed over positions from `first` on."""
    return vectors[:, first:].square().sum((1, 2))


def ratio(
    numerator: Float[Tensor, recurrence], denominator: Float[Tensor, recurrence]
) -> Float[Tensor, "recurrence row=2"]:
    """The values of a claim whose reduction is a ratio of means or an explained share."""
    return torch.stack([numerator, denominator], dim=-1)
