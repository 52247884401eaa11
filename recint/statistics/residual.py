"""Directions in the residual stream."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from recint.judging.finite import finite, require_finite


@finite
def outside_embedding(
    written: Float[Tensor, "recurrence position d_model"], W_E: Float[Tensor, "dim d_model"]
) -> Float[Tensor, recurrence]:
    """Share of the norm of a vector that is orthogonal to the row space of W_E; mean over positions.

    `outside_embedding_by_chance` gives the value of a random direction.

    Raises:
        NotFinite: a vector is zero or too large for floats.
    """
    basis = torch.linalg.qr(W_E.T).Q
    inside = written @ basis @ basis.T
    norm = written.norm(dim=-1)
    require_finite(norm=norm)  # if it overflowed to inf, the share would be 0
    return ((written - inside).norm(dim=-1) / norm).mean(-1)


def outside_embedding_by_chance(W_E: Float[Tensor, "dim d_model"]) -> float:
    """About the value of `outside_embedding` for a random direction: sqrt(1 - dim / d_model), 0.829 for 40 of 128 dimensions."""
    dim, d_model = W_E.shape
    return float(max(0.0, 1 - dim / d_model) ** 0.5)
