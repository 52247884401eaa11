"""What a claim is: a sentence, a statistic, a threshold, and the property that tries it.

The property's body measures: it draws a batch where it is told to and hands its values to `CLAIM.check`. The same body
serves both arms of the evidence: on the reference distribution it estimates, wherever Hypothesis sends it it searches.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np
from hypothesis import settings
from numpy.typing import NDArray
from torch import Tensor

from recint import refusals
from recint.judging.observation import ARM, Observation, observing
from recint.judging.reductions import REDUCTIONS, ReductionName
from recint.judging.relation import Bar, Relation, holds, shortfall
from recint.judging.statistic import statistic
from recint.judging.subject import Domain, Place

Quantifier = Literal["average", "everywhere", "pointwise", "weights"]
POINTWISE = 2000  # places that Hypothesis draws for a claim about every single one, whatever the number of draws
_KINDS = ("zero", "mean", "resample", "linear")  # of an ablation or a probe, as the last part of an id


class Refuted(AssertionError):
    """A claim that lost, in one sentence: "claim: statistic = got, but should be ... [where]"."""


class Unmet(Exception):
    """What a property raises where there is nothing to judge, in one sentence: the claim is then not applicable."""


def _require_bar(bar: Claim | Contrast) -> None:
    """Raises ValueError if a statistic, relation, threshold or reduction is none, in one sentence."""
    refusals.require_text(statistic=bar.statistic)
    refusals.require_one_of("relation", bar.relation, get_args(Relation))
    refusals.require_one_of("reduction", bar.reduction, tuple(REDUCTIONS))
    refusals.require_finite("threshold", bar.threshold)


def _require_figure(claim: Claim) -> None:
    """Raises ValueError if a claim about weights speaks of draws: its property hands one figure to `check`."""
    bars: tuple[Claim | Contrast, ...] = (claim, *claim.contrasts)
    for bar in bars:
        if bar.reduction != "mean":
            raise ValueError(
                f"reduction={bar.reduction!r} must be 'mean': a claim about weights has one figure, nothing to reduce"
            )
    if elsewhere := [contrast.name for contrast in claim.contrasts if contrast.domain]:
        raise ValueError(f"domain of the contrast {elsewhere[0]!r} must be None: weights are the same everywhere")


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
    reduction: ReductionName = "mean"
    domain: Domain | None = None

    def __post_init__(self) -> None:
        refusals.require_text(name=self.name)
        _require_bar(self)
        if not isinstance(self.domain, Domain | None):
            raise ValueError(f"domain={self.domain!r} must be a Domain, or None")

    def holds(self, value: float) -> bool:
        return holds(value, self.relation, self.threshold)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim about a checkpoint, as registered; nothing that `hash` covers can move without a new version.

    Attributes:
        id: "<where>.<what>", e.g. "l0.previous-token"; from version 2 on with the version, e.g. "l0.previous-token@2".
        layers, heads: what it speaks of, counted from zero; a model without them is not judged by it.
        quantifier: average, everywhere (at every condition), pointwise (for every draw) or weights.
        reduction: how values per draw and head become the statistic.
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
    reduction: ReductionName = "mean"
    domain: Domain
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

    domains: ClassVar[type] = Domain  # what a subject's own claims speak of

    def __post_init__(self) -> None:
        refusals.require_id(self.id, because=self.because)
        refusals.require_text(statement=self.statement, source=self.source)
        refusals.require_one_of("quantifier", self.quantifier, get_args(Quantifier))
        _require_bar(self)
        for name, least in (("layers", 0), ("heads", 0), ("orders", 1)):
            refusals.require_whole(name, getattr(self, name), least=least)
        if not isinstance(self.domain, self.domains):
            raise ValueError(f"domain={self.domain!r} must be a Domain")
        refusals.require_all("contrasts", self.contrasts, Contrast)
        refusals.require_different("contrasts", (contrast.name for contrast in self.contrasts))
        refusals.require_all("parts", self.parts, str)
        refusals.require_constants("constants", self.constants)
        if self.quantifier == "weights":
            _require_figure(self)

    @property
    def name(self) -> str:
        """The id without its version: what all versions of a claim have in common."""
        return self.id.partition("@")[0]

    @property
    def version(self) -> int:
        return int(self.id.partition("@")[2] or 1)

    def amended(self, *, because: str, id: str = "", **changes: Any) -> Self:
        """The next version of this claim, with the reason; this one stays what it is.

        Args:
            id: of the next version, written out so that a search for it finds the declaration.

        Raises:
            ValueError: `id` is not that of the next version.

        >>> claim("l0.previous-token").amended(because="refuted at c = 0 only", quantifier="average").id
        'l0.previous-token@2'
        """
        following = f"{self.name}@{self.version + 1}"
        if id not in ("", following):
            raise ValueError(f"id={id!r} must be {following!r}: that is the version after {self.id}")
        told = {"caveat": "", "corrected": "", "no_positive": ""} | changes  # of this version, not of the next
        return replace(self, id=following, because=because, **told)

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
        """Whether an estimate on the wrong side refutes the claim by itself."""
        return self.quantifier == "average" or REDUCTIONS[self.reduction].refutes_everywhere

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
        contrasts: Mapping[str, Callable[[], Tensor | NDArray | float]] = MappingProxyType({}),
        changed: float | None = None,
    ) -> None:
        """Reduce values of shape (draw, *head), or a plain figure for claims about weights, and hold the claim to it.

        >>> attention = np.array([[0.9, 0.7, 0.2], [0.8, 0.4, 0.1]])    # of two recurrences and three heads
        >>> claim("l0.previous-token").check(attention, Condition(c=-0.5))    # 0.55 in the second best head
        >>> claim("l0.previous-token").check(attention / 2, Condition(c=-0.5))
        Traceback (most recent call last):
        recint.judging.claim.Refuted: l0.previous-token: attention on position i-1 ... = 0.275, but should be >= 0.5 [a_(j+1) = ...]

        Args:
            contrasts: for each contrast that is measured at the same place, a function of no arguments that measures it,
                values of the same kind; it is called for the estimate alone.
            changed: largest change that an intervention made to what it acts on.

        Raises:
            Refuted: the claim does not hold here, and nobody is collecting.
            ValueError: a place or a contrast is missing or is one too many, or a value is not finite.
        """
        self._require_measured(at, contrasts)
        array = _array(values)
        value = float(array) if at is None else statistic(self, array)
        arm = ARM.get()
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

    def _require_measured(self, at: Place | None, contrasts: Collection[str]) -> None:
        """Raises ValueError if what `check` is handed is not what was declared."""
        if (self.quantifier == "weights") != (at is None):
            wanted = "check(figure)" if at else "check(values, at)"
            raise ValueError(f"{self.id}: quantifier={self.quantifier!r} must be measured by {wanted}")
        declared = [contrast.name for contrast in self.contrasts if contrast.domain is None]
        if missing := [name for name in declared if name not in contrasts]:
            raise ValueError(f"{self.id}: contrasts={list(contrasts)!r} must measure {missing[0]!r}, which is declared")
        if unknown := [name for name in contrasts if name not in declared]:
            raise ValueError(
                f"{self.id}: contrasts={list(contrasts)!r} must not measure {unknown[0]!r}: it is not declared to be measured here"
            )

    def failure(self, value: float, where: str) -> str:
        """The sentence in which this claim fails."""
        return failure(self.id, self, value, where)

    def __call__(self, *, figure: Callable[..., str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Decorate the property; `figure(model, evidence)` draws the claim's SVG."""

        def decorate(body: Callable[..., None]) -> Callable[..., None]:
            if hasattr(body, "hypothesis") == (self.quantifier == "weights"):
                wanted = "must not" if self.quantifier == "weights" else "must"
                raise ValueError(
                    f"{self.id}: quantifier={self.quantifier!r}, so that {body.__name__} {wanted} be decorated with @given(at=...)"
                )
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
