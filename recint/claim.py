"""What a claim is: a sentence, a statistic, a threshold, and the property that tries it.

The property's body measures: it draws a batch where it is told to and hands its values to `CLAIM.check`. The same body
serves both arms of the evidence: on the reference distribution it estimates, wherever Hypothesis sends it it searches.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol, get_args

import numpy as np
from hypothesis import settings
from numpy.typing import NDArray
from torch import Tensor

from recint.domain import Domain, Place
from recint.statistics.relation import Bar, Relation, holds, shortfall
from recint.statistics.sampling import Estimate, Reduction, defined, estimate, p_values, reduce

Quantifier = Literal["average", "everywhere", "pointwise", "weights"]
POINTWISE = 2000  # recurrences that Hypothesis draws for a claim about every single one, whatever the number of draws
_KINDS = ("zero", "mean", "resample", "linear")  # of an ablation or a probe, as the last part of an id
_ID = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


class Refuted(AssertionError):
    """A claim that lost, in one sentence: "claim: statistic = got, but should be ... [where]"."""


class Unmet(Exception):
    """What a property raises where there is nothing to judge, in one sentence: the claim is then not applicable."""


def _require_bar(bar: Claim | Contrast) -> None:
    """Raises ValueError if a relation, threshold or reduction is none, in one sentence."""
    for name, known in (("relation", Relation), ("reduction", Reduction)):
        if (found := getattr(bar, name)) not in get_args(known):
            raise ValueError(f"{name}={found!r} must be one of {', '.join(map(repr, get_args(known)))}")
    if isinstance(bar.threshold, bool) or not isinstance(bar.threshold, int | float) or not isfinite(bar.threshold):
        raise ValueError(f"threshold={bar.threshold!r} must be a finite number")


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

    def __post_init__(self) -> None:
        _require_bar(self)

    def holds(self, value: float) -> bool:
        return holds(value, self.relation, self.threshold)


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
        constants: names and values that decide the figure too: how many stand-ins are averaged over, how long a probe learns.
        loss_share: whether the statistic is a share of what the model gains over repeating the last term.

    The hash does not cover what only tells of the claim:
        source: where the claim comes from.
        because: why the version before this one was amended; empty for the first.
        caveat: what the statistic measures instead, if that turned out to be something else than the statement says.
        corrected: what the reason for the amendment left out or got wrong.
        partner: for a claim about weights, the claim that asks the same of behaviour.
        no_positive: why no model can be built of which the claim is true by construction.
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
    constants: tuple[tuple[str, float | str], ...] = ()
    loss_share: bool = False
    because: str = ""
    caveat: str = ""
    corrected: str = ""
    partner: str = ""
    no_positive: str = ""

    def __post_init__(self) -> None:
        if self.quantifier not in get_args(Quantifier):
            raise ValueError(
                f"quantifier={self.quantifier!r} must be one of {', '.join(map(repr, get_args(Quantifier)))}"
            )
        _require_bar(self)
        for name in ("layers", "heads"):
            if not all(isinstance(number, int) and number >= 0 for number in getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)!r} must be whole numbers from 0 on")
        if not all(isinstance(order, int) and order >= 1 for order in self.orders):
            raise ValueError(f"orders={self.orders!r} must be whole numbers from 1 on")
        if not isinstance(self.domain, Domain):
            raise ValueError(f"domain={self.domain!r} must be a Domain")
        names = [contrast.name for contrast in self.contrasts]
        if len(set(names)) < len(names):
            raise ValueError(f"contrasts={names!r} must have different names")
        name, at, version = self.id.partition("@")
        if not _ID.fullmatch(name):
            raise ValueError(
                f"id={self.id!r} must be made of letters, digits, '-' and '_', in parts joined by '.', like 'l0.previous-token'"
            )
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
        told = {"caveat": "", "corrected": "", "no_positive": ""} | changes  # of this version, not of the next
        return replace(self, id=f"{self.name}@{self.version + 1}", because=because, **told)

    @property
    def question(self) -> str:
        """What it asks, whatever the version and the kind of ablation or probe."""
        name, _, kind = self.name.rpartition(".")
        return name if kind in _KINDS else self.name

    @cached_property
    def registered(self) -> Mapping[str, Any]:
        """What the hash covers, as plain values: all that decides what is claimed and how it is judged."""
        fields = {key: value for key, value in asdict(self).items() if key not in _UNCOVERED}
        for name in ("constants", "loss_share"):  # claims registered before there were these have none
            if not fields[name]:
                del fields[name]
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
        value = float(array) if at is None else statistic(self, array)
        arm = _ARM.get()
        beside = {name: _array(measure()) for name, measure in contrasts.items()} if arm and arm.contrasts else {}
        for name, numbers in {self.statistic: array, **beside}.items():
            if not np.isfinite(numbers).all():
                wrong = int((~np.isfinite(numbers)).sum())
                raise ValueError(f"{self.id}: {name}: {wrong} of {numbers.size} values are not finite")
        observation = Observation(array, at, value, per_head, beside, changed)
        if arm is not None:
            arm.observe(observation)
        elif not self.holds(value):
            raise Refuted(self.failure(value, at.equation() if at else "weights"))

    def failure(self, value: float, where: str) -> str:
        """The sentence in which this claim fails."""
        return failure(self.id, self, value, where)

    def __call__(self, *, figure: Callable[..., str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Decorate the property; `figure(model, evidence)` draws the claim's SVG."""

        def decorate(body: Callable[..., None]) -> Callable[..., None]:
            if self.quantifier == "pointwise":
                body = settings(settings(), max_examples=max(POINTWISE, settings().max_examples))(body)
            prop = Property(self, body, figure)

            def test(model: Any, judge: Any) -> None:
                judge(prop, model)

            test.__name__, test.__doc__, test.__module__ = body.__name__, self.statement, body.__module__
            test.recint_property = prop  # type: ignore[attr-defined]
            return test

        return decorate


