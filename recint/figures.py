"""Evidence -> SVG. Numbers in, one `<svg>` element out, byte for byte the same for the same numbers.

Colours are those of Okabe and Ito, told apart by colour-blind readers; nothing is said by colour alone.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from textwrap import fill

import matplotlib
import matplotlib.patches
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6B7280"
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "recint",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],  # metrics; browsers substitute their own sans-serif
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


def _svg(figure: Figure, title: str) -> str:
    """The figure as an element to be inlined: no prolog, and ids of its own, since many share a page."""
    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    prefix = "f" + sha256(svg.encode()).hexdigest()[:8]
    svg = re.sub(r'(\bid=")', rf"\g<1>{prefix}-", svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)


def _figure(
    title: str,
    *,
    width: float = 8.0,
    height: float = 3.6,
    columns: int = 1,
    width_ratios: Sequence[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(1, columns, squeeze=False, width_ratios=width_ratios)[0]
        figure.suptitle(fill(title, int(width * 11)), x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure, list(axes)


def _threshold(axes: Axes, threshold: float, relation: str) -> None:
    axes.axhline(
        threshold, color=RED, linestyle="--", linewidth=1.3, label=f"threshold: should be {relation} {threshold:g}"
    )


def against_c(
    title: str,
    *,
    c: ArrayLike,
    value: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    threshold: float,
    relation: str,
    ylabel: str,
    log: bool = False,
    searched: Sequence[tuple[float, float]] = (),
    counterexample: tuple[float, float] | None = None,
) -> str:
    """A statistic in bins of the coefficient with its 95 % band, the search's trials, and where the claim breaks."""
    figure, (axes,) = _figure(title)
    with matplotlib.rc_context(_STYLE):
        axes.fill_between(c, low, high, color=BLUE, alpha=0.25, linewidth=0, label="95 % interval")
        axes.plot(c, value, color=BLUE, linewidth=1.6, label="reference draws, in bins of c")
        if searched:
            places, values = zip(*searched, strict=True)
            axes.scatter(places, values, s=14, color=GREY, alpha=0.7, label="trials of the search, any length")
        _threshold(axes, threshold, relation)
        if counterexample:
            axes.scatter(
                *counterexample, s=90, marker="X", color=ORANGE, edgecolor="black", zorder=5, label="counterexample"
            )
        if log:
            axes.set_yscale("log")
        axes.set_xlabel("coefficient c")
        axes.set_ylabel(fill(ylabel, 34))
        axes.grid(alpha=0.25)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return _svg(figure, title)


