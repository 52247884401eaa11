"""Figures that claims share, as SVG.

Each shows the statistic against the coefficient c. Some also show attention, attribution, or every head by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recint.checkpoint import ModelConfig
from recint.claim import Claim
from recint.domain import Between, Condition, Domain, reference_of
from recint.judging.evaluate import Evidence
from recint.judging.reductions import REDUCTIONS
from recint.judging.scan import VISIT
from recint.judging.statistic import estimated, statistic
from recint.judging.subject import Place, Sample
from recint.model.attribution import attribution
from recint.pages import figures
from recint.system.seeds import derive_seed

BINS = 20


def against_c(model: Any, evidence: Evidence) -> str:
    """A figure: the estimate in bins of c with 95 % intervals, the trials of the search, and the counterexample.

    A second figure shows the scan, if it visited a grid of coefficients and lengths.
    """
    claim, search, values = evidence.claim, evidence.search, _values(evidence)
    assert isinstance(claim, Claim)
    low, high = claim.domain.on(model.config).c
    edges = np.linspace(-high if claim.domain.either_sign else low, high, BINS + 1)
    coefficients = _coefficients(model, evidence)
    inside = np.clip(np.digitize(coefficients, edges) - 1, 0, BINS - 1)
    shown = [_bin(claim, values[inside == bin_], coefficients[inside == bin_]) for bin_ in range(BINS)]
    counterexample = search.counterexample if search else None
    marked = next(iter(_points([(counterexample.at, counterexample.value)])), None) if counterexample else None
    drawn = figures.against(
        f"{claim.id}: {_finding(claim, evidence, marked)}",
        x=[bin_.c for bin_ in shown],
        value=[bin_.value for bin_ in shown],
        low=[bin_.low for bin_ in shown],
        high=[bin_.high for bin_ in shown],
        threshold=claim.threshold,
        relation=claim.relation,
        xlabel="coefficient c",
        ylabel=claim.statistic,
        log=claim.mse_ratio or 0 < claim.threshold < 0.01,  # errors and their ratios spread over several powers of ten
        searched=_points(search.trials) if search else (),
        counterexample=marked,
    )
    return drawn + _map(evidence)


def _values(evidence: Evidence) -> NDArray[np.float64]:
    """The values of the estimate; raises ValueError if none were measured at recurrences, as for a claim about weights."""
    if evidence.values is None or not evidence.places:
        raise ValueError(
            f"{evidence.claim.id}: is about weights, and has no values at recurrences; choose a figure of weights"
        )
    return evidence.values


def _coefficients(model: Any, evidence: Evidence) -> NDArray[np.float64]:
    """The coefficient of the previous term in each recurrence of the estimate."""
    return np.concatenate([_drawn(at, model.config) for at in evidence.places])


@lru_cache(maxsize=1000)  # claims of one domain share their recurrences
def _drawn(at: Sample, config: ModelConfig) -> NDArray[np.float64]:
    assert isinstance(at, Condition)
    drawn: NDArray[np.float64] = at.sample(config).coefficients[:, -1].numpy()
    return drawn


def _map(evidence: Evidence) -> str:
    """A figure: the statistic at every condition that the scan visited. Empty if it visited no grid of coefficients and lengths."""
    claim, search = evidence.claim, evidence.search
    if search is None or search.scanned is None:
        return ""
    visited = {
        (at.c, at.length): value
        for at, value in search.scanned.values(claim)
        if isinstance(at, Condition) and isinstance(at.c, float | int)
    }
    if not visited:
        return ""
    c, lengths = (sorted(set(which)) for which in zip(*visited, strict=True))
    table = np.array([[visited.get((one, length), np.nan) for one in c] for length in lengths])
    failing = sum(not claim.holds(value) for value in visited.values())
    fails_at = search.counterexample.at if search.counterexample else None
    return figures.conditions_map(
        f"{claim.id}: of {len(visited)} conditions, {failing} are not {claim.relation} {claim.threshold:g} in a first visit of "
        f"{VISIT} recurrences",
        columns=c,
        rows=lengths,
        value=table,
        threshold=claim.threshold,
        relation=claim.relation,
        xlabel="coefficient c",
        ylabel="terms",
        label=claim.statistic,
        counterexample=(fails_at.c, fails_at.length)
        if isinstance(fails_at, Condition) and isinstance(fails_at.c, float | int)
        else None,
    )


def _hardest(model: Any, evidence: Evidence) -> tuple[Place, float, str]:
    """The place where the statistic is worst, its value there, and words that name this place."""
    claim, search = evidence.claim, evidence.search
    if search is not None:
        return *search.hardest, "its counterexample" if search.counterexample else "the worst place found"
    values = _values(evidence)
    assert isinstance(claim.domain, Domain)
    coefficients = _coefficients(model, evidence)
    nearest = np.round(coefficients, 0 if len(coefficients) < 500 else 1)
    value = {float(c): statistic(claim, values[nearest == c]) for c in np.unique(nearest)}
    worst = max(value, key=lambda c: claim.badness(value[c]))
    at = Condition(c=worst, length=claim.domain.on(model.config).estimated)
    return at, value[worst], "the coefficient around which it is worst"


def with_attention(layer: int, *, by_parity: bool = False) -> Callable[..., str]:
    """A figure: `against_c`, and the mean attention of every head of a layer at the place where the statistic is worst.

    Args:
        by_parity: draw attention a second time, with even positions before odd ones. A checkerboard then becomes two blocks.
    """

    def figure(model: Any, evidence: Evidence) -> str:
        at, value, called = _hardest(model, evidence)
        pattern = model.intact(at)[f"blocks.{layer}.attn.hook_pattern"].mean(0).cpu().numpy()
        heading = f"{evidence.claim.id} at {called}"
        parts = [
            against_c(model, evidence),
            figures.attention(f"{heading}, {at.brief()}: {value:.3g} (mean attention)", pattern=pattern, layer=layer),
        ]
        if by_parity:
            order = [*range(0, pattern.shape[-1], 2), *range(1, pattern.shape[-1], 2)]
            parts.append(
                figures.attention(
                    "The same with even positions before odd ones: a checkerboard would be two blocks",
                    pattern=pattern[:, order][:, :, order],
                    layer=layer,
                    positions=order,
                )
            )
        return "".join(parts)

    return figure


def with_heads(model: Any, evidence: Evidence) -> str:
    """A figure: the statistic of every head (or other part) by itself with its interval, and `against_c`."""
    claim, values = evidence.claim, _values(evidence)
    one = REDUCTIONS[claim.reduction].one_head
    if one is None:
        raise ValueError(
            f"{claim.id}: reduction={claim.reduction!r} has no head by itself; choose a figure without heads"
        )
    single, each = replace(claim, reduction=one.reduction), values
    if one.unit is not None:
        each = values / one.unit(values.mean(0))
    parts = [estimated(single, each[..., head]) for head in range(values.shape[-1])]
    return figures.head_statistics(
        f"{claim.id}: the {one.which} is {evidence.value:.3g}, should be {claim.relation} {claim.threshold:g}",
        names=claim.parts or [f"head {head}" for head in range(len(parts))],
        value=[part.value for part in parts],
        low=[part.low for part in parts],
        high=[part.high for part in parts],
        threshold=claim.threshold,
        relation=claim.relation,
        xlabel=claim.statistic,
    ) + against_c(model, evidence)


def with_attribution(model: Any, evidence: Evidence) -> str:
    """A figure: the mean attribution of every component at every position, over reference recurrences, and `against_c`."""
    reference = reference_of(model.config)
    intact = model.intact(
        Condition(c=Between(*reference.c), length=reference.length, seed=derive_seed(0, "figure"), batch=200)
    )
    parts = attribution(model, intact)
    layers, heads = parts.heads.shape[2:]
    names = [f"layer {layer}, head {head}" for layer in range(layers) for head in range(heads)] + list(parts.others)
    table = torch.cat([parts.heads.mean(0).flatten(1).T, torch.stack([part.mean(0) for part in parts.others.values()])])
    by_layer = parts.heads.mean((0, 1)).abs().sum(-1)
    shares = ", ".join(f"{share:.0%}" for share in (by_layer / by_layer.sum()).tolist())
    return figures.attribution(
        f"Of the direct work of heads, layers 0 to {layers - 1} do {shares}; all components add up to the prediction",
        table=table.cpu().numpy(),
        names=names,
        first=reference.first,
    ) + against_c(model, evidence)


def _finding(claim: Claim, evidence: Evidence, marked: tuple[float, float] | None) -> str:
    average = f"{claim.statistic} is {evidence.value:.3g} on average"
    search, should = evidence.search, f"{claim.relation} {claim.threshold:g}"
    if search and search.counterexample:
        return f"{average}, but not {should}{f' at c = {marked[0]:g}' if marked else ' everywhere'}"
    if evidence.value is not None and not claim.holds(evidence.value):
        return f"{average}, not {should}"
    if search and not claim.holds(search.worst):
        return f"{average}; where it was not {should}, it was on fresh draws"
    return f"{average}, and {should} wherever it was tried" if search else f"{average}, {should}"


@dataclass(frozen=True)
class _Bin:
    """The estimate from the recurrences with about this coefficient; nan where there are fewer than two."""

    c: float
    value: float
    low: float
    high: float


def _bin(claim: Claim, values: NDArray, coefficients: NDArray) -> _Bin:
    if len(values) < 2:  # a domain may have a gap, e.g. |c| between 3 and 4 leaves out all smaller c
        return _Bin(*[np.nan] * 4)
    estimate = estimated(claim, values)
    low, high = (bound if np.isfinite(bound) else np.nan for bound in (estimate.low, estimate.high))
    return _Bin(float(coefficients.mean()), estimate.value, low, high)


def _points(trials: Iterable[tuple[Place, float]]) -> list[tuple[float, float]]:
    """(c, value) of the trials with fixed coefficients. If the order is above 1, c is the coefficient of the previous term."""
    return [(c, value) for at, value in trials if (c := at.coordinate) is not None]
