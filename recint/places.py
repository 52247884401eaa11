"""The places where claims about recurrences are tried: conditions, single recurrences, and vectors that are not recurrences.

Each place is a frozen dataclass whose repr is runnable code, so that a counterexample can be copied. Each place draws its own
batch: `at.sample(config)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from recint.checkpoint import ModelConfig, task_of
from recint.families import family_of
from recint.families.family import Readable
from recint.judging import subject
from recint.judging.subject import SEARCH_BATCH
from recint.recurrence import REFERENCE, Distribution, Recurrences, build
from recint.system.seeds import derive_seed
from recint.task import Range, Task
from recint.vector import Vector, reach


def reference_of(config: ModelConfig) -> Distribution:
    """The reference distribution of a model: the recurrences that it was trained on."""
    plain = {each.name: getattr(task_of(config), each.name) for each in fields(Task)}
    return Distribution(**plain, dim=config.d_vocab, order=config.order)


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


def _step(c: object, task: Task) -> str:
    """The recurrence's right-hand side without d."""
    family = family_of(task.family)
    coefficients = c if isinstance(c, tuple) else ("c" if isinstance(c, Between) else c,)
    names = [each if isinstance(each, str) else f"{each:g}" for each in coefficients]
    earlier = [f"a_{f'(j+{index})' if index else 'j'}" for index in range(len(names))]
    terms = [family.term(name, a) for name, a in zip(names, earlier, strict=True)]
    return " + ".join(filter(None, [*terms, family.rest(earlier[-1])]))


def _uniform(bounds: Range) -> str:
    return f"U({bounds[0]:g}, {bounds[1]:g})"


def _order(c: object) -> int:
    return len(c) if isinstance(c, tuple) else 1


def _next(c: object) -> str:
    return f"a_(j+{_order(c)})"


class Place(subject.Place, Protocol):
    """A place where a claim about recurrences is tried."""

    def sample(self, config: ModelConfig) -> Recurrences:
        """The recurrences of this place, drawn for models of this configuration."""


class Alone(subject.Apart):
    """The default for a place: one draw, which shares its forward pass with no other place."""

    @property
    def size(self) -> int:
        return 1

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
        task: the task that `equation` speaks of. `sample` takes that of the model.
    """

    c: float | tuple[float, ...] | Between
    length: int = REFERENCE.length
    seed: int = 0
    batch: int = SEARCH_BATCH
    task: Task = field(default=Task(), repr=False, compare=False)

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
    def coordinate(self) -> float | None:
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
        right = _step("c" if _order(self.c) == 1 else self.c, self.task)
        first = "a_0" if _order(self.c) == 1 else "a_0, a_1, ..."
        noise = f"; the model reads them with noise of {self.task.noise:g}" if self.task.noise else ""
        others = "".join(f"{name} ~ {_uniform(bounds)}, " for name, bounds in self.task.others)
        return (
            f"{left} = {right} + d with {self.brief()}, {others}d ~ {_uniform(self.task.d)}^m, "
            f"{first} ~ {_uniform(self.task.start)}^m, then scaled{noise}"
        )

    def brief(self) -> str:
        c = str(self.c) if isinstance(self.c, Between) else brief_coefficients(self.c)
        return f"{c}, {self.length} terms"


@dataclass(frozen=True)
class DrawnRecurrence(Alone):
    """One recurrence of a batch, by its number. A counterexample that the estimate has met is told by it."""

    batch: Condition
    number: int

    def sample(self, config: ModelConfig) -> Recurrences:
        return self.batch.sample(config).taken(slice(self.number, self.number + 1))

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
        return Recurrences.joined([at.sample(config) for at in self.places])

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


@dataclass(frozen=True, kw_only=True, repr=False)
class Recurrence(Alone):
    """One recurrence, given by readable vectors.

    Before scaling, coordinates lie in the trained ranges: in the notebook those of d in [-2, 2], those of the first terms in
    [-3, 3]. Coordinates beyond their range are clipped to it.

    Attributes:
        c: the coefficients, that of the oldest term first; one number stands for all of them.
        d: the offset.
        start: the first terms, oldest first; one vector stands for all of them.
        along: the multiple of d that is added to each first term.
        length: the number of terms.
        cap: the norm of the longest term after scaling.
        others: the other numbers of the family, by name, as a person reads them.
        task: the task that `equation` speaks of. `sample` takes that of the model.
    """

    c: float | tuple[float, ...]
    d: Vector = field(default_factory=Vector)
    start: Vector | tuple[Vector, ...] = field(default_factory=Vector)
    along: float = 0.0
    length: int = REFERENCE.length
    cap: float = 1.0
    others: Readable = ()
    task: Task = field(default=Task(), repr=False, compare=False)

    def __repr__(self) -> str:
        shown = [each.name for each in fields(self) if each.repr and (each.name != "others" or self.others)]
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    @property
    def shape(self) -> int:
        return self.length

    @property
    def coordinate(self) -> float | None:
        return last_coefficient(self.c)

    def beside(self, others: Sequence[Recurrence | Condition]) -> Several:
        return Several((self, *others))

    def sample(self, config: ModelConfig) -> Recurrences:
        dim, order, of = config.d_vocab, config.order, reference_of(config)
        offset = self.d.values(dim, bound=reach(of.d)).clamp(*of.d)
        starts = torch.stack([start.values(dim, bound=reach(of.start)) for start in self._starts()])
        starts = (starts + self.along * offset).clamp(*of.start)
        coefficients = torch.tensor([self.c], dtype=torch.float64).reshape(1, -1).expand(1, order)
        family = family_of(of.family)
        made = build(
            coefficients=coefficients,
            offset=offset[None],
            start=starts.expand(order, dim)[None],
            cap=torch.tensor([self.cap]),
            length=self.length,
            family=family,
            others=family.read(self.others, coefficients, dim=dim),
        )
        return made.observed(noise=of.noise, seed=derive_seed(0, repr(self)))

    def _starts(self) -> tuple[Vector, ...]:
        return self.start if isinstance(self.start, tuple) else (self.start,)

    def again(self, *, batch: int, seed: int) -> Recurrence:
        return self  # one recurrence has nothing left to draw

    def equation(self) -> str:
        return (
            f"{_next(self.c)} = {_step(self.c, self.task)} + d, {self.length} terms, with {self._others()}d = "
            f"{self.d.words(self.task.d)}, {self._first_terms(self.task.start)}, scaled to largest norm {self.cap:g}"
        )

    def brief(self) -> str:
        cap = f", largest norm {self.cap:g}" if self.cap != 1 else ""
        vectors = f"{self._others()}d = {self.d.words()}, {self._first_terms()}"
        return f"{brief_coefficients(self.c)}, {self.length} terms, {vectors}{cap}"

    def _others(self) -> str:
        words = family_of(self.task.family).words(self.others)
        return f"{words}, " if words else ""

    def _first_terms(self, within: Range | None = None) -> str:
        along = f" + {self.along:g} d" if self.along else ""
        words = [f"a_{index} = {start.words(within)}{along}" for index, start in enumerate(self._starts())]
        return ", ".join(words)
