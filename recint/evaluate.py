"""Both arms of the evidence for one claim: an estimate on independent draws, and Hypothesis' search for a counterexample.

They are kept apart: the search maximises, so no interval is put on what it saw; whatever it finds is tried again on
fresh draws before it counts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import target
from numpy.typing import NDArray

from recint.claim import Claim, Observation, Property, Refuted, observing
from recint.domain import Condition, Domain, DrawnRecurrence, Place, Recurrence, UniformVectors, Vector
from recint.recurrence import derive_seed
from recint.statistics import sampling
from recint.statistics.errors import prediction_errors
from recint.statistics.sampling import reduce
from recint.verdict import refutation_level

ENOUGH = 20  # draws around a coefficient before their mean says anything
CHUNK = 250  # recurrences in one forward pass: larger batches are slower on a CPU
DRAWS = 2000
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
    prop: Property, model: Any, *, seed: int = 0, draws: int = DRAWS, family: int = 1, thorough: bool = True
) -> Evidence:
    """Run both arms of a claim on a model.

    Args:
        family: number of claims judged together.
        thorough: search also where the estimate already refutes the claim, which controls need not.

    Raises:
        ValueError: a figure that is not finite.
    """
    begun = time.monotonic()
    claim = prop.claim

    def evidence(**found: Any) -> Evidence:
        return Evidence(claim=claim, seconds=time.monotonic() - begun, **found)

    if reason := unmet(claim, model):
        return evidence(unmet=reason)
    if claim.quantifier == "weights":
        observation = prop.measure(model)
        if not np.isfinite(observation.value):
            raise ValueError(f"{claim.id}: {claim.statistic} is {observation.value}")
        return evidence(value=observation.value, values=observation.values, per_head=observation.per_head)
    drawn = _draw(prop, model, claim.domain, seed=derive_seed(seed, claim.id, "estimate"), draws=draws)
    if drawn.changed == 0:
        return evidence(unmet=f"{claim.id}: the intervention changed nothing in {draws} recurrences")
    estimated = sampling.estimate(
        drawn.values,
        reduction=claim.reduction,
        relation=claim.relation,
        threshold=claim.threshold,
        seed=derive_seed(seed, claim.id, "bootstrap"),
    )
    contrasts = {}
    for contrast in claim.contrasts:
        label = (seed, claim.id, "contrast", contrast.name)
        beside = (
            _draw(prop, model, contrast.domain, seed=derive_seed(*label), draws=draws).values
            if contrast.domain
            else drawn.contrasts[contrast.name]
        )
        contrasts[contrast.name] = sampling.estimate(
            beside,
            reduction=contrast.reduction,
            relation=contrast.relation,
            threshold=contrast.threshold,
            seed=derive_seed(*label, "bootstrap"),
        )
    level = refutation_level(family=family, routes=claim.routes)
    deciding = (*contrasts.values(), estimated) if claim.estimate_refutes else tuple(contrasts.values())
    lost = min((part.p_against for part in deciding), default=1.0) <= level
    return evidence(
        value=estimated.value,
        values=drawn.values,
        coefficients=drawn.coefficients,
        estimate=estimated,
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


def unmet(claim: Claim, model: Any) -> str:
    """Why the claim does not apply to the model, in one sentence; empty if it does."""
    config = model.config
    for kind, needed, there in (("layer", claim.layers, config.n_layers), ("head", claim.heads, config.n_heads)):
        if needed and max(needed) >= there:
            return f"{claim.id}: speaks of {kind} {max(needed)}, but the model has {there} {kind}s"
    if claim.mse_ratio:
        drawn = claim.domain.reference(batch=CHUNK, seed=0).sample(config)
        inputs, targets = drawn.inputs.to(model.device), drawn.targets.to(model.device)
        model_error, copy_error = (
            float(prediction_errors(prediction, targets, order=config.order).mean())
            for prediction in (model(inputs), inputs)
        )
        if model_error >= copy_error:
            return (
                f"{claim.id}: speaks of ratios of MSEs, but the model's MSE of {model_error:.2g} "
                f"does not beat the {copy_error:.2g} of predicting a_i"
            )
    return ""


def _nominated(claim: Claim, drawn: _Drawn) -> Place | None:
    """The coefficient of the grid around which the estimate's draws fail the claim worst, if they do anywhere.

    Hypothesis leaves some coefficients of the grid untried; the estimate's draws lie around all of them.
    """
    if claim.quantifier == "pointwise":
        return None
    ticks = np.round(drawn.coefficients * 10).astype(int)
    failing = {}
    for tick in np.unique(ticks):
        around = drawn.values[ticks == tick]
        value = float(reduce(np.moveaxis(around, 0, -1), claim.reduction, claim.relation))
        if len(around) >= ENOUGH and not claim.holds(value):
            failing[tick / 10] = -value if claim.relation == ">=" else value
    if not failing:
        return None
    return Condition(c=max(failing, key=lambda c: failing[c]), length=claim.domain.reference(batch=1, seed=0).length)


def _certain(claim: Claim, drawn: _Drawn) -> Place | None:
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
    return means if claim.reduction == "majority of heads" else None


@dataclass(frozen=True)
class _Drawn:
    """Independent recurrences of a claim's reference distribution, as its property measured them."""

    places: Sequence[Condition]
    values: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    contrasts: Mapping[str, NDArray[np.float64]]
    changed: float | None


