"""What one execution of a property measures, and the arm of the evidence that collects it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recint.judging.subject import Place


@dataclass(frozen=True)
class Observation:
    """What one execution of a property measured.

    Attributes:
        values: shape (draw,) or (draw, head); for a claim about weights, the statistic itself, shape ().
        at: the place; None for a claim about weights.
        value: the statistic of these values.
        per_head: for a claim about weights, the values of the heads that the statistic was made of; None without heads.
        contrasts: the values of each contrast, by name, shaped like `values`.
        changed: the largest change that the property's intervention made; None without an intervention.
    """

    values: NDArray[np.float64]
    at: Place | None
    value: float
    per_head: NDArray[np.float64] | None = None
    contrasts: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    changed: float | None = None


class Arm(Protocol):
    """What collects observations.

    Attributes:
        contrasts: whether contrasts are to be measured too, which takes forward passes of their own.
    """

    contrasts: bool

    def observe(self, observation: Observation) -> None:
        """Take what a property has measured; raise Refuted to stop Hypothesis at a failure."""


ARM: ContextVar[Arm | None] = ContextVar("arm", default=None)


@contextmanager
def observing(arm: Arm) -> Iterator[None]:
    """Inside the block, `Claim.check` passes its observations to this arm."""
    token = ARM.set(arm)
    try:
        yield
    finally:
        ARM.reset(token)
