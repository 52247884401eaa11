"""What a model was trained on, as `config.json` says it: the family, length and ranges of the recurrences.

Their dimension and order stand beside it in the configuration, as `d_vocab` and `order`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

Range = tuple[float, float]

DIM = 40  # the dimension of the notebook's recurrences
MOST_DIM, LEAST_LENGTH, MOST_LENGTH = 512, 4, 256  # tasks on which claims are judged
# Sequences are scaled, so that larger numbers say nothing more. A grid of tenths between them would take all memory.
LARGEST, SMALLEST = 1000.0, 0.001
MOST_TERMS = 10_000  # of a sequence; a larger number must be a mistake


@dataclass(frozen=True, kw_only=True)
class Task:
    """The recurrences that a model was trained on. The defaults are the notebook's.

    >>> Task.of({"length": 6, "c": [-1, 1]}).c
    (-1.0, 1.0)
    >>> Task.of({"c": [1, -1]})
    Traceback (most recent call last):
    ValueError: c=(1.0, -1.0) is empty: the lower bound must not exceed the upper one

    Attributes:
        family: the kind of recurrence, one of `recint.families.FAMILIES`.
        length: the number of terms.
        c: the range of the coefficients; `(-1.5, -1.5)` fixes them.
        d: the range of the coordinates of the offset, before scaling.
        start: the range of the coordinates of the first `order` terms, before scaling.
        cap: the range of the norm of the longest term after scaling.
        others: the ranges of the other numbers that the family has, by their names.
        noise: standard deviation of the noise on every coordinate of the terms that the model reads, after scaling.

    Raises:
        ValueError: a range is empty, not finite or too wide, cap is below SMALLEST, all terms would be smaller than that, or the
            length or the noise is out of its range.
    """

    family: str = "affine"
    length: int = 14
    c: Range = (-2.0, 2.0)
    d: Range = (-2.0, 2.0)
    start: Range = (-3.0, 3.0)
    cap: Range = (1.0, 2.0)
    others: tuple[tuple[str, Range], ...] = ()
    noise: float = 0.0

    def __post_init__(self) -> None:
        ranges = {name: getattr(self, name) for name in ("c", "d", "start", "cap")}
        for name, (low, high) in {**ranges, **dict(self.others)}.items():
            if not low <= high:  # also refuses nan
                raise ValueError(f"{name}={(low, high)!r} is empty: the lower bound must not exceed the upper one")
            require_moderate(name, (low, high))
        if self.cap[0] < SMALLEST:
            raise ValueError(f"cap={self.cap!r} must be {SMALLEST:g} or more: it is the norm of the longest term")
        if max(map(abs, (*self.d, *self.start))) < SMALLEST:
            raise ValueError(
                f"d={self.d!r} and start={self.start!r} make every term 0, or nearly so; one must reach {SMALLEST:g}"
            )
        if not 0 <= self.noise <= LARGEST:
            raise ValueError(f"noise={self.noise!r} must be 0 or more, up to {LARGEST:g}: it is a standard deviation")
        if not 1 <= self.length <= MOST_TERMS:
            raise ValueError(f"length={self.length!r} must be a number of terms from 1 to {MOST_TERMS}")

    @staticmethod
    def of(values: Any) -> Task:
        """A task from plain values, as JSON holds them. What they do not name is as in the notebook.

        Raises:
            ValueError: a name is unknown, or a value is of the wrong kind or out of its range.
        """
        known = [field.name for field in fields(Task)]
        if not isinstance(values, Mapping) or not values.keys() <= set(known):
            what = sorted(values.keys() - set(known)) if isinstance(values, Mapping) else type(values).__name__
            raise ValueError(f"task: found {what}, but expected an object with keys among {known}")
        given: dict[str, Any] = {}
        for name, value in values.items():
            if name in ("c", "d", "start", "cap"):
                given[name] = _range(name, value)
            elif name == "others" and isinstance(value, Mapping):
                given[name] = tuple((other, _range(other, bounds)) for other, bounds in sorted(value.items()))
            elif name == "noise" and _is_number(value):
                given[name] = _number(name, value)
            elif not isinstance(value, _KINDS.get(name, ())) or isinstance(value, bool):
                raise ValueError(f"task: {name}={value!r} is not of the kind that is expected there")
            else:
                given[name] = value
        return Task(**given)

    def plain(self) -> dict[str, Any]:
        """The task as plain values: `Task.of` of them is this task."""
        return {**asdict(self), "others": {name: list(bounds) for name, bounds in self.others}}

    def range_of(self, name: str) -> Range:
        """The range of another number of the family, by its name."""
        return dict(self.others)[name]


_KINDS: Mapping[str, tuple[type, ...]] = {"family": (str,), "length": (int,)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _range(name: str, value: Any) -> Range:
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(map(_is_number, value)):
        raise ValueError(f"task: {name}={value!r} must be two numbers, the smallest and the largest")
    return _number(name, value[0]), _number(name, value[1])


def _number(name: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"task: {name} holds a number that is too large") from None


def require_moderate(name: str, bounds: Range) -> None:
    """Raises ValueError if a bound of a range is not finite, or its absolute value exceeds LARGEST."""
    if not all(abs(bound) <= LARGEST for bound in bounds):  # also refuses nan
        raise ValueError(f"{name}={bounds!r} must be finite, and lie between {-LARGEST:g} and {LARGEST:g}")


def ticks(bounds: Range, *, step: int = 10) -> list[float]:
    """The multiples of 1/step in a range; its bounds if there is none.

    >>> ticks((-0.15, 0.12)), ticks((0.22, 0.28))
    ([-0.1, 0.0, 0.1], [0.22, 0.28])
    """
    first, last = math.ceil(bounds[0] * step - 1e-9), math.floor(bounds[1] * step + 1e-9)
    return [tick / step for tick in range(first, last + 1)] or sorted(set(bounds))
