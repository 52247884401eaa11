"""Numbers of the notebook and the same numbers for a model: the rows of the table, and how a number is declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from recint.judging.finite import NotFinite
from recint.judging.intervals import NoEstimate, estimate
from recint.judging.reductions import ReductionName
from recint.replication.data import Data


@dataclass(frozen=True)
class Measured:
    """A number that was measured on a model.

    Attributes:
        unit: the unit, e.g. "× chance"; empty for a plain number.
        low, high: the 95 % interval over recurrences; None if there is only one recurrence, or none.
        n: the number of recurrences; None for a function of the weights alone.
    """

    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    n: int | None = None

    def __str__(self) -> str:
        return f"{self.digits} {self.unit}".rstrip()

    @property
    def digits(self) -> str:
        """The number without its unit."""
        return number(self.value)

    @property
    def interval(self) -> str:
        """The interval in brackets; empty if there is none."""
        return "" if self.low is None or self.high is None else f"[{number(self.low)}, {number(self.high)}]"

    @property
    def over(self) -> str:
        """The number of recurrences, e.g. "n=500"; empty for a function of the weights."""
        return "" if self.n is None else f"n={self.n}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A number of the notebook, and the same number for a model.

    Attributes:
        where: the section of the notebook.
        notebook: the number in the notebook.
        notebook_way: the number, measured in the notebook's way; None if it does not apply to the model.
        sound_way: the number, measured in a sound way; None if there is nothing to measure, or if it does not apply.
        why: what is flawed in the notebook's way, or why the number does not apply.
    """

    name: str
    where: str
    notebook: str
    notebook_way: Measured | None = None
    sound_way: Measured | None = None
    why: str

    @property
    def applies(self) -> bool:
        """Whether the number exists for this model."""
        return self.notebook_way is not None


class NotApplicable(ValueError):
    """A number does not exist for this model."""


Answer = tuple[Measured, Measured | None, str]


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number of the notebook, and how to measure it.

    Attributes:
        layers, heads: numbers of the layers and heads that the model must have.
        order: the order that the model's recurrences must have; None for any order.
        weights: whether it is a function of the weights alone.
        measure: returns the number in the notebook's way, the number in a sound way, and the reason for the sound way.
    """

    name: str
    where: str
    notebook: str
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    order: int | None
    weights: bool
    measure: Callable[[Data], Answer]

    def row(self, data: Data) -> Row:
        """Measure the number on a model."""
        try:
            notebook_way, sound_way, why = self._answer(data)
        except (NotApplicable, NoEstimate, NotFinite) as reason:
            return Row(name=self.name, where=self.where, notebook=self.notebook, why=f"Not applicable: {reason}.")
        return Row(
            name=self.name, where=self.where, notebook=self.notebook,
            notebook_way=notebook_way, sound_way=sound_way, why=why,
        )  # fmt: skip

    def _answer(self, data: Data) -> Answer:
        config = data.model.config
        for kind, needed, there in (("layer", self.layers, config.n_layers), ("head", self.heads, config.n_heads)):
            if needed and max(needed) >= there:
                raise NotApplicable(f"it speaks of {kind} {max(needed)}, but the model has {there} of them")
        if self.order is not None and config.order != self.order:
            raise NotApplicable(
                f"it speaks of recurrences of order {self.order}, but the model's have order {config.order}"
            )
        notebook_way, sound_way, why = self.measure(data)
        if not all(isfinite(measured.value) for measured in (notebook_way, sound_way) if measured):
            finite = np.isfinite(data.errors).all()
            zero = "it divides by something that is zero in this model"
            raise NotApplicable(zero if finite else "the model predicts numbers that are not finite")
        return notebook_way, sound_way, why


class Numbers(list[Number]):
    """The numbers of one part of the notebook, in the order of their declarations."""

    def declare(
        self,
        name: str,
        *,
        where: str,
        notebook: str,
        layers: tuple[int, ...] = (),
        heads: tuple[int, ...] = (),
        order: int | None = None,
        weights: bool = False,
    ) -> Callable[[Callable[[Data], Answer]], Callable[[Data], Answer]]:
        """Declare a number. The decorated function measures it: see `Number.measure`."""

        def declare(measure: Callable[[Data], Answer]) -> Callable[[Data], Answer]:
            self.append(
                Number(
                    name=name, where=where, notebook=notebook, layers=layers, heads=heads, order=order, weights=weights,
                    measure=measure,
                )
            )  # fmt: skip
            return measure

        return declare


def number(value: float) -> str:
    """A number with three digits, without an exponent if this is not longer.

    >>> number(2855.8), number(7.358e-6), number(0.5)
    ('2860', '7.36e-06', '0.5')
    """
    return f"{float(f'{value:.3g}'):g}"


def mean(values: ArrayLike, unit: str = "") -> Measured:
    """The mean over recurrences, with its interval."""
    return estimated(values, "mean", unit)


def ratio(above: ArrayLike, below: ArrayLike, unit: str = "× intact") -> Measured:
    """The ratio of two means over the same recurrences, with its interval."""
    return estimated(np.stack([above, below], axis=-1), "ratio of means", unit)


def estimated(values: ArrayLike, reduction: ReductionName, unit: str) -> Measured:
    """The value of a reduction over recurrences, with its interval."""
    # Nothing is tested here, so the relation and its threshold do not matter.
    result = estimate(np.asarray(values), reduction=reduction, relation=">=", threshold=0.0)
    return Measured(result.value, unit, result.low, result.high, result.n)


def single(value: float | Tensor, unit: str = "") -> Measured:
    """A number that was measured on a single recurrence."""
    return Measured(float(value), unit, n=1)


def spread(values: Float[NDArray, recurrence]) -> str:
    """Says between which values 95 % of single recurrences lie."""
    low, high = np.quantile(values, [0.025, 0.975])
    return f"95 % of single recurrences lie between {number(low)} and {number(high)}"
