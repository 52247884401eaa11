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


def simple_errors(
    inputs: Float[Tensor, "recurrence position dim"], target: Float[Tensor, "recurrence position dim"], *, first: int
) -> dict[str, Float[Tensor, recurrence]]:
    """MSE of simple predictors for each recurrence: those that repeat a term, or go on in a line. `first` is at least 1.

    >>> terms = torch.arange(5.0).expand(1, 1, 5).mT
    >>> {name: errors.item() for name, errors in simple_errors(terms[:, :-1], terms[:, 1:], first=2).items()}
    {'repeats the last term': 1.0, 'repeats the term before it': 4.0, 'goes on in a line': 0.0}
    """
    before = torch.cat([inputs[:, :1], inputs[:, :-1]], dim=1)
    guesses = {
        "repeats the last term": inputs,
        "repeats the term before it": before,
        "goes on in a line": 2 * inputs - before,
    }
    return {name: prediction_errors(guess, target, first=first) for name, guess in guesses.items()}


def squared_length(vectors: Float[Tensor, "recurrence position dim"], *, first: int) -> Float[Tensor, recurrence]:
    """Squared length of the vectors, summed over positions from `first` on."""
    return vectors[:, first:].square().sum((1, 2))


def ratio(
    numerator: Float[Tensor, recurrence], denominator: Float[Tensor, recurrence]
) -> Float[Tensor, "recurrence row=2"]:
    """The values of a claim whose reduction is a ratio of means or an explained share."""
    return torch.stack([numerator, denominator], dim=-1)
