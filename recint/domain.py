"""Where a claim is made and where it is tried: conditions, single recurrences, and vectors that are no recurrence.

Each of them is a frozen dataclass whose repr is runnable code, so that a counterexample can be copied, and each draws
its own batch: `at.sample(config)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from recint.checkpoint import ModelConfig
from recint.recurrence import REFERENCE, Range, Recurrences, build, derive_seed

SEARCH_BATCH = 128  # recurrences at each condition of a search


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The part of the reference distribution that a claim speaks of.

    Attributes:
        c: range of the coefficients, searched on a grid of tenths.
        length: shortest and longest sequence.
        uniform_vectors: vectors ~ U(0, 1)^m are tried beside the terms of recurrences.
    """

    c: Range = (-2.0, 2.0)
    length: tuple[int, int] = (5, 14)
    uniform_vectors: bool = False

    def __post_init__(self) -> None:
        for name in ("c", "length"):
            low, high = getattr(self, name)
            if not low <= high:
                raise ValueError(f"{name}={(low, high)!r} is empty: the lower bound must not exceed the upper one")

    def reference(self, *, batch: int, seed: int) -> Condition:
        """The reference distribution, its coefficients restricted to this domain: where estimates are made."""
        return Condition(c=self.c, length=min(self.length[1], REFERENCE.length), seed=seed, batch=batch)


class Place(Protocol):
    """Where a claim is tried; `batch` and `seed` of a fresh trial are set with `again`."""

    def sample(self, config: ModelConfig) -> Recurrences: ...

    def again(self, *, batch: int, seed: int) -> Place: ...

    def equation(self) -> str: ...

    def brief(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A batch of recurrences with the coefficients fixed (or within a range), all else as in the reference distribution."""

    c: float | Range
    length: int = REFERENCE.length
    seed: int = 0
    batch: int = SEARCH_BATCH

    def sample(self, config: ModelConfig) -> Recurrences:
        c = self.c if isinstance(self.c, tuple) else (self.c, self.c)
        distribution = replace(REFERENCE, c=c, length=self.length, dim=config.d_vocab, order=config.order)
        return distribution.sample(self.batch, seed=derive_seed(self.seed, c, self.length))

    def vectors(self, config: ModelConfig) -> Float[Tensor, "recurrence vector dim"]:
        """The terms, which a claim about a map of vectors is about."""
        return self.sample(config).terms

    def again(self, *, batch: int, seed: int) -> Condition:
        return replace(self, batch=batch, seed=seed)

    def equation(self) -> str:
        return f"a_(j+1) = c a_j + d with {self.brief()}, d ~ U(-2, 2)^m, a_0 ~ U(-3, 3)^m, then scaled"

    def brief(self) -> str:
        c = f"c ~ U{self.c}" if isinstance(self.c, tuple) else f"c = {self.c:g}"
        return f"{c}, {self.length} terms"


@dataclass(frozen=True)
class DrawnRecurrence:
    """One recurrence of a batch, by its number: the estimate may meet one that defeats the model, too."""

    batch: Condition
    number: int

    def sample(self, config: ModelConfig) -> Recurrences:
        drawn = self.batch.sample(config)
        only = slice(self.number, self.number + 1)
        return Recurrences(drawn.terms[only], drawn.coefficients[only], drawn.offset[only])

    def again(self, *, batch: int, seed: int) -> DrawnRecurrence:
        return self  # one recurrence has nothing left to draw

    def equation(self) -> str:
        return f"recurrence {self.number} of those drawn with {self.batch.brief()} and seed {self.batch.seed}"

    def brief(self) -> str:
        return f"drawn recurrence {self.number}, {self.batch.brief()}"


@dataclass(frozen=True, kw_only=True)
class UniformVectors:
    """Vectors ~ U(0, 1)^m, one a 'recurrence': no recurrence at all, but what the notebook tried maps on."""

    seed: int = 0
    batch: int = SEARCH_BATCH

    def sample(self, config: ModelConfig) -> Recurrences:
        raise TypeError("uniform vectors are not recurrences; use vectors()")

    def vectors(self, config: ModelConfig) -> Float[Tensor, "recurrence vector dim"]:
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "uniform vectors"))
        return torch.rand(self.batch, 1, config.d_vocab, generator=generator)

    def again(self, *, batch: int, seed: int) -> UniformVectors:
        return replace(self, batch=batch, seed=seed)

    def equation(self) -> str:
        return self.brief()

    def brief(self) -> str:
        return "x ~ U(0, 1)^m"


@dataclass(frozen=True)
class Vector:
    """A vector in R^m that a person can read.

    With a seed, coordinates ~ U(-bound, bound); otherwise `fill` everywhere (with alternating sign if `alternate`),
    overwritten by the {slot: value} pairs of `slots`; slots count modulo m.
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

    def words(self, *, bound: float | None = None) -> str:
        """In words; with a bound, random coordinates are told by the first of their values too."""
        if self.seed is not None:
            random = f"random coordinates (seed {self.seed})"
            if bound is None:
                return random
            first = ", ".join(f"{value:.3g}" for value in self.values(4, bound=bound).tolist())
            return f"({first}, ...), {random}"
        filled = f"{'+-' if self.alternate else ''}{self.fill:g} everywhere" if self.fill else "zero"
        slots = ", ".join(f"{value:g} at {slot}" for slot, value in self.slots)
        return f"{filled} but {slots}" if slots else filled


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """One recurrence: coefficient c at every order, offset d, first term(s) `start`; `along` adds that multiple of d to the start.

    Before scaling, coordinates lie in the trained ranges: d in [-2, 2], start in [-3, 3] (cut off there).
    """

    c: float
    d: Vector = field(default_factory=Vector)
    start: Vector = field(default_factory=Vector)
    along: float = 0.0
    length: int = REFERENCE.length
    cap: float = 1.0

    def sample(self, config: ModelConfig) -> Recurrences:
        dim, order = config.d_vocab, config.order
        offset = self.d.values(dim, bound=2.0)
        start = (self.start.values(dim, bound=3.0) + self.along * offset).clamp(-3.0, 3.0)
        return build(
            coefficients=torch.full((1, order), self.c, dtype=torch.float64),
            offset=offset[None],
            start=start.repeat(1, order, 1),
            cap=torch.tensor([self.cap]),
            length=self.length,
        )

    def again(self, *, batch: int, seed: int) -> Recurrence:
        return self  # one recurrence has nothing left to draw

    def equation(self) -> str:
        along = f" + {self.along:g} d" if self.along else ""
        return (
            f"a_(j+1) = {self.c:g} a_j + d, {self.length} terms, with d = {self.d.words(bound=2.0)}, "
            f"a_0 = {self.start.words(bound=3.0)}{along}, scaled to largest norm {self.cap:g}"
        )

    def brief(self) -> str:
        return f"c = {self.c:g}, {self.length} terms, d = {self.d.words()}, a_0 = {self.start.words()}"
