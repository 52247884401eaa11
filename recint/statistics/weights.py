"""Statistics of weight matrices, in float64, because products of weights lose digits quickly.

PyTorch decomposes the matrices, with as many threads as the forward passes have. numpy would use another library, which
may take all cores if something has loaded it before recint could limit its threads. Its threads would then wait in busy loops.
"""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

ORIENTATIONS = 8  # random rotations of every pair of heads, for the composition score of matched random heads
Composition = Literal["q", "k", "v"]


def _exact(matrix: NDArray) -> Tensor:
    return torch.as_tensor(np.ascontiguousarray(matrix, dtype=np.float64))


def _singular_values(matrix: Float[NDArray, "*batch d d"]) -> Float[NDArray, "*batch index"]:
    values: NDArray = torch.linalg.svdvals(_exact(matrix)).numpy()
    return values


def eigenvalue_score(matrix: Float[NDArray, "*batch d d"]) -> Float[NDArray, "*batch"]:
    """Re(sum of eigenvalues) / sum of |eigenvalues|, in [-1, 1]: 1 means copying, -1 negative copying.

    The score is that of Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits". The notebook uses it too.

    >>> eigenvalue_score(np.diag([-1.0, -2.0]))
    np.float64(-1.0)
    """
    eigenvalues = torch.linalg.eigvals(_exact(matrix)).numpy()
    return eigenvalues.sum(-1).real / np.abs(eigenvalues).sum(-1)


def held_energy(matrix: Float[NDArray, "*batch d d"]) -> Float[NDArray, "*batch index"]:
    """Share of the sum of squared singular values that belongs to the largest 1, 2, ... of them."""
    squares = _singular_values(matrix) ** 2
    return squares.cumsum(-1) / squares.sum(-1, keepdims=True)


def effective_rank(matrix: Float[NDArray, "*batch d d"], *, energy: float = 0.95) -> NDArray:
    """The smallest number of singular values whose squares are at least a share `energy` of the sum of all squares.

    >>> effective_rank(np.diag([3.0, 1.0, 0.1]))
    np.int64(2)
    """
    return (held_energy(matrix) < energy).sum(-1) + 1


def cut_to_rank(
    matrix: Float[NDArray, "*batch d d"], rank: int
) -> tuple[Float[NDArray, "*batch d rank"], Float[NDArray, "*batch rank d"]]:
    """Two factors whose product is, among all matrices of this rank, nearest to the matrix (Eckart and Young 1936).

    >>> np.round(np.matmul(*cut_to_rank(np.diag([3.0, 1.0]), 1)), 6)
    array([[3., 0.],
           [0., 0.]])
    """
    left, sizes, right = (part.numpy() for part in torch.linalg.svd(_exact(matrix), full_matrices=False))
    return left[..., :rank] * sizes[..., None, :rank], right[..., :rank, :]


def input_matrices(
    W_OV: Float[NDArray, "layer head d d"], W_QK: Float[NDArray, "layer head d d"], composition: Composition
) -> Float[NDArray, "layer head d d"]:
    """The matrix by which the later head reads: QK for Q-composition, its transpose for K-, OV for V-composition."""
    return {"q": W_QK, "k": np.swapaxes(W_QK, -1, -2), "v": W_OV}[composition]


def composition_scores(
    output: Float[NDArray, "layer head d d"], reader: Float[NDArray, "layer head d d"]
) -> Float[NDArray, "layer head layer head"]:
    """|O I| / (|O| |I|) in the Frobenius norm, for every head (O) and every head of a later layer (I); nan for all other pairs.

    The score is that of Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".

    Args:
        output: OV matrices.
        reader: from `input_matrices`.
    """
    layers, heads = output.shape[:2]
    scores = np.full((layers, heads, layers, heads), np.nan)
    for early, late in combinations(range(layers), 2):
        scores[early, :, late] = pair_scores(output[early], reader[late])
    return scores


def pair_scores(
    output: Float[NDArray, "head d d"], reader: Float[NDArray, "other d d"]
) -> Float[NDArray, "head other"]:
    """|O I| / (|O| |I|) in the Frobenius norm, for every head that writes (O) and every head that reads (I)."""
    writes, reads = _exact(output), _exact(reader)
    products = torch.linalg.matrix_norm(writes[:, None] @ reads[None, :])
    sizes = torch.linalg.matrix_norm(writes)[:, None] * torch.linalg.matrix_norm(reads)[None, :]
    scores: NDArray = (products / sizes).numpy()
    return scores


def composition_chance(
    output: Float[NDArray, "head d d"],
    reader: Float[NDArray, "other d d"],
    *,
    rng: np.random.Generator,
    draws: int = ORIENTATIONS,
) -> Float[NDArray, "head other"]:
    """The composition score of random heads with the same singular values; mean over `draws` rotations for every pair.

    The score of two heads depends on their singular values S_O and S_I and on the rotation Q between the directions that one
    writes and the other reads: it is |S_O Q S_I| / (|S_O| |S_I|). Here Q is uniform on the orthogonal group.
    """
    spectra_out, spectra_in = _singular_values(output) ** 2, _singular_values(reader) ** 2
    dimension = output.shape[-1]
    chance = np.zeros((len(output), len(reader)))
    for _ in range(draws):
        gaussian = rng.standard_normal((len(output), len(reader), dimension, dimension))
        rotation = torch.linalg.qr(
            torch.from_numpy(gaussian)
        ).Q.numpy()  # columns are uniform up to their sign, and only squares are used
        squared = np.einsum("oi,oria,ra->or", spectra_out, rotation**2, spectra_in)
        chance += np.sqrt(squared / np.outer(spectra_out.sum(-1), spectra_in.sum(-1)))
    return chance / draws