def attention(title: str, *, pattern: ArrayLike, layer: int) -> str:
    """Attention patterns of shape (head, query, key): small multiples on one scale from 0 to 1."""
    patterns = np.asarray(pattern)
    heads = len(patterns)
    columns = min(heads, 4)
    rows = -(-heads // columns)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(8, 0.6 + 2.1 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        figure.suptitle(fill(title, 88), x=0.01, ha="left", fontsize=11, fontweight="bold")
        for head, axes in enumerate(grid.flat):
            if head >= heads:
                axes.set_axis_off()
                continue
            image = axes.imshow(patterns[head], vmin=0, vmax=1, cmap="Blues", interpolation="nearest")
            axes.set_title(f"layer {layer}, head {head}", fontsize=9, fontweight="normal")
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
            if head % columns == 0:
                axes.set_ylabel("query")
            if head + columns >= heads:
                axes.set_xlabel("key")
        figure.colorbar(image, ax=grid, label="attention", shrink=0.8)
    return _svg(figure, title)


def eigenvalue_scores(title: str, *, scores: ArrayLike, threshold: float, highlight_layer: int) -> str:
    """Scores of shape (layer, head) on [-1, 1] with their values; the layer of the claim is outlined."""
    table = np.asarray(scores)
    layers, heads = table.shape
    figure, (axes,) = _figure(title, height=0.9 + 0.62 * layers)
    with matplotlib.rc_context(_STYLE):
        image = axes.imshow(table, vmin=-1, vmax=1, cmap="RdBu_r", aspect="auto", interpolation="nearest")
        for (layer, head), score in np.ndenumerate(table):
            axes.text(
                head, layer, f"{score:.2f}", ha="center", va="center", color="white" if abs(score) > 0.6 else "black"
            )
        outline = matplotlib.patches.Rectangle((-0.5, highlight_layer - 0.5), heads, 1, fill=False, linewidth=2.5)
        outline.set_clip_on(False)
        axes.add_patch(outline)
        axes.set_xticks(range(heads))
        axes.set_yticks(range(layers))
        axes.set_xlabel(f"head (outlined: layer {highlight_layer}, every head should be <= {threshold:g})")
        axes.set_ylabel("layer")
        bar = figure.colorbar(image, ax=axes, label="eigenvalue score")
        bar.ax.axhline(threshold, color="black", linewidth=2)
    return _svg(figure, title)


def ranks(title: str, *, ranks: ArrayLike, spectra: ArrayLike, energy: float) -> str:
    """Effective ranks of shape (layer, head) as bars, and the energy held by the first 1, 2, ... singular values."""
    table, held = np.asarray(ranks), np.asarray(spectra)
    layers, heads = table.shape
    figure, (bars, curves) = _figure(title, columns=2, height=3.4, width=9, width_ratios=(3, 2))
    colours = [BLUE, ORANGE, GREEN, GREY, RED]
    width = 0.8 / layers
    shown = min(held.shape[-1], int(table.max() * 1.25) + 1)
    with matplotlib.rc_context(_STYLE):
        for layer in range(layers):
            colour, hatch = colours[layer % 5], ("", "//", "..", "xx", "\\\\")[layer % 5]
            bars.bar(
                np.arange(heads) + (layer - (layers - 1) / 2) * width, table[layer], width, color=colour, hatch=hatch,
                edgecolor="white", label=f"layer {layer}: mean {table[layer].mean():.1f}",
            )  # fmt: skip
            for head in range(heads):
                curves.plot(np.arange(1, shown + 1), held[layer, head, :shown], color=colour, linewidth=0.9, alpha=0.8)
        curves.axhline(energy, color=RED, linestyle="--", linewidth=1.3, label=f"{energy:.0%} of the energy")
        curves.legend(loc="lower right")
        bars.set_xticks(range(heads))
        bars.set_xlabel("head")
        bars.set_ylabel(f"effective rank at {energy:.0%}")
        bars.set_ylim(0, table.max() * 1.25)
        bars.legend(loc="upper center", ncols=layers)
        curves.set_xlabel("number of singular values")
        curves.set_ylabel("energy held")
        curves.grid(alpha=0.25)
    return _svg(figure, title)


def composition(title: str, *, scores: ArrayLike, chance: float, n_heads: int) -> str:
    """Scores of shape (earlier head, later head) minus chance, NaN where no composition is possible."""
    excess = np.asarray(scores) - chance
    layers = len(excess) // n_heads
    limit = float(np.nanmax(np.abs(excess)))
    figure, (axes,) = _figure(title, width=7, height=5.6)
    with matplotlib.rc_context(_STYLE):
        image = axes.imshow(excess, vmin=-limit, vmax=limit, cmap="RdBu_r", interpolation="nearest")
        for edge in np.arange(1, layers) * n_heads - 0.5:
            axes.axhline(edge, color=GREY, linewidth=0.8)
            axes.axvline(edge, color=GREY, linewidth=0.8)
        centres = np.arange(layers) * n_heads + (n_heads - 1) / 2
        axes.set_xticks(centres, [f"layer {layer}" for layer in range(layers)])
        axes.set_yticks(centres, [f"layer {layer}" for layer in range(layers)], rotation=90, va="center")
        axes.tick_params(length=0)
        axes.set_xlabel(f"head that reads ({n_heads} a layer)")
        axes.set_ylabel(f"head that writes ({n_heads} a layer)")
        figure.colorbar(image, ax=axes, label=f"composition score minus chance ({chance:.3f})")
    return _svg(figure, title)


def prediction(title: str, *, actual: ArrayLike, predicted: ArrayLike, first: int, coordinates: int = 3) -> str:
    """Terms of shape (position, dim) as they are and as predicted, in the coordinates where they differ most."""
    terms, guesses = np.asarray(actual), np.asarray(predicted)
    chosen = np.sort(np.argsort(np.square(terms - guesses)[first:].sum(0))[::-1][:coordinates])
    figure, panels = _figure(title, columns=len(chosen), width=9, height=3.0)
    positions = np.arange(len(terms))
    with matplotlib.rc_context(_STYLE):
        for axes, coordinate in zip(panels, chosen, strict=True):
            axes.axvspan(-0.5, first - 0.5, color=GREY, alpha=0.15, linewidth=0, label="context, not scored")
            axes.plot(positions, terms[:, coordinate], "o-", color=BLUE, markersize=4, label="next term")
            axes.plot(positions, guesses[:, coordinate], "s--", color=RED, markersize=4, label="predicted")
            axes.set_title(f"coordinate {coordinate}", fontsize=9, fontweight="normal")
            axes.set_xlabel("position")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.grid(alpha=0.25)
        panels[0].set_ylabel("value")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return _svg(figure, title)


def losses(title: str, *, steps: ArrayLike, loss: ArrayLike, validation_steps: ArrayLike, validation: ArrayLike) -> str:
    """Loss history of training."""
    figure, (axes,) = _figure(title, height=3.4)
    with matplotlib.rc_context(_STYLE):
        axes.plot(steps, loss, color=BLUE, linewidth=1.2, label="training loss")
        axes.plot(validation_steps, validation, "o-", color=ORANGE, markersize=3, linewidth=1.2, label="validation MSE")
        axes.set_yscale("log")
        axes.set_xlabel("training step")
        axes.set_ylabel("mean squared error")
        axes.grid(alpha=0.25)
        axes.legend()
    return _svg(figure, title)
