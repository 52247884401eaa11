"""The places where claims about recurrences are tried: conditions, single recurrences, and vectors that are not recurrences.

Each place is a frozen dataclass whose repr is runnable code, so that a counterexample can be copied. Each place draws its own
batch: `at.sample(config)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from recint.checkpoint import ModelConfig
from recint.judging import subject
from recint.judging.subject import SEARCH_BATCH
from recint.recurrence import REFERENCE, Distribution, Recurrences, build
from recint.system.seeds import derive_seed


def reference_of(config: ModelConfig) -> Distribution:
    """The reference distribution with the dimension and the order of a model's recurrences."""
    return replace(REFERENCE, dim=config.d_vocab, order=config.order)


def shortest(order: int) -> int:
    """The number of terms of the shortest recurrence of order k that is scored: 2k + 2, since scores begin at position 2k."""
    return 2 * order + 2


@dataclass(frozen=True)
class Between:
    """A range from which coefficients are drawn uniformly.

    Attributes:
        either_sign: whether the range is one of |c|; the signs are then drawn with equal chances.
    """

    low: float
    high: float
    either_sign: bool = False

    def __str__(self) -> str:
        return f"{self.low:g} <= |c| <= {self.high:g}" if self.either_sign else f"c ~ U({self.low:g}, {self.high:g})"


def brief_coefficients(c: float | tuple[float, ...]) -> str:
    return f"c = {c:g}" if isinstance(c, float | int) else f"c = ({', '.join(f'{value:g}' for value in c)})"


def last_coefficient(c: float | tuple[float, ...] | Between) -> float | None:
    """The coefficient of the previous term, which is the horizontal axis of figures; None if coefficients were drawn."""
    if isinstance(c, Between):
        return None
    return c if isinstance(c, float | int) else c[-1]


def _step(c: float | tuple[float, ...]) -> str:
    """The recurrence's right-hand side without d."""
    coefficients = c if isinstance(c, tuple) else (c,)
    return " + ".join(f"{value:g} a_{f'(j+{index})' if index else 'j'}" for index, value in enumerate(coefficients))


def _order(c: object) -> int:
    return len(c) if isinstance(c, tuple) else 1


def _next(c: object) -> str:
    return f"a_(j+{_order(c)})"


class Place(subject.Place, Protocol):
    """A place where a claim about recurrences is tried."""

    def sample(self, config: ModelConfig) -> Recurrences:
        """The recurrences of this place, drawn for models of this configuration."""


class Alone:
    """The default for a place: one draw, which shares its forward pass with no other place."""

    @property
    def size(self) -> int:
        return 1

    @property
    def shape(self) -> int | None:
        return None

    @property
    def simplicity(self) -> tuple:
        return ()

    @property
    def coefficient(self) -> float | None:
        return None

    def beside(self, others: Sequence[Recurrence | Condition]) -> Place:
        """This place alone.

        Raises:
            TypeError: there are others.
        """
        if others:
            raise TypeError(f"{self!r} cannot be measured beside others")
        return self  # type: ignore[return-value]


@dataclass(frozen=True, kw_only=True)
class Condition(Alone):
    """A batch of recurrences with fixed coefficients, or coefficients of a range; all else as in the reference distribution.

    Attributes:
        c: the coefficients, that of the oldest term first; one number stands for all of them.
        length: the number of terms.
        batch: the number of recurrences.
    """

    c: float | tuple[float, ...] | Between
    length: int = REFERENCE.length
    seed: int = 0
    batch: int = SEARCH_BATCH

    @property
    def size(self) -> int:
        return self.batch

    @property
    def shape(self) -> int:
        return self.length

    @property
    def simplicity(self) -> tuple:
        """A key for sorting: small coefficients first, positive before negative ones, then few terms."""
        if isinstance(self.c, Between):
            return ()
        coefficients = self.c if isinstance(self.c, tuple) else (self.c,)
        return tuple((abs(c), c < 0) for c in coefficients), self.length

    @property
    def coefficient(self) -> float | None:
        return last_coefficient(self.c)

    def beside(self, others: Sequence[Recurrence | Condition]) -> Several:
        return Several((self, *others))

    def single(self, number: int) -> DrawnRecurrence:
        return DrawnRecurrence(self, number)

    def sample(self, config: ModelConfig) -> Recurrences:
        reference = reference_of(config).at(length=self.length)
        if isinstance(self.c, Between):
            bounds = (self.c.low, self.c.high)
            between = replace(reference, c=bounds, either_sign=self.c.either_sign)
            return between.sample(self.batch, seed=derive_seed(self.seed, bounds, self.length))
        c = self.c if isinstance(self.c, tuple) else (self.c,) * config.order
        return reference.sample(self.batch, seed=derive_seed(self.seed, c, self.length), coefficients=c)

    def vectors(self, config: ModelConfig) -> Float[Tensor, "recurrence vector dim"]:
        """The terms of the recurrences: the vectors that claims about a map of vectors are tried on."""
        return self.sample(config).terms

    def again(self, *, batch: int, seed: int) -> Condition:
        return replace(self, batch=batch, seed=seed)

    def equation(self) -> str:
        left = _next(self.c)
        right = "c a_j" if _order(self.c) == 1 else _step(self.c)  # type: ignore[arg-type]
        first = "a_0" if _order(self.c) == 1 else "a_0, a_1, ..."
        return f"{left} = {right} + d with {self.brief()}, d ~ U(-2, 2)^m, {first} ~ U(-3, 3)^m, then scaled"

    def brief(self) -> str:
        c = str(self.c) if isinstance(self.c, Between) else brief_coefficients(self.c)
        return f"{c}, {self.length} terms"


