"""The evidence for one claim has two arms: an estimate on independent draws, and a search for a counterexample.

The arms are kept apart. The search looks for the worst value, so that its values are no sample, and no interval is computed from
them. A failure that it finds counts only if it is confirmed on fresh draws.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recint.judging.claim import Claim, Contrast, Property, Unmet
from recint.judging.draws import Drawn, Share, draw_until_decided
from recint.judging.intervals import Estimate, NoEstimate
from recint.judging.scan import Scan
from recint.judging.search import Search, search
from recint.judging.statistic import both_p_values, estimated, per_head
from recint.judging.subject import CHUNK, Place, Sample, Subject
from recint.system.seeds import derive_seed
from recint.verdict import LEVEL, STAGES, SUPPORT_FROM, refutation_level


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known about one claim on one model before the verdict.

    Attributes:
        seconds: how long it took to measure the claim.
        unmet: why the claim is not applicable to the model; empty if it is applicable.
        value: the statistic; None if the claim is not applicable.
        values: the values of the draws, shape (draw, *head); for a claim about weights, the statistic itself.
        contrast_values: the values of each contrast on the draws, by its name; empty for a claim about weights.
        places: where the draws of the estimate were made, in order.
        estimate: None for a claim about weights.
        contrasts: the estimate of each contrast, by name; for a claim about weights, its value.
        search: None if there was no search.
        per_head: the statistic of each head; for a claim about weights, the values that the statistic was made of; None if the
            claim has no heads.
        failing: how many draws fail, for a claim about every single draw; None for other claims.
    """

    claim: Claim
    seconds: float
    unmet: str = ""
    value: float | None = None
    values: NDArray[np.float64] | None = None
    contrast_values: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    places: Sequence[Sample] = ()
    estimate: Estimate | None = None
    contrasts: Mapping[str, Estimate | float] = field(default_factory=dict)
    search: Search | None = None
    per_head: NDArray[np.float64] | None = None
    failing: int | None = None


def evaluate(
    prop: Property,
    model: Subject,
    *,
    seed: int = 0,
    stages: Sequence[int] = STAGES,
    family: int = 1,
    thorough: bool = True,
    drawn: Share = None,
    scanned: Scan | Exception | None = None,
) -> Evidence:
    """Collect the evidence of both arms for a claim on a model.

    Args:
        stages: the numbers of draws after which the estimate is looked at.
        family: the number of claims that are judged together.
        thorough: whether there is a search even if the estimate already refutes the claim. Controls do without.
        drawn: what `draw_together` returned for the claim, with the same seed, stages and family; None to draw here.
        scanned: what `scan` returned for the claim; None to scan here.

    Raises:
        ValueError: a statistic is not finite, or there are too few draws for it.
        Exception: whatever went wrong while the claim was measured by `draw_together` or `scan`.
    """
    begun = time.monotonic()
    claim = prop.claim

    def evidence(**fields: Any) -> Evidence:
        seconds = time.monotonic() - begun + (drawn.seconds if isinstance(drawn, Drawn) else 0.0)
        return Evidence(claim=claim, seconds=seconds, **fields)

    if reason := model.unmet(claim):
        return evidence(unmet=reason)
    if claim.quantifier == "weights":
        try:
            return evidence(**_of_weights(prop, model))
        except Unmet as reason:
            return evidence(unmet=f"{claim.id}: {reason}")
    drawn = drawn or draw_together([prop], model, seed=seed, stages=stages, family=family)[claim.id]
    if isinstance(drawn, Unmet):
        return evidence(unmet=f"{claim.id}: {drawn}")
    if isinstance(drawn, Exception):
        raise drawn
    assert drawn is not None
    if drawn.changed == 0:
        return evidence(unmet=f"{claim.id}: the intervention changed nothing in {len(drawn.values)} recurrences")
    arm = estimated_arm(claim, drawn.values, drawn.contrasts, looks=len(stages))
    lost = _lost(claim, [part.p_against for part in (arm.estimate, *arm.contrasts.values())], family=family)
    searched = claim.quantifier != "average" and (thorough or not lost)
    try:
        if searched and isinstance(scanned, Exception):
            raise scanned
        tried = (
            search(
                prop,
                model,
                seed=derive_seed(seed, claim.id, "retest"),
                family=family,
                scanned=scanned if isinstance(scanned, Scan) else None,
                certain=_certain(claim, drawn),
            )
            if searched
            else None
        )
    except Unmet as reason:
        return evidence(unmet=f"{claim.id}: {reason}")
    return evidence(**vars(arm), places=drawn.places, search=tried)


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """What follows from the values of the draws alone. The attributes are those of `Evidence`."""

    value: float
    values: NDArray[np.float64]
    contrast_values: Mapping[str, NDArray[np.float64]]
    estimate: Estimate
    contrasts: Mapping[str, Estimate]
    per_head: NDArray[np.float64] | None
    failing: int | None


