"""Both arms of the evidence for one claim: an estimate on independent draws, and Hypothesis' search for a counterexample.

They are kept apart: the search maximises, so no interval is put on what it saw; whatever it finds is tried again on
fresh draws before it counts.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from hypothesis import target
from numpy.typing import NDArray

from recint.catalogue import SHIPPED
from recint.checkpoint import Checkpoint, CheckpointError
from recint.claim import Claim, Observation, Property, Refuted, estimated, observing
from recint.domain import (
    Between,
    Condition,
    Domain,
    DrawnRecurrence,
    Place,
    Recurrence,
    UniformVectors,
    Vector,
    shortest,
)
from recint.intact import Intact
from recint.recurrence import REFERENCE, derive_seed
from recint.statistics import sampling
from recint.statistics.sampling import reduce
from recint.strategies import of_order
from recint.verdict import refutation_level

ENOUGH = 5  # draws around a coefficient that may nominate it: whatever is nominated is tried again on fresh ones
CHUNK = 100  # recurrences in one forward pass: larger batches take more memory, and a CPU is no faster with them
DRAWS = 1000
RETEST = 512  # fresh recurrences for a suspected counterexample
ROUNDS = 3  # hunts, each of which goes on past the failures of the last that were luck


@dataclass(frozen=True)
class Counterexample:
    """A place where the claim fails, confirmed on fresh draws.

    Attributes:
        at: where, with the batch and seed that reproduce `value`.
    """

    at: Place
    value: float
    text: str
    code: str


@dataclass(frozen=True)
class Search:
    """What Hypothesis saw: every trial in order, the worst one, and a counterexample if one was confirmed.

    Attributes:
        unconfirmed: places that failed in the search but not on fresh draws.
    """

    trials: tuple[tuple[Place, float], ...]
    worst: float
    worst_at: Place
    counterexample: Counterexample | None
    unconfirmed: int

    @property
    def hardest(self) -> tuple[Place, float]:
        """The counterexample, or else the worst place seen, and the value there."""
        found = self.counterexample
        return (found.at, found.value) if found else (self.worst_at, self.worst)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known about one claim on one model before the verdict.

    Attributes:
        unmet: why the claim does not apply to the model; empty if it does.
        values: per recurrence (and head) of the estimate; for claims about weights the figure itself.
        contrasts: the estimate of each contrast, by name.
        per_head: mean of each head, or what a figure about weights was made of; None where the claim has no heads.
        coefficients: c of each recurrence of the estimate, for the figures.
    """

    claim: Claim
    seconds: float
    unmet: str = ""
    value: float | None = None
    values: NDArray[np.float64] | None = None
    coefficients: NDArray[np.float64] | None = None
    estimate: sampling.Estimate | None = None
    contrasts: Mapping[str, sampling.Estimate] = field(default_factory=dict)
    search: Search | None = None
    per_head: NDArray[np.float64] | None = None


