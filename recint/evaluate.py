"""Both arms of the evidence for one claim: an estimate on independent draws, and Hypothesis' search for a counterexample.

They are kept apart: the search maximises, so no interval is put on what it saw; whatever it finds is tried again on
fresh draws before it counts.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import target
from numpy.typing import NDArray

from recint.claim import Claim, Observation, Property, Refuted, observing
from recint.domain import Condition, Place, Recurrence, UniformVectors
from recint.recurrence import derive_seed
from recint.statistics import sampling
from recint.verdict import LEVEL

CHUNK = 250  # recurrences in one forward pass: larger batches are slower on a CPU
DRAWS = 2000
RETEST = 512  # fresh recurrences for a suspected counterexample


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


@dataclass(frozen=True)
class Evidence:
    """All that is known about one claim on one model before the verdict.

    Attributes:
        values: per recurrence (and head) of the estimate; for claims about weights the figure itself.
        per_head: mean of each head, or what a figure about weights was made of; None where the claim has no heads.
        coefficients: c of each recurrence of the estimate, for the figures.
    """

    claim: Claim
    value: float
    values: NDArray[np.float64]
    coefficients: NDArray[np.float64] | None
    estimate: sampling.Estimate | None
    search: Search | None
    per_head: NDArray[np.float64] | None
    seconds: float


def evaluate(prop: Property, model: Any, *, seed: int = 0, draws: int = DRAWS, family: int = 1) -> Evidence:
    """Run both arms of a claim on a model; `family` is the number of claims judged together."""
    begun = time.monotonic()
    claim = prop.claim
    if claim.quantifier == "weights":
        observation = prop.measure(model)
        seconds = time.monotonic() - begun
        return Evidence(claim, observation.value, observation.values, None, None, None, observation.per_head, seconds)
    values, coefficients = _draw(prop, model, seed=derive_seed(seed, claim.id, "estimate"), draws=draws)
    estimated = sampling.estimate(
        values,
        reduction=claim.reduction,
        relation=claim.relation,
        threshold=claim.threshold,
        seed=derive_seed(seed, claim.id, "bootstrap"),
    )
    found = None
    if claim.quantifier in ("everywhere", "pointwise"):
        found = search(prop, model, seed=derive_seed(seed, claim.id, "retest"), family=family)
    per_head = values.mean(0) if values.ndim == 2 else None
    seconds = time.monotonic() - begun
    return Evidence(claim, estimated.value, values, coefficients, estimated, found, per_head, seconds)


def _draw(prop: Property, model: Any, *, seed: int, draws: int) -> tuple[NDArray, NDArray]:
    """Values and coefficients of independent recurrences of the claim's reference distribution, in chunks."""
    values, coefficients = [], []
    for start in range(0, draws, CHUNK):
        at = prop.claim.domain.reference(batch=min(CHUNK, draws - start), seed=derive_seed(seed, start))
        values.append(prop.measure(model, at).values)
        coefficients.append(at.sample(model.config).coefficients[:, -1].numpy())
    return np.concatenate(values), np.concatenate(coefficients)


@dataclass
class _Searching:
    """The arm that hunts: steers Hypothesis towards the worst and raises where the claim fails."""

    claim: Claim
    trials: list[tuple[Place, float]] = field(default_factory=list)

    def observe(self, observation: Observation) -> None:
        assert observation.at is not None
        value = observation.value
        self.trials.append((observation.at, value))
        if np.isfinite(value):
            target(self.badness(value))
        if not self.claim.holds(value):
            raise Refuted(self.claim.failure(value, observation.at.equation()))

    def badness(self, value: float) -> float:
        """Larger is worse, whatever the relation; a value that is not a number is worst."""
        if np.isnan(value):
            return float("inf")
        return -value if self.claim.relation == ">=" else value


def search(prop: Property, model: Any, *, seed: int, family: int) -> Search:
    """Let Hypothesis try to break the claim, and try what it finds again on fresh draws.

    Tried again are the shrunk failure first (the simplest), then the worst one seen: shrinking ends at the edge of where a
    claim fails, where fresh draws may well pass.
    """
    arm = _Searching(prop.claim)
    failed = False
    with observing(arm):
        try:
            prop.body(model)
        except Refuted:
            failed = True
    by_badness = sorted(arm.trials, key=lambda trial: arm.badness(trial[1]), reverse=True)
    worst_at, worst = by_badness[0]
    suspects: Sequence[Place] = ()
    if failed:
        shrunk = next(at for at, value in reversed(arm.trials) if not prop.claim.holds(value))
        suspects = list(dict.fromkeys((shrunk, worst_at)))
    confirmed = None
    for index, suspect in enumerate(suspects):
        confirmed = confirm(prop, model, suspect, seed=derive_seed(seed, index), level=LEVEL / family / len(suspects))
        if confirmed:
            break
    return Search(
        trials=tuple(arm.trials),
        worst=worst,
        worst_at=worst_at,
        counterexample=confirmed,
        unconfirmed=0 if confirmed else len(suspects),
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
    used = [kind.__name__ for kind in (Condition, Recurrence, UniformVectors) if isinstance(at, kind)]
    vector = ", Vector" if "Recurrence" in used else ""
    return (
        f"from {module} import {name} as test\n"
        "from recint.checkpoint import load\n"
        f"from recint.domain import {used[0]}{vector}\n"
        "from recint.model import Model\n\n"
        f"model = Model(load({model.checkpoint.path!r}))\n"
        f"at = {at!r}\n"
        "print(test.recint_property.measure(model, at).value)\n"
    )