def estimated_arm(
    claim: Claim, values: NDArray[np.float64], contrast_values: Mapping[str, NDArray[np.float64]], *, looks: int
) -> Estimated:
    """The estimates of a claim and of its contrasts.

    Args:
        looks: how often the growing sample may be looked at.

    Raises:
        NoEstimate: there are too few draws, or a statistic does not exist for them.
    """
    own = estimated(claim, values, looks=looks)
    return Estimated(
        value=own.value,
        values=values,
        contrast_values=contrast_values,
        estimate=own,
        contrasts={
            contrast.name: estimated(contrast, contrast_values[contrast.name], looks=looks)
            for contrast in claim.contrasts
        },
        per_head=per_head(claim, values),
        failing=int(_failing(claim, values).sum()) if claim.quantifier == "pointwise" else None,
    )


def draw_together(
    props: Sequence[Property], model: Subject, *, seed: int, stages: Sequence[int], family: int
) -> dict[str, Share]:
    """Draws for the estimates of all claims, by the id of the claim. Each claim gets draws until they decide it.

    Draws decide a claim if its estimate, or that of a contrast, refutes it; or if Bonferroni's correction would support it and
    there are at least SUPPORT_FROM draws.

    Args:
        stages: the numbers of draws after which the claims are looked at.
        family: the number of claims that are judged together.
    """

    looks = len(stages)

    def decided(claim: Claim, drawn: Drawn) -> bool:
        if drawn.changed == 0:
            return True
        try:
            p, p_against = _p_values(claim, drawn, looks=looks)
        except NoEstimate:  # more draws will not help; `evaluate` raises the error again
            return True
        if _lost(claim, p_against, family=family):
            return True
        return len(drawn.values) >= SUPPORT_FROM and max(p) <= LEVEL / family

    return draw_until_decided(props, model, seed=seed, stages=stages, decided=decided)


def refuted_by_estimate(claim: Claim, drawn: Share, *, looks: int, family: int) -> bool:
    """Whether the draws for the estimate refute the claim. Then no search can change its verdict.

    Args:
        looks: how often the growing sample may be looked at.
        family: the number of claims that are judged together.
    """
    if not isinstance(drawn, Drawn):
        return False
    try:
        return _lost(claim, _p_values(claim, drawn, looks=looks)[1], family=family)
    except NoEstimate:  # `evaluate` raises the error again
        return False


def _p_values(claim: Claim, drawn: Drawn, *, looks: int) -> tuple[list[float], list[float]]:
    """The p-values of "it does not hold" and of "it holds": those of the claim first, then those of its contrasts."""
    parts: list[tuple[Claim | Contrast, NDArray[np.float64]]] = [
        (claim, drawn.values),
        *((contrast, drawn.contrasts[contrast.name]) for contrast in claim.contrasts),
    ]
    pairs = [both_p_values(bar, values) for bar, values in parts]
    return [looks * p for p, _ in pairs], [looks * p_against for _, p_against in pairs]


def _lost(claim: Claim, p_against: Sequence[float], *, family: int) -> bool:
    """Whether the estimate of the claim, or of a contrast, refutes the claim.

    Args:
        p_against: the p-values of "it holds": that of the claim first, then those of its contrasts.
    """
    deciding = p_against if claim.estimate_refutes else p_against[1:]
    return min(deciding, default=1.0) <= refutation_level(family=family, routes=claim.routes)


def _of_weights(prop: Property, model: Subject) -> dict[str, Any]:
    """The fields of the evidence for a claim about weights, which has no sampling error.

    Raises:
        ValueError: a value is not finite.
    """
    observation = prop.measure(model)
    contrasts = {name: float(value) for name, value in observation.contrasts.items()}
    for name, value in {prop.claim.statistic: observation.value, **contrasts}.items():
        if not np.isfinite(value):
            raise ValueError(f"{prop.claim.id}: {name} is {value}")
    return {
        "value": observation.value,
        "values": observation.values,
        "per_head": observation.per_head,
        "contrasts": contrasts,
    }


def _failing(claim: Claim, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """For each draw of the estimate, whether it lies beyond the threshold by itself."""
    return values < claim.threshold if claim.relation == ">=" else values > claim.threshold


def _certain(claim: Claim, drawn: Drawn) -> Place | None:
    """The worst draw of the estimate, if the claim is about every single draw and fails at it; otherwise None."""
    if claim.quantifier != "pointwise" or not _failing(claim, drawn.values).any():
        return None
    worst = int(np.argmin(drawn.values) if claim.relation == ">=" else np.argmax(drawn.values))
    return drawn.places[worst // CHUNK].single(worst % CHUNK)
