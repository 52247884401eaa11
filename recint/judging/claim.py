"""What a claim is: a statement, a statistic, a threshold, and the property that measures it.

The body of the property measures the statistic at one place, and passes the values to `CLAIM.check`. The same body serves both
arms of the evidence: the estimate runs it on the reference distribution, and the search runs it where the claim may fail.
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
from recint.judging.statistic import require_values, statistic
from recint.judging.subject import Domain, Place

Quantifier = Literal["average", "everywhere", "pointwise", "weights"]
POINTWISE = 2000  # places that Hypothesis draws for a pointwise claim, whatever the number of draws of the estimate
_KINDS = ("zero", "mean", "resample", "linear")  # of an ablation or a probe: the last part of an id may name one


class Refuted(AssertionError):
    """The claim fails, in one sentence: "claim: statistic = value, but should be ... [where]"."""


class Unmet(Exception):
    """There is nothing to judge, in one sentence. A property raises it, and the claim is then not applicable."""


def _require_bar(bar: Claim | Contrast) -> None:
    """Raises ValueError if the statistic, relation, reduction or threshold of a claim or contrast is not valid."""
    refusals.require_text(statistic=bar.statistic)
    refusals.require_one_of("relation", bar.relation, get_args(Relation))
    refusals.require_one_of("reduction", bar.reduction, tuple(REDUCTIONS))
    refusals.require_finite("threshold", bar.threshold)


def _require_one_value(claim: Claim) -> None:
    """Raises ValueError if a claim about weights reduces draws or has domains: its property passes one value to `check`."""
    bars: tuple[Claim | Contrast, ...] = (claim, *claim.contrasts)
    for bar in bars:
        if bar.reduction != "mean":
            raise ValueError(
                f"reduction={bar.reduction!r} must be 'mean': a claim about weights has one value, nothing to reduce"
            )
    if elsewhere := [contrast.name for contrast in claim.contrasts if contrast.domain]:
        raise ValueError(f"domain of the contrast {elsewhere[0]!r} must be None: weights are the same everywhere")


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """What must hold in addition to the claim, so that the claim means something.

    Examples are another intervention that must break the model, or other coefficients at which the pattern must be absent.

    Attributes:
        name: what is done instead, e.g. "uniform attention in these heads".
        domain: the domain on which the claim's own statistic is measured instead; None if the property passes the values of
            the contrast to `check`.

    A field with a wrong value raises ValueError, in one sentence that names it.
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
        refusals.require_domain(self.domain, Domain | None)

    def holds(self, value: float) -> bool:
        return holds(value, self.relation, self.threshold)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim about a checkpoint, as it is registered. A change of anything that `hash` covers needs a new version.

    Attributes:
        id: "<where>.<what>", e.g. "l0.previous-token"; from version 2 on with the version, e.g. "l0.previous-token@2".
        statement: the claim in one sentence.
        quantifier: over what the claim is said to hold: "average" (on average over draws), "everywhere" (at every condition),
            "pointwise" (for every draw) or "weights" (nothing is drawn).
        statistic: the name of what is measured.
        relation, threshold: the statistic must be >= or <= the threshold.
        layers, heads: what the claim is about, counted from zero. It is not applicable to a model without them.
        reduction: how the values of draws and heads become the statistic; see `recint.judging.reductions`.
        domain: the places that the claim is about.
        contrasts: what must hold in addition for the claim to be supported.
        parts: the names of the columns of the values, if these are not heads.
        constants: names and values of numbers that the statistic depends on, e.g. how long a probe is trained.

    The hash does not cover attributes that only describe the claim:
        source: where the claim comes from.
        because: why the version before was amended; empty for version 1.
        caveat: what the statistic really measures, if that turned out to be something else than the statement says.
        corrected: what the reason for the amendment left out or got wrong.
        partner: for a claim about weights, the id of the claim that asks the same about behaviour.
        no_positive: why no model can be built for which the claim is true by construction.

    A subject's own claims may have more fields that only say to which models a claim applies; see `uncovered`.

    A field with a wrong value raises ValueError, in one sentence that names it.
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
    parts: tuple[str, ...] = ()
    constants: tuple[tuple[str, float | str], ...] = ()
    because: str = ""
    caveat: str = ""
    corrected: str = ""
    partner: str = ""
    no_positive: str = ""

    domains: ClassVar[type] = Domain  # the class of domains; a subject's own claims narrow it
    noun: ClassVar[str] = "draw"  # what one draw is called; a subject's own claims have a better word
    later: ClassVar[tuple[str, ...]] = ("constants",)  # fields that came after claims had been registered without them
    # The fields that the hash does not cover: they only describe the claim.
    uncovered: ClassVar[tuple[str, ...]] = ("source", "because", "caveat", "corrected", "partner", "no_positive")

    def __post_init__(self) -> None:
        refusals.require_id(self.id, because=self.because)
        refusals.require_text(statement=self.statement, source=self.source)
        refusals.require_one_of("quantifier", self.quantifier, get_args(Quantifier))
        _require_bar(self)
        for name in ("layers", "heads"):
            refusals.require_whole(name, getattr(self, name), least=0)
        refusals.require_domain(self.domain, self.domains)
        refusals.require_all("contrasts", self.contrasts, Contrast)
        for contrast in self.contrasts:
            refusals.require_domain(contrast.domain, self.domains | None, of=f" of the contrast {contrast.name!r}")
        refusals.require_different("contrasts", (contrast.name for contrast in self.contrasts))
        refusals.require_all("parts", self.parts, str)
        refusals.require_constants("constants", self.constants)
        if self.quantifier == "weights":
            _require_one_value(self)

    @property
    def name(self) -> str:
        """The id without its version: what all versions of a claim have in common."""
        return self.id.partition("@")[0]

    @property
    def version(self) -> int:
        return int(self.id.partition("@")[2] or 1)

    def amended(self, *, because: str, id: str = "", **changes: Any) -> Self:
        """The next version of this claim. This version does not change.

        Args:
            because: the reason for the amendment.
            id: the id of the next version, written out so that a text search for it finds the declaration.
            changes: the fields that change.

        Raises:
            ValueError: `id` is not the id of the next version, or a field has a wrong value.

        >>> claim("l0.previous-token").amended(because="refuted at c = 0 only", quantifier="average").id
        'l0.previous-token@2'
        """
        following = f"{self.name}@{self.version + 1}"
        if id not in ("", following):
            raise ValueError(f"id={id!r} must be {following!r}: that is the version after {self.id}")
        fields = {"caveat": "", "corrected": "", "no_positive": ""} | changes  # these describe one version only
        return replace(self, id=following, because=because, **fields)

    @property
    def question(self) -> str:
        """The id without its version and without the kind of ablation or probe."""
        name, _, kind = self.name.rpartition(".")
        return name if kind in _KINDS else self.name

    @cached_property
    def registered(self) -> Mapping[str, Any]:
        """The fields that the hash covers, as plain values: all that decides what is claimed and how it is judged."""
        fields = {key: value for key, value in asdict(self).items() if key not in self.uncovered}
        for name in self.later:
            if not fields[name]:
                del fields[name]
        return MappingProxyType(
            json.loads(json.dumps(fields))
        )  # tuples become lists, as they are when they are read from JSON

    @cached_property
    def hash(self) -> str:
        """SHA-256 of `registered`, in hexadecimal digits."""
        return sha256(json.dumps(dict(self.registered), sort_keys=True).encode()).hexdigest()

    def holds(self, value: float) -> bool:
        return holds(value, self.relation, self.threshold)

    def badness(self, value: float) -> float:
        """The value with a sign such that larger is worse, whatever the relation; infinity for nan."""
        if np.isnan(value):
            return float("inf")
        return -value if self.relation == ">=" else value

    @property
    def estimate_refutes(self) -> bool:
        """Whether a significant estimate on the wrong side refutes the claim; see `Reduction.refutes_everywhere`."""
        return self.quantifier == "average" or REDUCTIONS[self.reduction].refutes_everywhere

    @property
    def asked_of_untrained(self) -> bool:
        """Whether the claim can be asked of untrained models."""
        return True

    @property
    def limits(self) -> str:
        """A sentence on which models the claim applies to, beyond their layers and heads; empty if to all."""
        return ""

    @property
    def routes(self) -> int:
        """The number of ways in which the claim can be refuted by chance: its estimate, each contrast, and the search."""
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
        """Compare what was measured with the claim.

        >>> attention = np.array([[0.9, 0.7, 0.2], [0.8, 0.4, 0.1]])    # of two recurrences and three heads
        >>> claim("l0.previous-token").check(attention, Condition(c=-0.5))    # 0.55 in the second best head
        >>> claim("l0.previous-token").check(attention / 2, Condition(c=-0.5))
        Traceback (most recent call last):
        recint.judging.claim.Refuted: l0.previous-token: attention on position i-1 ... = 0.275, but should be >= 0.5 [a_(j+1) = ...]

        Args:
            values: shape (draw, *head), which the claim's reduction turns into the statistic; for a claim about weights, the
                statistic itself.
            at: the place where the values were measured; None for a claim about weights.
            per_head: for a claim about weights, the values of the heads that the statistic was made of.
            contrasts: for each contrast without a domain of its own, a function without arguments that measures it. It returns
                values of the same kind. It is called for the estimate only.
            changed: the largest change that an intervention made to the activations or weights that it acts on.

        Raises:
            Refuted: the claim does not hold here, and no arm of the evidence collects the values.
            ValueError: the place or a contrast is missing or must not be given, or values have a wrong shape or are not finite.
        """
        self._require_measured(at, contrasts)
        array = _array(values)
        arm = ARM.get()
        beside = {name: _array(measure()) for name, measure in contrasts.items()} if arm and arm.contrasts else {}
        bars = {contrast.name: contrast for contrast in self.contrasts}
        for name, numbers in {self.statistic: array, **beside}.items():
            require_values(bars.get(name, self), numbers, weights=at is None, what=f"{self.id}: {name}")
        value = float(array) if at is None else statistic(self, array)
        observation = Observation(array, at, value, per_head, beside, changed)
        if arm is not None:
            arm.observe(observation)
        elif not self.holds(value):
            raise Refuted(self.failure(value, at.equation() if at else "weights"))

    def _require_measured(self, at: Place | None, contrasts: Collection[str]) -> None:
        """Raises ValueError if the arguments of `check` do not fit the declaration."""
        if (self.quantifier == "weights") != (at is None):
            wanted = "check(value)" if at else "check(values, at)"
            raise ValueError(f"{self.id}: quantifier={self.quantifier!r} must be measured by {wanted}")
        declared = [contrast.name for contrast in self.contrasts if contrast.domain is None]
        if missing := [name for name in declared if name not in contrasts]:
            raise ValueError(f"{self.id}: contrasts={list(contrasts)!r} must measure {missing[0]!r}, which is declared")
        if unknown := [name for name in contrasts if name not in declared]:
            raise ValueError(
                f"{self.id}: contrasts={list(contrasts)!r} must not measure {unknown[0]!r}: it is not declared to be measured here"
            )

    def failure(self, value: float, where: str) -> str:
        """The sentence that says that this claim fails."""
        return failure(self.id, self, value, where)

    def __call__(self, *, figure: Callable[..., str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Decorate the property of this claim. `figure(model, evidence)` returns the claim's figure as SVG.

        Raises:
            ValueError: the property lacks `@given`, or has it though its claim is about weights, or has other parameters.
        """

        def decorate(body: Callable[..., None]) -> Callable[..., None]:
            if hasattr(body, "hypothesis") == (self.quantifier == "weights"):
                wanted = "must not" if self.quantifier == "weights" else "must"
                raise ValueError(
                    f"{self.id}: quantifier={self.quantifier!r}, so that {body.__name__} {wanted} be decorated with @given(at=...)"
                )
            refusals.require_property(self.id, body)
            if self.quantifier == "pointwise":
                body = settings(settings(), max_examples=max(POINTWISE, settings().max_examples))(body)
            prop = Property(self, body, figure)

            def test(model: Any, judge: Any) -> None:
                judge(prop, model)

            test.__name__, test.__doc__, test.__module__ = body.__name__, self.statement, body.__module__
            test.recint_property = prop  # type: ignore[attr-defined]
            return test

        return decorate


def failure(claim: str, bar: Bar, value: float, where: str) -> str:
    """The sentence that says that the claim with this id fails; `where` is the place in words."""
    return f"{claim}: {shortfall(bar, value, where)}"


def _array(values: Tensor | NDArray | float) -> NDArray[np.float64]:
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    return array.astype(np.float64)


@dataclass(frozen=True)
class Property:
    """A claim with the function that measures it (`body`) and the function that draws its figure."""

    claim: Claim
    body: Callable[..., None]
    figure: Callable[..., str]

    def measure(self, model: Any, at: Place | None = None, *, contrasts: bool = True) -> Observation:
        """Run the body once, at this place (None for a claim about weights), and return what it measured.

        Raises:
            RuntimeError: the body did not call `check` exactly once.
        """
        arm = _Collect(contrasts)
        with observing(arm):
            if self.claim.quantifier == "weights":
                self.body(model)
            else:
                self.inner(model, at=at)
        if len(arm.observations) != 1:
            raise RuntimeError(
                f"{self.claim.id}: its property called check {len(arm.observations)} times, but must do so once"
            )
        return arm.observations[0]

    @cached_property
    def inner(self) -> Callable[..., None]:
        """The body as its author wrote it, without Hypothesis around it."""
        body: Any = self.body
        inner: Callable[..., None] = body.hypothesis.inner_test
        return inner

    @property
    def file(self) -> Path:
        """The file of the module that declares the claim."""
        return Path(inspect.getsourcefile(inspect.unwrap(self.body)) or "?").resolve()

    @property
    def folder(self) -> Path:
        """The folder of the claim's module. The log and the expected verdicts belong to this folder."""
        return self.file.parent


@dataclass
class _Collect:
    contrasts: bool
    observations: list[Observation] = field(default_factory=list)

    def observe(self, observation: Observation) -> None:
        self.observations.append(observation)