# What only tells of a claim.
_UNCOVERED = ("source", "because", "caveat", "corrected", "partner", "no_positive")


def failure(claim: str, bar: Bar, value: float, where: str) -> str:
    """The one sentence that every failure of a claim, given by its id, is told in."""
    return f"{claim}: {shortfall(bar, value, where)}"


def statistic(bar: Claim | Contrast, values: NDArray[np.float64]) -> float:
    """The statistic of a claim or contrast, from values of shape (recurrence, *heads)."""
    return reduce(np.moveaxis(values, 0, -1), bar.reduction, bar.relation)


def passes(bar: Claim | Contrast, values: NDArray[np.float64]) -> bool:
    """Whether the statistic over these recurrences holds, and exists: a ratio to something negative says nothing."""
    return bar.holds(statistic(bar, values)) and defined(np.moveaxis(values, 0, -1), bar.reduction)


def estimated(bar: Claim | Contrast, values: NDArray[np.float64], *, looks: int = 1) -> Estimate:
    """The statistic of a claim or contrast over independent recurrences, with interval and p-values."""
    return estimate(values, reduction=bar.reduction, relation=bar.relation, threshold=bar.threshold, looks=looks)


def p_against(claim: Claim, values: NDArray[np.float64]) -> float:
    """One-sided p-value of "the claim holds here"."""
    return both_p_values(claim, values)[1]


def both_p_values(bar: Claim | Contrast, values: NDArray[np.float64]) -> tuple[float, float]:
    """One-sided p-values of "it does not hold" and of "it holds"."""
    return p_values(values, reduction=bar.reduction, relation=bar.relation, threshold=bar.threshold)


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
        with observing(seen):
            if self.claim.quantifier == "weights":
                self.body(model)
            else:
                self.inner(model, at=at)
        if len(seen.observations) != 1:
            raise RuntimeError(
                f"{self.claim.id}: its property called check {len(seen.observations)} times, but must do so once"
            )
        return seen.observations[0]

    @cached_property
    def inner(self) -> Callable[..., None]:
        """The body as it was written, which Hypothesis feeds."""
        body: Any = self.body
        inner: Callable[..., None] = body.hypothesis.inner_test
        return inner

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
