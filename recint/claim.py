"""What a claim is: a sentence, a statistic, a threshold, and the property that tries it.

The property's body measures: it draws a batch where it is told to and hands its values to `CLAIM.check`. The same body
serves both arms of the evidence: on the reference distribution it estimates, wherever Hypothesis sends it it searches.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from recint.domain import Domain, Place
from recint.statistics.sampling import Reduction, Relation, holds, reduce

Quantifier = Literal["average", "everywhere", "pointwise", "weights"]


class Refuted(AssertionError):
    """A claim that lost, in one sentence: "claim: statistic = got, but should be ... [where]"."""


@dataclass(frozen=True)
class Observation:
    """What one execution of a property measured, and where (None for weights).

    Attributes:
        values: shape (recurrence,) or (recurrence, head); for weights the bare figure.
        per_head: for weights, what the figure was made of, if it has heads.
    """

    values: NDArray[np.float64]
    at: Place | None
    value: float
    per_head: NDArray[np.float64] | None = None


class Arm(Protocol):
    def observe(self, observation: Observation) -> None: ...


_ARM: ContextVar[Arm | None] = ContextVar("arm", default=None)


@contextmanager
def observing(arm: Arm) -> Iterator[None]:
    """Hand what `check` sees inside the block to `arm`."""
    token = _ARM.set(arm)
    try:
        yield
    finally:
        _ARM.reset(token)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim about a checkpoint, as registered; the fields that `hash` covers cannot move without a new version.

    Attributes:
        id: "<where>.<what>", e.g. "l0.previous-token".
        layers: the layers it speaks of, counted from zero; a model without them is not judged by it.
        quantifier: average, everywhere (at every condition), pointwise (for every recurrence) or weights.
        reduction: how values per recurrence and head become the statistic.
        source: where the claim comes from.
    """

    id: str
    version: int = 1
    statement: str
    quantifier: Quantifier
    statistic: str
    relation: Relation
    threshold: float
    source: str
    layers: tuple[int, ...] = ()
    reduction: Reduction = "mean"
    domain: Domain = field(default_factory=Domain)

    def __post_init__(self) -> None:
        if self.relation not in (">=", "<="):
            raise ValueError(f"relation={self.relation!r} must be >= or <=")
        if self.version < 1:
            raise ValueError(f"version={self.version!r} must be at least 1")

    @cached_property
    def hash(self) -> str:
        covered = ("id", "version", "statement", "quantifier", "statistic", "relation", "threshold", "domain")
        values = {key: value for key, value in asdict(self).items() if key in covered}
        return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def holds(self, value: float) -> bool:
        return holds(value, self.relation, self.threshold)

    def check(
        self, values: Tensor | NDArray | float, at: Place | None = None, *, per_head: NDArray | None = None
    ) -> None:
        """Reduce values of shape (recurrence, *head), or a plain figure for claims about weights, and hold the claim to it.

        Raises:
            Refuted: the claim does not hold here, and nobody is collecting.
        """
        array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
        array = array.astype(np.float64)
        value = float(array) if at is None else float(reduce(np.moveaxis(array, 0, -1), self.reduction, self.relation))
        observation = Observation(array, at, value, per_head)
        if (arm := _ARM.get()) is not None:
            arm.observe(observation)
        elif not self.holds(value):
            raise Refuted(self.failure(value, at.equation() if at else "weights"))

    def failure(self, value: float, where: str) -> str:
        """The one sentence that every failure is told in.

        >>> claim.failure(0.41, "c = -0.5, 14 terms")                       # doctest: +SKIP
        'l0.previous-token: attention = 0.41, but should be >= 0.5 [c = -0.5, 14 terms]'
        """
        return f"{self.id}: {self.statistic} = {value:.4g}, but should be {self.relation} {self.threshold:g} [{where}]"

    def __call__(self, *, figure: Callable[..., str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Decorate the property; `figure(model, evidence)` draws the claim's SVG."""

        def decorate(body: Callable[..., None]) -> Callable[..., None]:
            prop = Property(self, body, figure)

            def test(model: Any, judge: Any) -> None:
                judge(prop, model)

            test.__name__, test.__doc__, test.__module__ = body.__name__, self.statement, body.__module__
            test.recint_property = prop  # type: ignore[attr-defined]
            return test

        return decorate


@dataclass(frozen=True)
class Property:
    """A claim with the body that measures it and the figure that shows it."""

    claim: Claim
    body: Callable[..., None]
    figure: Callable[..., str]

    def measure(self, model: Any, at: Place | None = None) -> Observation:
        """Run the body once, at a place of the caller's choice, and return what it saw."""
        seen = _Collect()
        inner = getattr(self.body, "hypothesis", None)
        with observing(seen):
            if inner is None:
                self.body(model)
            else:
                inner.inner_test(model, at=at)
        if len(seen.observations) != 1:
            raise RuntimeError(
                f"{self.claim.id}: its property called check {len(seen.observations)} times, but must do so once"
            )
        return seen.observations[0]

    @property
    def file(self) -> str:
        return inspect.getsourcefile(inspect.unwrap(self.body)) or "?"


@dataclass
class _Collect:
    observations: list[Observation] = field(default_factory=list)

    def observe(self, observation: Observation) -> None:
        self.observations.append(observation)