def evaluate(
    prop: Property,
    model: Any,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    family: int = 1,
    thorough: bool = True,
    drawn: Share = None,
) -> Evidence:
    """Run both arms of a claim on a model.

    Args:
        family: number of claims judged together.
        thorough: search also where the estimate already refutes the claim, which controls need not.
        drawn: the claim's share of what `draw` found for all claims together, with the same seed and draws.

    Raises:
        ValueError: a figure that is not finite.
    """
    begun = time.monotonic()
    claim = prop.claim

    def evidence(**found: Any) -> Evidence:
        seconds = time.monotonic() - begun + (drawn.seconds if isinstance(drawn, Drawn) else 0.0)
        return Evidence(claim=claim, seconds=seconds, **found)

    if reason := unmet(claim, model):
        return evidence(unmet=reason)
    if claim.quantifier == "weights":
        observation = prop.measure(model)
        if not np.isfinite(observation.value):
            raise ValueError(f"{claim.id}: {claim.statistic} is {observation.value}")
        return evidence(value=observation.value, values=observation.values, per_head=observation.per_head)
    drawn = drawn or draw([prop], model, seed=seed, draws=draws)[claim.id]
    if isinstance(drawn, Exception):
        raise drawn
    assert drawn is not None
    if drawn.changed == 0:
        return evidence(unmet=f"{claim.id}: the intervention changed nothing in {draws} recurrences")
    own = estimated(claim, drawn.values)
    contrasts = {contrast.name: estimated(contrast, drawn.contrasts[contrast.name]) for contrast in claim.contrasts}
    level = refutation_level(family=family, routes=claim.routes)
    deciding = (*contrasts.values(), own) if claim.estimate_refutes else tuple(contrasts.values())
    lost = min((part.p_against for part in deciding), default=1.0) <= level
    return evidence(
        value=own.value,
        values=drawn.values,
        coefficients=drawn.coefficients,
        estimate=own,
        contrasts=contrasts,
        search=search(
            prop,
            model,
            seed=derive_seed(seed, claim.id, "retest"),
            family=family,
            nominated=_nominated(claim, drawn),
            certain=_certain(claim, drawn),
        )
        if thorough or not lost
        else None,
        per_head=_per_head(claim, drawn.values),
    )


def require_verifiable(checkpoint: Checkpoint, path: str) -> None:
    """Raises CheckpointError if the reference distribution cannot be fed to a checkpoint."""
    config = checkpoint.config
    if config.d_vocab != REFERENCE.dim:
        raise CheckpointError(
            f"{path}: d_vocab={config.d_vocab}, but the recurrences of the claims have dimension {REFERENCE.dim}"
        )
    if config.n_ctx < REFERENCE.length - 1:
        raise CheckpointError(
            f"{path}: n_ctx={config.n_ctx}, but sequences of length={REFERENCE.length} need {REFERENCE.length - 1} positions"
        )
    if shortest(config.order) > REFERENCE.length:
        raise CheckpointError(
            f"{path}: order={config.order}, but the claims' sequences have length={REFERENCE.length}, "
            f"which leaves nothing to predict from position {2 * config.order} on"
        )


def unmet(claim: Claim, model: Any) -> str:
    """Why a claim cannot be asked of a model, in one sentence; empty if it can."""
    config = model.config
    if missing := [layer for layer in claim.layers if layer >= config.n_layers]:
        return f"{claim.id}: speaks of layer {missing[0]}, but the model has {config.n_layers} of them"
    if missing := [head for head in claim.heads if head >= config.n_heads]:
        return f"{claim.id}: speaks of head {missing[0]}, but the model has {config.n_heads} of them"
    if claim.reduction == "largest over median head" and config.n_heads < 2:
        return f"{claim.id}: compares the heads of a layer, but the model has 1 of them"
    if claim.quantifier != "weights" and claim.domain.length[1] < shortest(config.order):
        return (
            f"{claim.id}: speaks of {claim.domain.length[1]} terms, but at order={config.order} "
            f"nothing can be predicted from fewer than {shortest(config.order)}"
        )
    if claim.orders and config.order not in claim.orders:
        return f"{claim.id}: speaks of recurrences of order {claim.orders[0]}, but the model has order={config.order}"
    if claim.mse_ratio:
        model_error, copy_error = _error_and_copying(model)
        if model_error >= copy_error:
            return (
                f"{claim.id}: speaks of ratios of MSEs, but the model's MSE of {model_error:.2g} "
                f"does not beat the {copy_error:.2g} of predicting a_i"
            )
    return ""


def _error_and_copying(model: Any) -> tuple[float, float]:
    """MSE of the model and of predicting a_i again, over reference recurrences; measured once, since all claims of ratios ask."""

    def measure() -> tuple[float, float]:
        at = Domain().reference(batch=CHUNK, seed=derive_seed(0, "copying"))
        intact = Intact(model, at.sample(model.config))
        return float(intact.errors.mean()), float(intact.errors_of(intact.recurrences.inputs).mean())

    found: tuple[float, float] = model.once("error and copying", measure)
    return found