@dataclass(frozen=True)
class DrawnRecurrence(Alone):
    """One recurrence of a batch, by its number. A counterexample that the estimate has met is told by it."""

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


@dataclass(frozen=True)
class Several(Alone):
    """Several single recurrences, or several conditions, of one length. They are measured in one forward pass."""

    places: tuple[Recurrence | Condition, ...]

    @property
    def seed(self) -> int:
        """The seed of the first place, for interventions that draw random numbers."""
        return getattr(self.places[0], "seed", 0)

    @property
    def length(self) -> int:
        return self.places[0].length

    @property
    def size(self) -> int:
        return sum(at.size for at in self.places)

    @property
    def batch(self) -> int:
        """How many recurrences the places hold together."""
        return self.size

    def vectors(self, config: ModelConfig) -> Float[Tensor, "recurrence vector dim"]:
        return self.sample(config).terms

    def sample(self, config: ModelConfig) -> Recurrences:
        drawn = [at.sample(config) for at in self.places]
        return Recurrences(
            *(torch.cat([getattr(one, name) for one in drawn]) for name in ("terms", "coefficients", "offset"))
        )

    def again(self, *, batch: int, seed: int) -> Several:
        return self  # nothing is left to draw

    def equation(self) -> str:
        return self.brief()

    def brief(self) -> str:
        of = "single recurrences" if isinstance(self.places[0], Recurrence) else "conditions"
        return f"{len(self.places)} {of} of {self.length} terms"


@dataclass(frozen=True, kw_only=True)
class UniformVectors(Alone):
    """Vectors ~ U(0, 1)^m, which are not recurrences. The notebook tried maps of vectors on them.

    Their shape is (batch, 1, m): one vector stands in the place of the terms of a recurrence.
    """

    seed: int = 0
    batch: int = SEARCH_BATCH

    @property
    def size(self) -> int:
        return self.batch

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

    def words(self, *, bound: float | None = None) -> str:
        """The vector in words. With a bound, the first four of random coordinates are given too."""
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
class Recurrence(Alone):
    """One recurrence, given by readable vectors.

    Before scaling, coordinates lie in the trained ranges: those of d in [-2, 2], those of the first terms in [-3, 3]. First
    terms beyond their range are clipped to it.

    Attributes:
        c: the coefficients, that of the oldest term first; one number stands for all of them.
        d: the offset.
        start: the first terms, oldest first; one vector stands for all of them.
        along: the multiple of d that is added to each first term.
        length: the number of terms.
        cap: the norm of the longest term after scaling.
    """

    c: float | tuple[float, ...]
    d: Vector = field(default_factory=Vector)
    start: Vector | tuple[Vector, ...] = field(default_factory=Vector)
    along: float = 0.0
    length: int = REFERENCE.length
    cap: float = 1.0

    @property
    def shape(self) -> int:
        return self.length

    @property
    def coefficient(self) -> float | None:
        return last_coefficient(self.c)

    def beside(self, others: Sequence[Recurrence | Condition]) -> Several:
        return Several((self, *others))

    def sample(self, config: ModelConfig) -> Recurrences:
        dim, order = config.d_vocab, config.order
        offset = self.d.values(dim, bound=2.0)
        starts = torch.stack([start.values(dim, bound=3.0) for start in self._starts()])
        starts = (starts + self.along * offset).clamp(-3.0, 3.0)
        return build(
            coefficients=torch.tensor([self.c], dtype=torch.float64).reshape(1, -1).expand(1, order),
            offset=offset[None],
            start=starts.expand(order, dim)[None],
            cap=torch.tensor([self.cap]),
            length=self.length,
        )

    def _starts(self) -> tuple[Vector, ...]:
        return self.start if isinstance(self.start, tuple) else (self.start,)

    def again(self, *, batch: int, seed: int) -> Recurrence:
        return self  # one recurrence has nothing left to draw

    def equation(self) -> str:
        return (
            f"{_next(self.c)} = {_step(self.c)} + d, {self.length} terms, with d = {self.d.words(bound=2.0)}, "
            f"{self._first_terms(bound=3.0)}, scaled to largest norm {self.cap:g}"
        )

    def brief(self) -> str:
        cap = f", largest norm {self.cap:g}" if self.cap != 1 else ""
        return f"{brief_coefficients(self.c)}, {self.length} terms, d = {self.d.words()}, {self._first_terms()}{cap}"

    def _first_terms(self, *, bound: float | None = None) -> str:
        along = f" + {self.along:g} d" if self.along else ""
        words = [f"a_{index} = {start.words(bound=bound)}{along}" for index, start in enumerate(self._starts())]
        return ", ".join(words)
