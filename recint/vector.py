"""Vectors that a person can read, as the first terms and offsets of single recurrences."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from recint.system.seeds import derive_seed
from recint.task import Range


def reach(bounds: Range) -> float:
    """The largest absolute value in a range."""
    return max(map(abs, bounds))


@dataclass(frozen=True)
class Vector:
    """A vector in R^m that a person can read.

    With a seed, its coordinates are drawn from U(-bound, bound). Without a seed, every coordinate is `fill`, with alternating
    signs if `alternate`, and then the (slot, value) pairs of `slots` replace single coordinates. Slots count modulo m.
    """

    slots: tuple[tuple[int, float], ...] = ()
    fill: float = 0.0
    alternate: bool = False
    seed: int | None = None

    def values(self, dim: int, *, bound: float) -> Float[Tensor, dim]:
        if self.seed is not None:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "vector"))
            return (2 * torch.rand(dim, generator=generator, dtype=torch.float64) - 1) * bound
        vector = torch.full((dim,), self.fill, dtype=torch.float64)
        if self.alternate:
            vector[1::2] *= -1
        for slot, value in self.slots:
            vector[slot % dim] = value
        return vector

    def words(self, within: Range | None = None) -> str:
        """The vector in words. With a range, the first four of random coordinates are given too, clipped to it."""
        if self.seed is not None:
            random = f"random coordinates (seed {self.seed})"
            if within is None:
                return random
            clipped = self.values(4, bound=reach(within)).clamp(*within) + 0.0  # so that no zero is negative
            first = ", ".join(f"{value:.3g}" for value in clipped.tolist())
            return f"({first}, ...), {random}"
        filled = f"{'+-' if self.alternate else ''}{self.fill:g} everywhere" if self.fill else "zero"
        slots = ", ".join(f"{value:g} at {slot}" for slot, value in self.slots)
        return f"{filled} but {slots}" if slots else filled
