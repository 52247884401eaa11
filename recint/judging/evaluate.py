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
        unmet: why the claim does not apply to the model; empty if it does.
        values: per draw (and head) of the estimate; for claims about weights the figure itself.
        contrasts: the estimate of each contrast, by name; its figure, for claims about weights.
        failing: draws of the estimate that fail a claim about every single one; None for other claims.
        per_head: mean of each head, or what a figure about weights was made of; None where the claim has no heads.
        places: where the draws of the estimate were made, in their order.
    """

    claim: Claim
    seconds: float
    unmet: str = ""
    value: float | None = None
    values: NDArray[np.float64] | None = None
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
    """Run both arms of a claim on a model.

    Args:
        family: number of claims judged together.
        thorough: search also where the estimate already refutes the claim, which controls need not.
        drawn: the claim's share of what `draw_together` found for all claims, with the same seed, stages and family.
        scanned: its share of what `scan` found for all claims.

    Raises:
        ValueError: a figure that is not finite.
    """
    begun = time.monotonic()
    claim = prop.claim

    def evidence(**found: Any) -> Evidence:
        seconds = time.monotonic() - begun + (drawn.seconds if isinstance(drawn, Drawn) else 0.0)
        return Evidence(claim=claim, seconds=seconds, **found)

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
    own, *beside = (estimated(bar, values, looks=len(stages)) for bar, values in _parts(claim, drawn))
    lost = _lost(claim, [part.p_against for part in (own, *beside)], family=family)
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
    return evidence(
        value=own.value,
        values=drawn.values,
        places=drawn.places,
        estimate=own,
        contrasts={contrast.name: found for contrast, found in zip(claim.contrasts, beside, strict=True)},
        search=tried,
        per_head=per_head(claim, drawn.values),
        failing=int(_failing(claim, drawn).sum()) if claim.quantifier == "pointwise" else None,
    )


def draw_together(
    props: Sequence[Property], model: Subject, *, seed: int, stages: Sequence[int], family: int
) -> dict[str, Share]:
    """The estimates' draws of all claims, each as many as decide it."""

    looks = len(stages)

    def decided(claim: Claim, drawn: Drawn) -> bool:
        if drawn.changed == 0:
            return True
        try:
            p, p_against = zip(*(both_p_values(bar, values) for bar, values in _parts(claim, drawn)), strict=True)
        except NoEstimate:  # more of them will have none either; told where the claim is judged
            return True
        if _lost(claim, [looks * against for against in p_against], family=family):
            return True
        return len(drawn.values) >= SUPPORT_FROM and looks * max(p) <= LEVEL / family

    return draw_until_decided(props, model, seed=seed, stages=stages, decided=decided)


def _parts(claim: Claim, drawn: Drawn) -> list[tuple[Claim | Contrast, NDArray[np.float64]]]:
    """The claim and its contrasts, with their values."""
    return [(claim, drawn.values), *((contrast, drawn.contrasts[contrast.name]) for contrast in claim.contrasts)]


def _lost(claim: Claim, p_against: Sequence[float], *, family: int) -> bool:
    """Whether the estimate of the claim, or of a contrast, refutes it: p-values against the claim itself first."""
    deciding = p_against if claim.estimate_refutes else p_against[1:]
    return min(deciding, default=1.0) <= refutation_level(family=family, routes=claim.routes)


def _of_weights(prop: Property, model: Subject) -> dict[str, Any]:
    """Figures without sampling error."""
    observation = prop.measure(model)
    contrasts = {name: float(figure) for name, figure in observation.contrasts.items()}
    for name, figure in {prop.claim.statistic: observation.value, **contrasts}.items():
        if not np.isfinite(figure):
            raise ValueError(f"{prop.claim.id}: {name} is {figure}")
    return {
        "value": observation.value,
        "values": observation.values,
        "per_head": observation.per_head,
        "contrasts": contrasts,
    }


def _failing(claim: Claim, drawn: Drawn) -> NDArray[np.bool_]:
    """Which of the estimate's draws fail by themselves."""
    threshold = claim.threshold
    return drawn.values < threshold if claim.relation == ">=" else drawn.values > threshold


def _certain(claim: Claim, drawn: Drawn) -> Place | None:
    """The worst single draw of the estimate, where a claim about every single one fails at it."""
    if claim.quantifier != "pointwise" or not _failing(claim, drawn).any():
        return None
    worst = int(np.argmin(drawn.values) if claim.relation == ">=" else np.argmax(drawn.values))
    return drawn.places[worst // CHUNK].single(worst % CHUNK)
