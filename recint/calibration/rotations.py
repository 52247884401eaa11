"""Rotations of term vectors with a chosen cosine. All matrices act on row vectors."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import optimize, stats

from recint.calibration.roles import Array
from recint.system.seeds import derive_seed


def random_source(seed: int, *labels: object) -> np.random.Generator:
    """Random numbers for one part of a planted model, named by its labels."""
    return np.random.default_rng(derive_seed(seed, "planted", *labels))


def orthonormal(dim: int, *, rng: np.random.Generator) -> Float[NDArray, "dim dim"]:
    """Orthonormal rows. The first lies along the all-ones vector; the others are random."""
    start = rng.standard_normal((dim, dim))
    start[:, 0] = 1.0
    rows: Array = np.linalg.qr(start)[0].T
    return rows


def rotation(basis: Float[NDArray, "row dim"], cosine: float, *, rest: float) -> Float[NDArray, "dim dim"]:
    """Rotation by arccos(cosine) in the planes of rows 0 and 1, rows 2 and 3, and so on. A last odd row is scaled by `rest`.

    Every vector x in these planes keeps its length, and the cosine between x and x @ rotation is the given one.
    """
    even = len(basis) // 2 * 2
    planes, left = basis[:even], basis[even:]
    first, second = planes[0::2], planes[1::2]
    quarter: Array = first.T @ second - second.T @ first
    turned: Array = cosine * planes.T @ planes + (1 - cosine**2) ** 0.5 * quarter + rest * left.T @ left
    return turned


def rotation_cosine(target: float, *, dim: int, power: float) -> float:
    """The `cosine` of a `rotation` of R^dim for which the mean of |cosine(x, x @ rotation)|^power is |target|.

    The sign is that of `target`, and the rotation's `rest` must be the same cosine. In even dimensions the result is exactly
    target^(1/power). In odd dimensions a share 1 - b of the squared norm of x lies on the direction that does not turn. For
    isotropic vectors b ~ Beta((dim - 1)/2, 1/2), and the cosine of x is (1 + (1/cosine^2 - 1) b)^(-1/2).
    """
    size = abs(target)
    if dim % 2 == 0 or size in (0.0, 1.0):
        return float(np.sign(target) * size ** (1 / power))
    share = stats.beta.ppf((np.arange(400) + 0.5) / 400, (dim - 1) / 2, 0.5)

    def excess(square: float) -> float:
        return float(((square / (square + (1 - square) * share)) ** (power / 2)).mean()) - size

    return float(np.sign(target) * optimize.brentq(excess, 0.0, 1.0) ** 0.5)


def half_projections(basis: Float[NDArray, "dim dim"], *, n_heads: int) -> Float[NDArray, "head dim dim"]:
    """For each head, a weighted projection onto half of the planes of `rotation`. All of them add up to the identity."""
    planes = -(-len(basis) // 2)
    width = -(-planes // 2)
    starts = np.arange(n_heads) * planes // n_heads
    carried = ((np.arange(planes) - starts[:, None]) % planes < width).astype(np.float64)
    weights = np.repeat(carried / carried.sum(0), 2, axis=1)[:, : len(basis)]
    projections: Array = np.einsum("hi,ia,ib->hab", weights, basis, basis)
    return projections