def _nominated(claim: Claim, drawn: Drawn) -> Place | None:
    """The coefficient of the grid around which the estimate's draws fail the claim worst, if they do anywhere.

    Hypothesis leaves some coefficients of the grid untried; the estimate's draws lie around all of them. Of order 2 and
    above they are too few for a grid of that many dimensions.
    """
    if claim.quantifier == "pointwise" or drawn.order > 1:
        return None
    ticks = np.round(drawn.coefficients * 10).astype(int)
    failing = {}
    for tick in np.unique(ticks):
        around = drawn.values[ticks == tick]
        value = float(reduce(np.moveaxis(around, 0, -1), claim.reduction, claim.relation))
        if len(around) >= ENOUGH and not claim.holds(value):
            failing[int(tick) / 10] = claim.badness(value)
    if not failing:
        return None
    return Condition(c=max(failing, key=lambda c: failing[c]), length=claim.domain.reference(batch=1, seed=0).length)


def _certain(claim: Claim, drawn: Drawn) -> Place | None:
    """The worst single recurrence of the estimate, where a claim about every single one fails at it."""
    if claim.quantifier != "pointwise":
        return None
    worst = int(np.argmin(drawn.values) if claim.relation == ">=" else np.argmax(drawn.values))
    return (
        None
        if claim.holds(float(drawn.values[worst]))
        else DrawnRecurrence(drawn.places[worst // CHUNK], worst % CHUNK)
    )


def _per_head(claim: Claim, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The statistic of each head by itself."""
    means = values.mean(0)
    if claim.reduction == "smallest ratio over heads":
        return means[0] / means[1]
    if claim.reduction == "largest over median head":
        return means / np.median(means)
    return means if claim.reduction == "majority of heads" else None


@dataclass(frozen=True)
class Drawn:
    """Independent recurrences of a claim's reference distribution, as its property measured them.

    Attributes:
        numbers: what was measured, in 32 bits where that loses nothing, as of most of what a model computes.
        contrast_numbers: of each of its contrasts, by name.
        coefficients: that of the previous term, which figures are drawn against.
        changed: largest change that the property's intervention made to what it acts on; None without intervention.
        seconds: what the claim's own measuring took, beside the passes that it shares.
    """

    places: Sequence[Condition]
    numbers: NDArray
    contrast_numbers: Mapping[str, NDArray]
    coefficients: NDArray[np.float64]
    order: int
    changed: float | None
    seconds: float

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Of every recurrence."""
        return self.numbers.astype(np.float64)

    @cached_property
    def contrasts(self) -> dict[str, NDArray[np.float64]]:
        """Of each of its contrasts, by name."""
        return {name: numbers.astype(np.float64) for name, numbers in self.contrast_numbers.items()}


Share = Drawn | Exception | None  # what `draw` has for a claim


def draw(props: Sequence[Property], model: Any, *, seed: int, draws: int) -> dict[str, Share]:
    """The estimates' draws of all claims, on shared passes.

    Claims with the same reference distribution are measured side by side on each chunk of recurrences, so that the model's
    pass over it, and interventions that several claims read, are made once. A claim that fails to be measured is told by its
    exception; one about weights, or that does not apply to the model, has nothing drawn.
    """
    asked = [prop for prop in props if prop.claim.quantifier != "weights" and not unmet(prop.claim, model)]
    kept: dict[tuple[str, Domain], _Kept] = {}
    places: dict[Domain, list[Condition]] = {}
    coefficients: dict[Domain, NDArray[np.float64]] = {}
    failed: dict[str, Exception] = {}
    seconds: dict[str, float] = defaultdict(float)
    # Domains that differ in what is searched may have the same reference distribution.
    groups: dict[Condition, list[tuple[Property, Domain]]] = defaultdict(list)
    for prop in asked:
        for domain in _domains(prop.claim):
            groups[domain.reference(batch=1, seed=0)].append((prop, domain))
            kept[prop.claim.id, domain] = _Kept(draws)
    for here in groups.values():
        reference, shared = here[0][1], []
        for start in range(0, draws, CHUNK):
            at = reference.reference(batch=min(CHUNK, draws - start), seed=derive_seed(seed, "estimate", start))
            shared.append(at)
            for prop, domain in here:
                name, begun = prop.claim.id, time.monotonic()
                if name not in failed:
                    try:
                        if len(here) > 1:  # the whole pass at once, not up to what the first claim asks
                            _ = model.intact(at).prediction
                        kept[name, domain].add(prop.measure(model, at), start=start, batch=at.batch)
                    except Exception as error:
                        failed[name] = error.with_traceback(None)  # which would keep its activations
                seconds[name] += time.monotonic() - begun
        c = np.concatenate([at.sample(model.config).coefficients[:, -1].numpy() for at in shared])
        for _, domain in here:
            places[domain], coefficients[domain] = shared, c

    def gathered(claim: Claim) -> Drawn:
        own = kept[claim.id, claim.domain]
        return Drawn(
            places=places[claim.domain],
            numbers=own.numbers["values"],
            contrast_numbers={
                contrast.name: kept[claim.id, contrast.domain].numbers["values"]
                if contrast.domain
                else own.numbers[contrast.name]
                for contrast in claim.contrasts
            },
            coefficients=coefficients[claim.domain],
            order=model.config.order,
            changed=own.changed,
            seconds=seconds[claim.id],
        )

    shares: dict[str, Share] = dict.fromkeys(prop.claim.id for prop in props)
    return shares | {prop.claim.id: failed.get(prop.claim.id) or gathered(prop.claim) for prop in asked}


@dataclass
class _Kept:
    """What a claim's property measured of so many recurrences, in arrays that are filled chunk by chunk.

    Thousands of small arrays instead, put together in the end, take far more memory, as `benchmarks/cost.py memory` tells.
    """

    draws: int
    numbers: dict[str, NDArray] = field(default_factory=dict)
    changed: float | None = None

    def add(self, observation: Observation, *, start: int, batch: int) -> None:
        """Raises ValueError if it is not one value for each recurrence."""
        for name, values in {"values": observation.values, **observation.contrasts}.items():
            if len(values) != batch:
                raise ValueError(f"{len(values)} values were measured, but should be one for each of {batch}")
            if name not in self.numbers:
                self.numbers[name] = np.zeros((self.draws, *values.shape[1:]), np.float32)
            if self.numbers[name].dtype == np.float32 and not _fits(values):
                self.numbers[name] = self.numbers[name].astype(np.float64)
            self.numbers[name][start : start + batch] = values
        if observation.changed is not None:
            self.changed = max(observation.changed, self.changed or 0.0)


def _fits(values: NDArray[np.float64]) -> bool:
    """Whether 32 bits hold these numbers exactly."""
    with np.errstate(over="ignore"):
        return np.array_equal(values.astype(np.float32), values, equal_nan=True)


def _domains(claim: Claim) -> list[Domain]:
    """Where a claim is measured: in its own domain, and in those of contrasts that have one."""
    return list(dict.fromkeys([claim.domain, *(contrast.domain for contrast in claim.contrasts if contrast.domain)]))


@dataclass
class _Searching:
    """The arm that hunts: steers Hypothesis towards the worst and raises where the claim fails.

    Attributes:
        pardoned: conditions whose failure did not come back on fresh draws; the hunt goes on past them.
    """

    claim: Claim
    contrasts: bool = False
    trials: list[tuple[Place, float]] = field(default_factory=list)
    pardoned: set[str] = field(default_factory=set)

    def observe(self, observation: Observation) -> None:
        assert observation.at is not None
        value = observation.value
        self.trials.append((observation.at, value))
        if np.isfinite(value):
            target(self.claim.badness(value))
        if not self.claim.holds(value) and observation.at.brief() not in self.pardoned:
            raise Refuted(self.claim.failure(value, observation.at.equation()))

    def suspects(self) -> list[Place]:
        """Where it failed: at the last, which is the simplest after shrinking, and at the worst of all.

        Shrinking ends at the edge of where a claim fails, and there fresh draws may well pass.
        """
        failures = [
            trial for trial in self.trials if not self.claim.holds(trial[1]) and trial[0].brief() not in self.pardoned
        ]
        worst = sorted(failures, key=lambda trial: self.claim.badness(trial[1]))[-1:]
        return list(dict.fromkeys(at for at, _ in failures[-1:] + worst))


def search(
    prop: Property, model: Any, *, seed: int, family: int, nominated: Place | None = None, certain: Place | None = None
) -> Search:
    """Let Hypothesis try to break the claim, and try what it finds again on fresh draws.

    A failure that was luck does not end the hunt: the condition is pardoned, and Hypothesis sent on, up to `ROUNDS` times.

    Args:
        nominated: the condition that looks worst in the estimate, if any does; it has half of the level to itself.
        certain: a single recurrence that the estimate has seen to fail, for which there is nothing to draw again.
    """
    arm = _Searching(prop.claim)
    level = refutation_level(family=family, routes=prop.claim.routes)
    confirmed, tried = None, 0

    def confirm_any(suspects: Sequence[Place]) -> Counterexample | None:
        """Each try spends half of what is left of half of the level, so that all together spend no more than that."""
        nonlocal tried
        for suspect in suspects:
            tried += 1
            if found := confirm(prop, model, suspect, seed=derive_seed(seed, tried), level=level / 2 / 2**tried):
                return found
            arm.pardoned.add(suspect.brief())
        return None

    for _ in range(ROUNDS):
        try:
            with observing(arm), of_order(model.config.order):
                prop.body(model)
        except Refuted:
            if confirmed := confirm_any(arm.suspects()):
                break
        else:
            break
    for suspect in (nominated, certain):
        if suspect and not confirmed:
            tried += 1
            confirmed = confirm(prop, model, suspect, seed=derive_seed(seed, tried), level=level / 2)
    worst_at, worst = max(arm.trials, key=lambda trial: prop.claim.badness(trial[1]))
    return Search(
        trials=tuple(arm.trials),
        worst=worst,
        worst_at=worst_at,
        counterexample=confirmed,
        unconfirmed=0 if confirmed else tried,
    )


def confirm(prop: Property, model: Any, suspect: Place, *, seed: int, level: float) -> Counterexample | None:
    """Try a failure again where chance had no part in finding it; None if it does not fail significantly there.

    One recurrence has nothing to draw again: it is judged by the same claim on a pass of its own.
    """
    claim = prop.claim
    at = suspect.again(batch=RETEST if claim.quantifier != "average" else RETEST // 4, seed=seed)
    observation = prop.measure(model, at, contrasts=False)
    if claim.holds(observation.value):
        return None
    if len(observation.values) > 1 and estimated(claim, observation.values).p_against > level:
        return None
    return Counterexample(
        at, observation.value, claim.failure(observation.value, at.equation()), _code(prop, model, at)
    )


def _code(prop: Property, model: Any, at: Place) -> str:
    """A snippet that computes the counterexample's value again."""
    where = "" if prop.folder == SHIPPED else f", {str(prop.folder)!r}"
    kinds = (Between, Condition, DrawnRecurrence, Recurrence, UniformVectors, Vector)
    used = ", ".join(kind.__name__ for kind in kinds if f"{kind.__name__}(" in repr(at))
    return (
        "from recint.catalogue import find\n"
        "from recint.checkpoint import load\n"
        f"from recint.domain import {used}\n"
        "from recint.model import Model\n\n"
        f"model = Model(load({model.checkpoint.path!r}))\n"
        f"at = {at!r}\n"
        f"print(find({prop.claim.id!r}{where}).measure(model, at).value)\n"
    )
