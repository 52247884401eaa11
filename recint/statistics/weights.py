"""Statistics of weight matrices alone, in float64: products of weights lose digits quickly."""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

ORIENTATIONS = 8  # of every pair of heads, behind the level of matched random heads
Composition = Literal["q", "k", "v"]


def eigenvalue_score(matrix: Float[NDArray, "*batch d d"]) -> Float[NDArray, "*batch"]:
    """Re(sum of eigenvalues) / sum of |eigenvalues|, in [-1, 1]: 1 copies, -1 copies negatively (the notebook's score).

    >>> eigenvalue_score(np.diag([-1.0, -2.0]))
    np.float64(-1.0)
    """
    eigenvalues = np.linalg.eigvals(np.asarray(matrix, dtype=np.float64))
    return eigenvalues.sum(-1).real / np.abs(eigenvalues).sum(-1)


def held_energy(matrix: Float[NDArray, "*batch d d"]) -> Float[NDArray, "*batch index"]:
    """Share of the sum of squared singular values that the first 1, 2, ... of them hold."""
    squares = np.linalg.svd(np.asarray(matrix, dtype=np.float64), compute_uv=False) ** 2
    return squares.cumsum(-1) / squares.sum(-1, keepdims=True)


def effective_rank(matrix: Float[NDArray, "*batch d d"], *, energy: float = 0.95) -> NDArray:
    """The fewest singular values whose squares hold `energy` of the sum of squares.

    >>> effective_rank(np.diag([3.0, 1.0, 0.1]))
    np.int64(2)
    """
    return (held_energy(matrix) < energy).sum(-1) + 1


def cut_to_rank(
    matrix: Float[NDArray, "*batch d d"], rank: int
) -> tuple[Float[NDArray, "*batch d rank"], Float[NDArray, "*batch rank d"]]:
    """Two factors whose product is nearest to the matrix among those of so low a rank (Eckart and Young 1936).

    >>> np.round(np.matmul(*cut_to_rank(np.diag([3.0, 1.0]), 1)), 6)
    array([[3., 0.],
           [0., 0.]])
    """
    left, sizes, right = np.linalg.svd(np.asarray(matrix, dtype=np.float64))
    return left[..., :rank] * sizes[..., None, :rank], right[..., :rank, :]


def input_matrices(
    W_OV: Float[NDArray, "layer head d d"], W_QK: Float[NDArray, "layer head d d"], composition: Composition
) -> Float[NDArray, "layer head d d"]:
    """What the later head reads with: QK for Q-, its transpose for K-, OV for V-composition."""
    return {"q": W_QK, "k": np.swapaxes(W_QK, -1, -2), "v": W_OV}[composition]


def composition_scores(
    output: Float[NDArray, "layer head d d"], reader: Float[NDArray, "layer head d d"]
) -> Float[NDArray, "layer head layer head"]:
    """|O I| / (|O| |I|) in the Frobenius norm for every earlier and later head; NaN where no composition is possible."""
    layers, heads = output.shape[:2]
    scores = np.full((layers, heads, layers, heads), np.nan)
    for early, late in combinations(range(layers), 2):
        scores[early, :, late] = pair_scores(output[early], reader[late])
    return scores


def pair_scores(
    output: Float[NDArray, "head d d"], reader: Float[NDArray, "other d d"]
) -> Float[NDArray, "head other"]:
    """|O I| / (|O| |I|) in the Frobenius norm for every head that writes and every one that reads."""
    output, reader = output.astype(np.float64), reader.astype(np.float64)
    size_out, size_in = np.linalg.norm(output, axis=(-2, -1)), np.linalg.norm(reader, axis=(-2, -1))
    products = np.linalg.norm(output[:, None] @ reader[None, :], axis=(-2, -1))
    found: NDArray = products / (size_out[:, None] * size_in[None, :])
    return found


def composition_chance(
    output: Float[NDArray, "head d d"],
    reader: Float[NDArray, "other d d"],
    *,
    rng: np.random.Generator,
    draws: int = ORIENTATIONS,
) -> Float[NDArray, "head other"]:
    """The score of matched random heads: the same singular values, random orientation; mean over `draws` for every pair.

    Only the rotation Q between the output's writing and the reader's reading directions matters:
    |S_O Q S_I| / (|S_O| |S_I|) with Q uniform on the orthogonal group.
    """
    spectra_out, spectra_in = (
        np.linalg.svd(np.asarray(matrices, dtype=np.float64), compute_uv=False) ** 2 for matrices in (output, reader)
    )
    dimension = output.shape[-1]
    chance = np.zeros((len(output), len(reader)))
    for _ in range(draws):
        gaussian = rng.standard_normal((len(output), len(reader), dimension, dimension))
        rotation, _ = np.linalg.qr(gaussian)  # columns are uniform up to sign, which squares away
        squared = np.einsum("oi,oria,ra->or", spectra_out, rotation**2, spectra_in)
        chance += np.sqrt(squared / np.outer(spectra_out.sum(-1), spectra_in.sum(-1)))
    return chance / draws
