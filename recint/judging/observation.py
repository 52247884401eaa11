"""What one execution of a property measured, and who collects it."""

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
    """What one execution of a property measured, and where (None for weights).

    Attributes:
        values: shape (draw,) or (draw, head); for weights the bare figure.
        per_head: for weights, what the figure was made of, if it has heads.
        contrasts: by name, shaped like `values`.
        changed: largest change that the property's intervention made to what it acts on; None without intervention.
    """

    values: NDArray[np.float64]
    at: Place | None
    value: float
    per_head: NDArray[np.float64] | None = None
    contrasts: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    changed: float | None = None


class Arm(Protocol):
    """What collects; `contrasts` says whether it wants them measured, which costs passes of their own."""

    contrasts: bool

    def observe(self, observation: Observation) -> None: ...


ARM: ContextVar[Arm | None] = ContextVar("arm", default=None)


@contextmanager
def observing(arm: Arm) -> Iterator[None]:
    """Hand what `check` sees inside the block to `arm`."""
    token = ARM.set(arm)
    try:
        yield
    finally:
        ARM.reset(token)
