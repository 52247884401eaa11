"""What a claim is: a sentence, a statistic, a threshold, and the property that tries it.

The property's body measures: it draws a batch where it is told to and hands its values to `CLAIM.check`. The same body
serves both arms of the evidence: on the reference distribution it estimates, wherever Hypothesis sends it it searches.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
from hypothesis import settings
from numpy.typing import NDArray
from torch import Tensor

from recint.domain import Domain, Place
from recint.statistics.sampling import Estimate, Reduction, Relation, estimate, holds, reduce

Quantifier = Literal["average", "everywhere", "pointwise", "weights"]


class Refuted(AssertionError):
    """A claim that lost, in one sentence: "claim: statistic = got, but should be ... [where]"."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """What must come out differently for the claim to mean something: the intervention that breaks the model, beside
    the one that is said to leave it intact; the coefficients where the pattern should not be.

    Attributes:
        name: what is done instead, e.g. "uniform attention in these heads".
        domain: where the claim's own statistic is measured instead; None if the property hands its values to `check`.
    """

    name: str
    statistic: str
    relation: Relation
    threshold: float
    reduction: Reduction = "mean"
    domain: Domain | None = None


@dataclass(frozen=True)
class Observation:
    """What one execution of a property measured, and where (None for weights).

    Attributes:
        values: shape (recurrence,) or (recurrence, head); for weights the bare figure.
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
    """A claim about a checkpoint, as registered; nothing that `hash` covers can move without a new version.

    Attributes:
        id: "<where>.<what>", e.g. "l0.previous-token"; from version 2 on with the version, e.g. "l0.previous-token@2".
        layers, heads: what it speaks of, counted from zero; a model without them is not judged by it.
        quantifier: average, everywhere (at every condition), pointwise (for every recurrence) or weights.
        reduction: how values per recurrence and head become the statistic.
        contrasts: what must hold beside the claim for it to be supported.
        mse_ratio: whether the statistic is a ratio of MSEs, which says nothing about a model that predicts nothing.
        orders: orders of recurrences that it makes sense for; all if empty.
        parts: names of what its values are of, if that is not heads.
        source: where the claim comes from.
        because: why the version before this one was amended; empty for the first. Neither this nor the source is hashed.
    """

    id: str
    statement: str
    quantifier: Quantifier
    statistic: str
    relation: Relation
    threshold: float
    source: str
    layers: tuple[int, ...] = ()
    heads: tuple[int, ...] = ()
    reduction: Reduction = "mean"
    domain: Domain = field(default_factory=Domain)
    contrasts: tuple[Contrast, ...] = ()
    mse_ratio: bool = False
    orders: tuple[int, ...] = ()
    parts: tuple[str, ...] = ()
    because: str = ""

    def __post_init__(self) -> None:
        if self.relation not in (">=", "<="):
            raise ValueError(f"relation={self.relation!r} must be >= or <=")
        _, at, version = self.id.partition("@")
        if at and not (version.isdecimal() and int(version) > 1):
            raise ValueError(f"id={self.id!r} must end with a version from 2 on after the @, or have none")
        if bool(self.because) != bool(at):
            raise ValueError(
                f"id={self.id!r}, because={self.because!r}: a version from 2 on, and no other, says why it was amended"
            )

    @property
    def name(self) -> str:
        """The id without its version: what all versions of a claim have in common."""
        return self.id.partition("@")[0]

    @property
    def version(self) -> int:
        return int(self.id.partition("@")[2] or 1)

    def amended(self, *, because: str, **changes: Any) -> Claim:
        """The next version of this claim, with the reason; this one stays what it is.

        >>> CLAIM.amended(because="refuted at c = 0 only", quantifier="average").id      # doctest: +SKIP
        'l0.previous-token@2'
        """
        return replace(self, id=f"{self.name}@{self.version + 1}", because=because, **changes)

    @cached_property
    def registered(self) -> Mapping[str, Any]:
        """What the hash covers, as plain values: all that decides what is claimed and how it is judged."""
        uncovered = ("source", "because")
        fields = {key: value for key, value in asdict(self).items() if key not in uncovered}
        return MappingProxyType(json.loads(json.dumps(fields)))  # tuples become lists, as they will be read back

    @cached_property
    def hash(self) -> str:
        return sha256(json.dumps(dict(self.registered), sort_keys=True).encode()).hexdigest()

    def holds(self, value: float) -> bool:
        return holds(value, self.relation, self.threshold)

    def badness(self, value: float) -> float:
        """Larger is worse, whatever the relation; a value that is not a number is worst."""
        if np.isnan(value):
            return float("inf")
        return -value if self.relation == ">=" else value

    @property
    def estimate_refutes(self) -> bool:
        """Whether the claim cannot hold everywhere if it does not hold on average.

        A majority of heads can: it may be another one at each coefficient.
        """
        return self.quantifier == "average" or self.reduction != "majority of heads"

    @property
    def routes(self) -> int:
        """In how many ways the claim can be refuted by chance: its estimate, each contrast, and the search."""
        return 1 + len(self.contrasts) + (self.quantifier in ("everywhere", "pointwise"))

    def check(
        self,
        values: Tensor | NDArray | float,
        at: Place | None = None,
        *,
        per_head: NDArray | None = None,
        contrasts: Mapping[str, Callable[[], Tensor]] = MappingProxyType({}),
        changed: float | None = None,
    ) -> None:
        """Reduce values of shape (recurrence, *head), or a plain figure for claims about weights, and hold the claim to it.

        Args:
            contrasts: for each contrast that is measured at the same place, a function of no arguments that measures it,
                values of the same kind; it is called for the estimate alone.
            changed: largest change that an intervention made to what it acts on.

        Raises:
            Refuted: the claim does not hold here, and nobody is collecting.
        """
        array = _array(values)
        value = float(array) if at is None else float(reduce(np.moveaxis(array, 0, -1), self.reduction, self.relation))
        arm = _ARM.get()
        beside = {name: _array(measure()) for name, measure in contrasts.items()} if arm and arm.contrasts else {}
        observation = Observation(array, at, value, per_head, beside, changed)
        if arm is not None:
            arm.observe(observation)
        elif not self.holds(value):
            raise Refuted(self.failure(value, at.equation() if at else "weights"))

    def failure(self, value: float, where: str) -> str:
        """The sentence in which this claim fails."""
        return failure(self.id, asdict(self), value, where)

    def __call__(self, *, figure: Callable[..., str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Decorate the property; `figure(model, evidence)` draws the claim's SVG."""

        def decorate(body: Callable[..., None]) -> Callable[..., None]:
            if self.quantifier == "average":
                # The search only reports where an average stops holding: a quarter of the trials tells that.
                body = settings(settings(), max_examples=settings().max_examples // 4)(body)
            prop = Property(self, body, figure)

            def test(model: Any, judge: Any) -> None:
                judge(prop, model)

            test.__name__, test.__doc__, test.__module__ = body.__name__, self.statement, body.__module__
            test.recint_property = prop  # type: ignore[attr-defined]
            return test

        return decorate


def failure(claim: str, relation: Mapping[str, Any], value: float, where: str) -> str:
    """The one sentence that every failure is told in; `relation` holds a statistic, a relation and a threshold.

    >>> failure("l0.previous-token", {"statistic": "attention", "relation": ">=", "threshold": 0.5}, 0.41, "c = -0.5, 14 terms")
    'l0.previous-token: attention = 0.41, but should be >= 0.5 [c = -0.5, 14 terms]'
    """
    should = f"{relation['relation']} {relation['threshold']:g}"
    return f"{claim}: {relation['statistic']} = {value:.4g}, but should be {should} [{where}]"


def estimated(bar: Claim | Contrast, values: NDArray[np.float64]) -> Estimate:
    """The statistic of a claim or contrast over independent recurrences, with interval and p-values."""
    return estimate(values, reduction=bar.reduction, relation=bar.relation, threshold=bar.threshold)


def _array(values: Tensor | NDArray | float) -> NDArray[np.float64]:
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    return array.astype(np.float64)


@dataclass(frozen=True)
class Property:
    """A claim with the body that measures it and the figure that shows it."""

    claim: Claim
    body: Callable[..., None]
    figure: Callable[..., str]

    def measure(self, model: Any, at: Place | None = None, *, contrasts: bool = True) -> Observation:
        """Run the body once, at a place of the caller's choice, and return what it saw, contrasts only if they are wanted."""
        seen = _Collect(contrasts)
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
    def file(self) -> Path:
        """The module that declares it."""
        return Path(inspect.getsourcefile(inspect.unwrap(self.body)) or "?").resolve()

    @property
    def folder(self) -> Path:
        """Where its log and the verdicts expected of it are kept, too."""
        return self.file.parent


@dataclass
class _Collect:
    contrasts: bool
    observations: list[Observation] = field(default_factory=list)

    def observe(self, observation: Observation) -> None:
        self.observations.append(observation)
