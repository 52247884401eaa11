"""Linear dynamical systems: a random matrix whose spectral radius is c.

The matrix is Q T Q^T. Q is a random rotation, and T is triangular: its diagonal has the eigenvalues, which are real. One of them is
c or -c, and the others lie between -c and c. Above its diagonal T has small random numbers, so that eigenvectors are not at right
angles. As many terms as coordinates have to be known before they determine the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from jaxtyping import Float
from torch import Tensor

from recint.families.family import Family, Others, Readable, uniform
from recint.system.seeds import derive_seed
from recint.task import Range, Task
from recint.transformations import rotations
from recint.vector import reach

_SEEDS = st.integers(0, 2**16)


class Matrix(Family):
    """a_(j+1) = c M a_j + d, where M is a matrix of spectral radius 1."""

    name = "matrix"
    ranges: ClassVar[Mapping[str, Range]] = {**Family.ranges, "c": (0.5, 1.0), "off": (0.0, 0.3)}

    def term(self, c: str, a: str) -> str:
        return f"{c} M {a}"

    def require(self, task: Task, *, order: int) -> None:
        if task.c[0] < 0:
            raise ValueError(f"c={task.c!r} must not be negative: it is the spectral radius of the matrix")

    def growth(self, task: Task) -> float:
        """M has spectral radius 1. What is above the diagonal adds less than 2 off to its norm."""
        return reach(task.c) * (1 + 2 * reach(task.range_of("off")))

    def first(self, order: int, dim: int) -> int:
        return order + dim * order

    def step(
        self,
        recent: Float[Tensor, "batch order dim"],
        *,
        c: Float[Tensor, "batch order"],
        d: Float[Tensor, "batch dim"],
        others: Others,
    ) -> Float[Tensor, "batch dim"]:
        return d + torch.einsum("bo,boxy,boy->bx", c, others["matrix"], recent)

    def draw(self, task: Task, c: Float[Tensor, "batch order"], *, dim: int, seed: int) -> Others:
        off = uniform(task.range_of("off"), len(c), seed=derive_seed(seed, "off"))
        return {"matrix": matrices(off, order=c.shape[1], dim=dim, seed=seed)}

    def readable(self, task: Task, *, order: int, dim: int) -> SearchStrategy[Readable]:
        low, high = task.range_of("off")
        return st.tuples(_SEEDS, st.sampled_from(sorted({low, high}))).map(
            lambda drawn: (("matrix", drawn[0]), ("off", drawn[1]))
        )

    def read(self, readable: Readable, c: Float[Tensor, "one order"], *, dim: int) -> Others:
        made = dict(readable)
        off = torch.tensor([made["off"]], dtype=torch.float64)
        return {"matrix": matrices(off, order=c.shape[1], dim=dim, seed=made["matrix"])}

    def words(self, readable: Readable) -> str:
        made = dict(readable)
        return f"M the random matrix of seed {made['matrix']} with {made['off']:g} above the diagonal"


def matrices(off: Float[Tensor, batch], *, order: int, dim: int, seed: int) -> Float[Tensor, "batch order dim dim"]:
    """Random matrices of spectral radius 1.

    Args:
        off: the standard deviation of the numbers above the diagonal, times the square root of the dimension.
    """
    count = len(off) * order
    values = uniform((-1.0, 1.0), count, dim, seed=derive_seed(seed, "eigenvalues"))
    values[:, 0] = values[:, 0].sign() + (values[:, 0] == 0)
    generator = torch.Generator().manual_seed(derive_seed(seed, "above the diagonal"))
    above = torch.randn(count, dim, dim, generator=generator, dtype=torch.float64).triu(1) / dim**0.5
    triangular = torch.diag_embed(values) + above * off.double().repeat_interleave(order)[:, None, None]
    turn = rotations(count, dim, seed=seed)
    return (turn @ triangular @ turn.mT).reshape(len(off), order, dim, dim)
