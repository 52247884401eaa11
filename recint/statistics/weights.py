"""Statistics of weight matrices alone, in float64: products of weights lose digits quickly.

PyTorch decomposes the matrices, on as many threads as the model's passes have. numpy's library would take all cores where something
else has loaded it before recint could ask it for one: its threads then wait in busy loops for cores that others have.
"""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

ORIENTATIONS = 8  # of every pair of heads, behind the level of matched random heads
Composition = Literal["q", "k", "v"]


def _exact(matrix: NDArray) -> Tensor:
    return torch.as_tensor(np.ascontiguousarray(matrix, dtype=np.float64))


def _singular_values(matrix: Float[NDArray, "*batch d d"]) -> Float[NDArray, "*batch index"]:
    found: NDArray = torch.linalg.svdvals(_exact(matrix)).numpy()
    return found


def eigenvalue_score(matrix: Float[NDArray, "*batch d d"]) -> Float[NDArray, "*batch"]:
    """Re(sum of eigenvalues) / sum of |eigenvalues|, in [-1, 1]: 1 copies, -1 copies negatively (the notebook's score).

    >>> eigenvalue_score(np.diag([-1.0, -2.0]))
    np.float64(-1.0)
    """
    eigenvalues = torch.linalg.eigvals(_exact(matrix)).numpy()
    return eigenvalues.sum(-1).real / np.abs(eigenvalues).sum(-1)


def held_energy(matrix: Float[NDArray, "*batch d d"]) -> Float[NDArray, "*batch index"]:
    """Share of the sum of squared singular values that the first 1, 2, ... of them hold."""
    squares = _singular_values(matrix) ** 2
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
    left, sizes, right = (part.numpy() for part in torch.linalg.svd(_exact(matrix), full_matrices=False))
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
    writes, reads = _exact(output), _exact(reader)
    products = torch.linalg.matrix_norm(writes[:, None] @ reads[None, :])
    sizes = torch.linalg.matrix_norm(writes)[:, None] * torch.linalg.matrix_norm(reads)[None, :]
    found: NDArray = (products / sizes).numpy()
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
    spectra_out, spectra_in = _singular_values(output) ** 2, _singular_values(reader) ** 2
    dimension = output.shape[-1]
    chance = np.zeros((len(output), len(reader)))
    for _ in range(draws):
        gaussian = rng.standard_normal((len(output), len(reader), dimension, dimension))
        rotation = torch.linalg.qr(
            torch.from_numpy(gaussian)
        ).Q.numpy()  # columns are uniform up to sign, which squares away
        squared = np.einsum("oi,oria,ra->or", spectra_out, rotation**2, spectra_in)
        chance += np.sqrt(squared / np.outer(spectra_out.sum(-1), spectra_in.sum(-1)))
    return chance / draws
