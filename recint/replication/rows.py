"""A figure of the notebook beside the same on the model at hand, and how such a figure is declared."""

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
from recint.replication.look import Look


@dataclass(frozen=True)
class Measured:
    """A figure on the model at hand.

    Attributes:
        unit: what the number counts in, if not in itself: "× chance".
        low, high: 95 % interval over recurrences, where there are several.
        n: recurrences behind it; None for a function of the weights alone.
    """

    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    n: int | None = None

    def __str__(self) -> str:
        return f"{number(self.value)} {self.unit}".rstrip()

    @property
    def interval(self) -> str:
        return "" if self.low is None or self.high is None else f"[{number(self.low)}, {number(self.high)}]"

    @property
    def over(self) -> str:
        return "" if self.n is None else f"n={self.n}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A figure of the notebook and the same on the model at hand.

    Attributes:
        where: section of the notebook.
        notebook: what it says there.
        notebook_way, sound_way: None where there is nothing to measure; both, where the figure does not apply.
        why: what is flawed in the notebook's way, or that nothing is, or why the figure does not apply.
    """

    name: str
    where: str
    notebook: str
    notebook_way: Measured | None = None
    sound_way: Measured | None = None
    why: str

    @property
    def applies(self) -> bool:
        return self.notebook_way is not None


class NotApplicable(ValueError):
    """A figure that the model at hand does not have."""


Answer = tuple[Measured, Measured | None, str]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure of the notebook and how to measure it.

    Attributes:
        layers, heads: that the model must have.
        order: that the model's recurrences must have; None for any.
        weights: it is a function of the weights alone.
    """

    name: str
    where: str
    notebook: str
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    order: int | None
    weights: bool
    measure: Callable[[Look], Answer]

    def row(self, look: Look) -> Row:
        try:
            notebook_way, sound_way, why = self._answer(look)
        except (NotApplicable, NoEstimate, NotFinite) as reason:
            return Row(name=self.name, where=self.where, notebook=self.notebook, why=f"Not applicable: {reason}.")
        return Row(
            name=self.name, where=self.where, notebook=self.notebook,
            notebook_way=notebook_way, sound_way=sound_way, why=why,
        )  # fmt: skip

    def _answer(self, look: Look) -> Answer:
        config = look.model.config
        for kind, needed, there in (("layer", self.layers, config.n_layers), ("head", self.heads, config.n_heads)):
            if needed and max(needed) >= there:
                raise NotApplicable(f"it speaks of {kind} {max(needed)}, but the model has {there} of them")
        if self.order is not None and config.order != self.order:
            raise NotApplicable(
                f"it speaks of recurrences of order {self.order}, but the model's have order {config.order}"
            )
        notebook_way, sound_way, why = self.measure(look)
        if not all(isfinite(found.value) for found in (notebook_way, sound_way) if found):
            finite = np.isfinite(look.errors).all()
            zero = "it divides by something that is zero in this model"
            raise NotApplicable(zero if finite else "the model predicts numbers that are not finite")
        return notebook_way, sound_way, why


class Figures(list[Figure]):
    """The figures of one part of the notebook, in the order in which they are declared."""

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
    ) -> Callable[[Callable[[Look], Answer]], Callable[[Look], Answer]]:
        """Declare a figure. The decorated function measures it the notebook's way and the sound way, and says why they differ."""

        def declare(measure: Callable[[Look], Answer]) -> Callable[[Look], Answer]:
            self.append(
                Figure(
                    name=name, where=where, notebook=notebook, layers=layers, heads=heads, order=order, weights=weights,
                    measure=measure,
                )
            )  # fmt: skip
            return measure

        return declare


def number(value: float) -> str:
    """Three digits, without an exponent where that is no longer.

    >>> number(2855.8), number(7.358e-6), number(0.5)
    ('2860', '7.36e-06', '0.5')
    """
    return f"{float(f'{value:.3g}'):g}"


def mean(values: ArrayLike, unit: str = "") -> Measured:
    return estimated(values, "mean", unit)


def ratio(above: ArrayLike, below: ArrayLike, unit: str = "× intact") -> Measured:
    """Ratio of means, paired: both are of the same recurrences."""
    return estimated(np.stack([above, below], axis=-1), "ratio of means", unit)


def estimated(values: ArrayLike, reduction: ReductionName, unit: str) -> Measured:
    # Nothing is tested here, so the relation and its threshold do not matter.
    found = estimate(np.asarray(values), reduction=reduction, relation=">=", threshold=0.0)
    return Measured(found.value, unit, found.low, found.high, found.n)


def single(value: float | Tensor, unit: str = "") -> Measured:
    return Measured(float(value), unit, n=1)


def spread(values: Float[NDArray, recurrence]) -> str:
    low, high = np.quantile(values, [0.025, 0.975])
    return f"95 % of single recurrences lie between {number(low)} and {number(high)}"
