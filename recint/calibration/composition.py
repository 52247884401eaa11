"""The composition score that random heads get on average, computed from singular values alone."""

from __future__ import annotations

import numpy as np

from recint.calibration.roles import Array


def squared_singular_values(matrix: Array) -> Array:
    squares: Array = np.square(np.linalg.svd(matrix, compute_uv=False))
    return squares


def expected_composition(first: Array, second: Array, d_model: int) -> float:
    """Mean composition score of random heads with these squared singular values, to second order in the spread of the score.

    The squared score has mean 1 / d_model. Its relative variance follows from the second moments of the orthogonal group.
    """
    one, two = (squares.sum() ** 2 / np.square(squares).sum() for squares in (first, second))
    spread = 2 * (d_model - one) * (d_model - two) / (one * two * (d_model - 1) * (d_model + 2))
    return float(d_model**-0.5 * (1 - spread / 8))
