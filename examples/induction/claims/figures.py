"""Figures of the claims, as SVG."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recint.bridged import Bridged
from recint.judging.evaluate import Evidence
from recint.judging.statistic import estimated
from recint.pages import figures
from recint.pages.drawing import BLUE, axes_of, drawing, grid, legend_below, svg, threshold_line

from .sequences import BEFORE, PERIODS, Condition

SHOWN = Condition(period=8, before=4, batch=64)  # whose mean attention is drawn


def against_period(model: Bridged, evidence: Evidence) -> str:
    """The statistic against the length of the block, with the trials of the search; and at every condition of the scan."""
    claim, search, values = evidence.claim, evidence.search, evidence.values
    assert values is not None
    drawn_at = [at for at in evidence.places if isinstance(at, Condition)]
    periods = np.concatenate([at.sample(model.config).period.numpy() for at in drawn_at])
    bins = range(PERIODS[0], PERIODS[1] + 1)
    parts = [estimated(claim, values[periods == period]) for period in bins]
    found = search.counterexample if search else None
    known = [(at.coordinate, value) for at, value in (search.trials if search else ()) if at.coordinate is not None]
    drawn = figures.against(
        _title(evidence),
        x=list(bins),
        value=[part.value for part in parts],
        low=[_finite(part.low) for part in parts],
        high=[_finite(part.high) for part in parts],
        threshold=claim.threshold,
        relation=claim.relation,
        xlabel="tokens of the block",
        ylabel=claim.statistic,
        searched=known,
        counterexample=(found.at.coordinate, found.value) if found and found.at.coordinate is not None else None,
    )
    return drawn + _map(evidence)


def with_attention(layer: int) -> Callable[[Bridged, Evidence], str]:
    """`against_period`, and the mean attention of every head of a layer at `SHOWN`."""

    def figure(model: Bridged, evidence: Evidence) -> str:
        pattern = model.intact(SHOWN)[f"blocks.{layer}.attn.hook_pattern"].mean(0).cpu().numpy()
        title = f"{evidence.claim.id}: mean attention at {SHOWN.brief()}"
        return against_period(model, evidence) + figures.attention(title, pattern=pattern, layer=layer)

    return figure


def of_weights(model: Bridged, evidence: Evidence) -> str:
    """The value of every head of layer 1, and the threshold."""
    claim, heads = evidence.claim, evidence.per_head
    assert heads is not None
    title = _title(evidence)
    figure, (axes,) = axes_of(title, height=2.4)
    with drawing():
        rows = np.arange(len(heads))
        axes.barh(rows, heads, color=BLUE, height=0.6, label="each head of layer 1")
        for row, value in zip(rows, heads, strict=True):
            axes.annotate(f"{value:.2f}", (max(value, 0), row), xytext=(5, 0), textcoords="offset points", va="center")
        threshold_line(axes, claim.threshold, claim.relation, upright=True)
        axes.set_yticks(rows, [f"head {head}" for head in rows])
        axes.invert_yaxis()
        axes.margins(x=0.12)
        grid(axes, axis="x")
        legend_below(figure, axes)
    return svg(figure, title)


def _title(evidence: Evidence) -> str:
    claim, value = evidence.claim, evidence.value
    assert value is not None
    confirmed = evidence.search.counterexample if evidence.search else None
    where = f"; it fails at {confirmed.at.brief()}: {confirmed.value:.3g}" if confirmed else ""
    return f"{claim.id}: {value:.3g}, should be {claim.relation} {claim.threshold:g}{where}"


def _map(evidence: Evidence) -> str:
    """The statistic at every condition of the scan; empty if there was none."""
    claim, search = evidence.claim, evidence.search
    if search is None or search.scanned is None:
        return ""
    columns, rows = ([*range(low, high + 1)] for low, high in (PERIODS, BEFORE))
    table: NDArray = np.full((len(rows), len(columns)), np.nan)
    for at, value in search.scanned.values(claim):
        assert isinstance(at, Condition)
        assert isinstance(at.period, int)
        assert at.before is not None
        table[rows.index(at.before), columns.index(at.period)] = value
    return figures.conditions_map(
        f"{claim.id}: at every length of the block, after every number of tokens",
        columns=columns,
        rows=rows,
        value=table,
        threshold=claim.threshold,
        relation=claim.relation,
        xlabel="tokens of the block",
        ylabel="tokens before it",
        label=claim.statistic,
    )


def _finite(bound: float) -> float:
    return bound if np.isfinite(bound) else np.nan