def _draw(prop: Property, model: Any, domain: Domain, *, seed: int, draws: int) -> _Drawn:
    """In chunks, whose seeds do not depend on how many there are."""
    places = [
        domain.reference(batch=min(CHUNK, draws - start), seed=derive_seed(seed, start))
        for start in range(0, draws, CHUNK)
    ]
    seen = [prop.measure(model, at) for at in places]
    changes = [observation.changed for observation in seen if observation.changed is not None]
    return _Drawn(
        places=places,
        values=np.concatenate([observation.values for observation in seen]),
        coefficients=np.concatenate([at.sample(model.config).coefficients[:, -1].numpy() for at in places]),
        contrasts={name: np.concatenate([part.contrasts[name] for part in seen]) for name in seen[0].contrasts},
        changed=max(changes) if changes else None,
    )


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
            target(self.badness(value))
        if not self.claim.holds(value) and observation.at.brief() not in self.pardoned:
            raise Refuted(self.claim.failure(value, observation.at.equation()))

    def badness(self, value: float) -> float:
        """Larger is worse, whatever the relation; a value that is not a number is worst."""
        if np.isnan(value):
            return float("inf")
        return -value if self.claim.relation == ">=" else value

    def suspects(self) -> list[Place]:
        """Where it failed: at the last, which is the simplest after shrinking, and at the worst of all.

        Shrinking ends at the edge of where a claim fails, and there fresh draws may well pass.
        """
        failures = [
            trial for trial in self.trials if not self.claim.holds(trial[1]) and trial[0].brief() not in self.pardoned
        ]
        worst = sorted(failures, key=lambda trial: self.badness(trial[1]))[-1:]
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
            with observing(arm):
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
    worst_at, worst = max(arm.trials, key=lambda trial: arm.badness(trial[1]))
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
    at = suspect.again(batch=RETEST, seed=seed)
    observation = prop.measure(model, at)
    if claim.holds(observation.value):
        return None
    if len(observation.values) > 1:
        again = sampling.estimate(
            observation.values,
            reduction=claim.reduction,
            relation=claim.relation,
            threshold=claim.threshold,
            seed=derive_seed(seed, "bootstrap"),
        )
        if again.p_against > level:
            return None
    return Counterexample(
        at, observation.value, claim.failure(observation.value, at.equation()), _code(prop, model, at)
    )


def _code(prop: Property, model: Any, at: Place) -> str:
    """A snippet that computes the counterexample's value again."""
    module, name = prop.body.__module__, prop.body.__name__
    kinds = (Condition, DrawnRecurrence, Recurrence, UniformVectors, Vector)
    used = ", ".join(kind.__name__ for kind in kinds if f"{kind.__name__}(" in repr(at))
    return (
        f"from {module} import {name} as test\n"
        "from recint.checkpoint import load\n"
        f"from recint.domain import {used}\n"
        "from recint.model import Model\n\n"
        f"model = Model(load({model.checkpoint.path!r}))\n"
        f"at = {at!r}\n"
        "print(test.recint_property.measure(model, at).value)\n"
    )
