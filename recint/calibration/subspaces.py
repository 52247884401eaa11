"""Orthogonal subspaces of the residual stream, one for each kind of content."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recint.calibration.roles import Array
from recint.calibration.rotations import orthonormal
from recint.checkpoint import ModelConfig


@dataclass(frozen=True)
class Subspaces:
    """Orthonormal directions of the residual stream, orthogonal to the all-ones vector; each of shape (direction, d_model)."""

    embedding: Array
    second: Array
    position: Array
    steering: Array
    idle: Array


def carve(config: ModelConfig, *, steering: int, idle: int, rng: np.random.Generator) -> Subspaces:
    """Random subspaces for a model of this shape.

    Args:
        steering, idle: numbers of directions.

    Raises:
        ValueError: d_model is too small.
    """
    sizes = (config.d_vocab, config.d_vocab, config.n_ctx, steering, idle)
    if (needed := 1 + sum(sizes)) > config.d_model:
        raise ValueError(
            f"d_model={config.d_model!r} must be at least {needed} to hold 2 * {config.d_vocab} directions for terms, "
            f"{config.n_ctx} for positions, {steering} that layer 1 writes, {idle} idle ones and the all-ones vector"
        )
    rows = orthonormal(config.d_model, rng=rng)[1:]
    return Subspaces(*np.split(rows[: sum(sizes)], np.cumsum(sizes)[:-1]))
