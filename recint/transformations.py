"""Transformations of the space in which a recurrence lives. Each is a frozen dataclass whose repr is runnable code.

Swaps, signs, permutations and rotations turn a recurrence into another one with the same norms and angles. Scales and shifts do
not. All of them turn an affine recurrence into an affine recurrence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from recint.system.seeds import derive_seed


class Transformation(Protocol):
    """A transformation of vectors."""

    def apply(self, vectors: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """The transformed vectors."""

    def words(self) -> str:
        """The transformation in a few words."""


@dataclass(frozen=True)
class Swap:
    """Two coordinates change places. Coordinates count modulo the dimension.

    >>> Swap(0, 1).apply(torch.tensor([1.0, 2.0, 3.0])).tolist()
    [2.0, 1.0, 3.0]
    """

    first: int = 0
    second: int = 1

    def apply(self, vectors: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        dim = vectors.shape[-1]
        order = list(range(dim))
        one, other = self.first % dim, self.second % dim
        order[one], order[other] = other, one
        return vectors[..., order]

    def words(self) -> str:
        return f"a swap of coordinates {self.first} and {self.second}"


@dataclass(frozen=True)
class Flip:
    """One coordinate changes its sign.

    >>> Flip(2).apply(torch.tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 2.0, -3.0]
    """

    coordinate: int = 0

    def apply(self, vectors: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        turned = vectors.clone()
        turned[..., self.coordinate % vectors.shape[-1]] *= -1
        return turned

    def words(self) -> str:
        return f"coordinate {self.coordinate} with the opposite sign"


@dataclass(frozen=True)
class Permutation:
    """A random permutation of all coordinates."""

    seed: int = 0

    def apply(self, vectors: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "permutation"))
        return vectors[..., torch.randperm(vectors.shape[-1], generator=generator)]

    def words(self) -> str:
        return f"a random permutation of the coordinates (seed {self.seed})"


@dataclass(frozen=True)
class Rotation:
    """A random rotation or reflection, uniform over all of them (Stewart 1980: QR of a Gaussian matrix, with signs corrected)."""

    seed: int = 0

    def apply(self, vectors: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        return vectors @ rotations(1, vectors.shape[-1], seed=self.seed)[0].to(vectors)

    def words(self) -> str:
        return f"a random rotation (seed {self.seed})"


@dataclass(frozen=True)
class Scale:
    """All coordinates are multiplied by one factor."""

    factor: float

    def apply(self, vectors: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        return self.factor * vectors

    def words(self) -> str:
        return f"a scale of {self.factor:g}"


@dataclass(frozen=True)
class Shift:
    """A vector in a random direction is added."""

    norm: float
    seed: int = 0

    def apply(self, vectors: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "shift"))
        direction = torch.randn(vectors.shape[-1], generator=generator, dtype=torch.float64)
        return vectors + (self.norm * direction / direction.norm()).to(vectors)

    def words(self) -> str:
        return f"a shift by {self.norm:g} in a random direction (seed {self.seed})"


def rotations(count: int, dim: int, *, seed: int) -> Float[Tensor, "count dim dim"]:
    """Random orthogonal matrices, uniform over all of them."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "rotations"))
    q, r = torch.linalg.qr(torch.randn(count, dim, dim, generator=generator, dtype=torch.float64))
    matrices: Tensor = q * r.diagonal(dim1=-2, dim2=-1).sign()[:, None]
    return matrices
