"""One function for each kind of figure. It takes numbers and returns one `<svg>` element.

A figure never uses colour alone to say something. The title states the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log10
from textwrap import fill

import numpy as np
from numpy.typing import ArrayLike

from recint.pages.drawing import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    axes_of,
    drawing,
    grid,
    legend_below,
    log_axis,
    svg,
    threshold_line,
)  # must come first: it loads matplotlib without the settings of the user

# isort: split
from matplotlib.ticker import MaxNLocator

_STEEP = 30  # if a value is this many times the threshold, a linear axis would hide the threshold


def against(
    title: str,
    *,
    x: ArrayLike,
    value: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    threshold: float,
    relation: str,
    xlabel: str,
    ylabel: str,
    log: bool = False,
    searched: Sequence[tuple[float, float]] = (),
    counterexample: tuple[float, float] | None = None,
) -> str:
    """A statistic against the coordinate of the places, with its 95 % band, the trials of the search and the counterexample.

    Args:
        x, value, low, high: one number for each bin of the coordinate; nan for a bin without estimate.
        xlabel: the name of the coordinate.
        log: use a log axis for the statistic.
        searched: pairs (x, value) of trials.
        counterexample: the pair (x, value) that breaks the claim.
    """
    figure, (axes,) = axes_of(title, height=3.7)
    with drawing():
        if not log and np.nanmax(np.abs(value)) > _STEEP * abs(threshold) > 0:
            axes.set_yscale("symlog", linthresh=2 * abs(threshold), linscale=2)
            ylabel += " (symmetric log axis)"
        axes.fill_between(x, low, high, color=BLUE, alpha=0.25, linewidth=0, label="95 % interval")
        axes.plot(x, value, color=BLUE, linewidth=1.6, label="reference draws, in bins")
        if searched:
            places, values = zip(*searched, strict=True)
            axes.scatter(places, values, s=14, color=GREY, alpha=0.7, label="trials of the search")
        threshold_line(axes, threshold, relation)
        if counterexample:
            axes.scatter(
                *counterexample, s=90, marker="X", color=ORANGE, edgecolor="black", zorder=5, label="counterexample"
            )
        if log:
            log_axis(axes, "y")
        axes.set_xlabel(xlabel)
        axes.set_ylabel(fill(ylabel, 34))
        grid(axes)
        legend_below(figure, axes)
    return svg(figure, title)


def conditions_map(
    title: str,
    *,
    columns: Sequence[float],
    rows: Sequence[int],
    value: ArrayLike,
    threshold: float,
    relation: str,
    xlabel: str,
    ylabel: str,
    label: str,
    counterexample: tuple[float, int] | None = None,
) -> str:
    """A statistic at every place of a grid: blue where the claim holds, red where it does not.

    Args:
        value: shape (row, column); nan where nothing was measured.
        counterexample: the pair (column, row) that breaks the claim.
    """
    table = np.asarray(value, dtype=float)
    figure, (axes,) = axes_of(title)
    with drawing():
        # Each side of the threshold has its own colour scale. With a common scale the smaller side would be white.
        good = (table - threshold) * (1 if relation == ">=" else -1)
        shown = np.where(
            good >= 0, good / max(good.max(initial=0.0), 1e-30), -good / min(good.min(initial=0.0), -1e-30)
        )
        image = axes.imshow(shown, vmin=-1, vmax=1, cmap="RdBu", aspect="auto", interpolation="none", origin="lower")
        ticks = range(0, len(columns), max(1, len(columns) // 8))
        axes.set_xticks(list(ticks), [f"{columns[tick]:g}" for tick in ticks])
        axes.set_yticks(range(len(rows)), [str(row) for row in rows])
        if counterexample and counterexample[0] in columns and counterexample[1] in rows:
            axes.scatter(
                columns.index(counterexample[0]),
                rows.index(counterexample[1]),
                s=90,
                marker="X",
                color=ORANGE,
                edgecolor="black",
                label="counterexample",
            )
            legend_below(figure, axes)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        bar = figure.colorbar(image, ax=axes, ticks=[-1, 0, 1])
        bar.ax.set_yticklabels(["worst", f"{relation} {threshold:g}", "best"])
        bar.set_label(fill(label, 34))
    return svg(figure, title)


def attention(title: str, *, pattern: ArrayLike, layer: int, positions: Sequence[int] | None = None) -> str:
    """Attention patterns of shape (head, query, key), one small panel for each head, on one scale from 0 to 1.

    Args:
        positions: the positions of queries and keys, if they are not 0, 1, 2, ...
    """
    patterns = np.asarray(pattern)
    heads = len(patterns)
    columns = min(heads, 4)
    rows = -(-heads // columns)
    figure, panels = axes_of(title, height=0.6 + 1.9 * rows, rows=rows, columns=columns, share=True)
    with drawing():
        for head, axes in enumerate(panels):
            if head >= heads:
                axes.set_axis_off()
                continue
            image = axes.imshow(patterns[head], vmin=0, vmax=1, cmap="Blues", interpolation="none")
            axes.set_title(f"layer {layer}, head {head}", fontsize=9, fontweight="normal")
            if positions is None:
                axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
                axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
            else:
                axes.set_xticks(range(len(positions)), [str(at) for at in positions], fontsize=6)
                axes.set_yticks(range(len(positions)), [str(at) for at in positions], fontsize=6)
            if head % columns == 0:
                axes.set_ylabel("query")
            if head + columns >= heads:
                axes.set_xlabel("key")
        figure.colorbar(image, ax=panels, label="attention", shrink=0.8)
    return svg(figure, title)


def head_statistics(
    title: str,
    *,
    names: Sequence[str],
    value: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    threshold: float,
    relation: str,
    xlabel: str,
) -> str:
    """A number with its 95 % interval for each head (or other part), and the threshold, on a log axis."""
    values, lows, highs = (np.asarray(numbers) for numbers in (value, low, high))
    figure, (axes,) = axes_of(title, height=1.4 + 0.28 * len(values))
    with drawing():
        rows = np.arange(len(values))
        axes.hlines(rows, lows, highs, color=BLUE, linewidth=5, alpha=0.35, label="95 % interval")
        axes.plot(values, rows, "o", color=BLUE, markersize=6, label="mean over reference draws")
        for row, number in zip(rows, values, strict=True):
            axes.annotate(
                f"{number:.3g}", (number, row), xytext=(9, 0), textcoords="offset points", va="center", fontsize=8
            )
        threshold_line(axes, threshold, relation, upright=True)
        axes.set_yticks(rows, names)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        log_axis(axes, "x")
        axes.set_xlabel(xlabel)
        grid(axes, axis="x")
        legend_below(figure, axes)
    return svg(figure, title)


def attribution(title: str, *, table: ArrayLike, names: Sequence[str], first: int) -> str:
    """Direct logit attribution of shape (component, position), and its mean over positions.

    Args:
        first: the number of the first position.
    """
    values = np.asarray(table)
    total, limit = values.mean(-1), float(np.abs(values).max()) or 1.0
    figure, (heat, bars) = axes_of(title, columns=2, height=0.9 + 0.19 * len(values), width_ratios=(3, 2))
    with drawing():
        image = heat.imshow(values, vmin=-limit, vmax=limit, cmap="RdBu_r", aspect="auto", interpolation="none")
        heat.set_yticks(range(len(names)), names, fontsize=7)
        heat.set_xticks(range(values.shape[1]), [str(first + index) for index in range(values.shape[1])])
        heat.set_xlabel("position i (its output predicts a_(i+1))")
        figure.colorbar(image, ax=heat, label="attribution\nto the next term")
        bars.barh(range(len(total)), total, color=np.where(total >= 0, BLUE, ORANGE), height=0.7)
        bars.axvline(0, color="black", linewidth=0.8)
        bars.set_ylim(len(total) - 0.5, -0.5)
        bars.set_yticks([])
        bars.set_xscale(
            "symlog", linthresh=10.0 ** max(-3, ceil(log10(limit / 100)))
        )  # so that this value is one of the ticks
        bars.set_xlabel("mean over positions (symmetric log axis)")
        grid(bars, axis="x")
    return svg(figure, title)


def prediction(title: str, *, actual: ArrayLike, predicted: ArrayLike, first: int) -> str:
    """Actual and predicted terms of shape (position, dim), in the coordinates where they differ most.

    Args:
        first: the first position that counts for the error.
    """
    terms, guesses = np.asarray(actual), np.asarray(predicted)
    chosen = np.sort(np.argsort(np.square(terms - guesses)[first:].sum(0))[::-1][:3])
    figure, panels = axes_of(title, columns=len(chosen), height=3.0)
    positions = np.arange(len(terms))
    with drawing():
        for axes, coordinate in zip(panels, chosen, strict=True):
            axes.axvspan(-0.5, first - 0.5, color=GREY, alpha=0.15, linewidth=0, label="context, not scored")
            axes.plot(positions, terms[:, coordinate], "o-", color=BLUE, markersize=4, label="next term")
            axes.plot(positions, guesses[:, coordinate], "s--", color=RED, markersize=4, label="predicted")
            axes.set_title(f"coordinate {coordinate}", fontsize=9, fontweight="normal")
            axes.set_xlabel("position")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            grid(axes)
        panels[0].set_ylabel("value")
        legend_below(figure, panels[0])
    return svg(figure, title)


def losses(title: str, *, steps: ArrayLike, loss: ArrayLike, validation_steps: ArrayLike, validation: ArrayLike) -> str:
    """The loss and the validation error during training, on a log axis."""
    figure, (axes,) = axes_of(title, height=3.4)
    with drawing():
        axes.plot(steps, loss, color=BLUE, linewidth=1.2, label="training loss")
        axes.plot(validation_steps, validation, "o-", color=ORANGE, markersize=3, linewidth=1.2, label="validation MSE")
        axes.set_yscale("log")
        axes.set_xlabel("training step")
        axes.set_ylabel("mean squared error")
        grid(axes)
        axes.legend()
    return svg(figure, title)


def score_table(title: str, *, scores: ArrayLike, row: str, column: str, label: str, first: int = 0) -> str:
    """Scores of shape (row, column) as colours around 0, with their values. The columns have numbers from `first` on."""
    table = np.asarray(scores)
    limit = float(np.abs(table).max()) or 1.0
    figure, (axes,) = axes_of(title, height=0.9 + 0.62 * len(table))
    with drawing():
        image = axes.imshow(table, vmin=-limit, vmax=limit, cmap="RdBu_r", aspect="auto", interpolation="none")
        for (y, x), score in np.ndenumerate(table):
            colour = "white" if abs(score) > 0.6 * limit else "black"
            axes.text(x, y, f"{score:.2g}", ha="center", va="center", fontsize=9, color=colour)
        axes.set_xticks(range(table.shape[1]), [str(first + x) for x in range(table.shape[1])])
        axes.set_yticks(range(len(table)))
        axes.set_xlabel(column)
        axes.set_ylabel(row)
        figure.colorbar(image, ax=axes, label=label)
    return svg(figure, title)
