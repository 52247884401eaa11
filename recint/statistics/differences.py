"""Differences of terms, D_j = a_j - a_(j-1), and which c they imply."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def implied_c(
    prediction: Float[Tensor, "recurrence dim"],
    last: Float[Tensor, "recurrence dim"],
    before: Float[Tensor, "recurrence dim"],
) -> Float[Tensor, recurrence]:
    """The c by which a prediction follows the rule best: <f - a_i, D_i> / |D_i|^2, where D_i = a_i - a_(i-1)."""
    step = (last - before).double()
    return ((prediction - last).double() * step).sum(-1) / step.square().sum(-1)


def least_squares_c(terms: Float[Tensor, "recurrence length dim"]) -> Float[Tensor, recurrence]:
    """The c that fits all pairs of successive differences best: sum_j <D_(j+1), D_j> / sum_j |D_j|^2."""
    steps = terms.double().diff(dim=1)
    return (steps[:, 1:] * steps[:, :-1]).sum((1, 2)) / steps[:, :-1].square().sum((1, 2))
