"""Figures of the replication and of docs/mechanism.md: errors, the filter of a model, what sets it, and verdicts on accounts of it.

Each takes numbers and returns one `<svg>` element.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from numpy.typing import ArrayLike

from recint.pages.drawing import (  # must come first: it loads matplotlib without the settings of the user
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    axes_of,
    drawing,
    grid,
    legend_below,
    log_axis,
    svg,
)

# isort: split
from matplotlib.patches import Rectangle

from recint.verdict import SYMBOLS, words

_LOOKS = ((BLUE, ""), (ORANGE, "//"), (GREY, "xx"), (GREEN, ".."))  # of the series of bars
_TINTS = {"supported": BLUE, "refuted": ORANGE, "vacuous": GREY, "error": RED}
_NOT_JUDGED = "not judged"


def filters(title: str, *, c: Sequence[float], weights: Mapping[int, ArrayLike]) -> str:
    """Mean weights of terms as colours around 0, against the coefficient c. A panel for each position whose prediction they make.

    Args:
        weights: shape (coefficient, term) for each position i, with the terms 0 to i.
    """
    tables = {position: np.asarray(table) for position, table in weights.items()}
    limit = max(float(np.abs(table).max()) for table in tables.values()) or 1.0
    widths = [table.shape[1] + 1 for table in tables.values()]
    figure, panels = axes_of(title, height=4.4, columns=len(tables), width_ratios=widths)
    with drawing():
        ticks = range(0, len(c), max(1, len(c) // 8))
        for axes, (position, table) in zip(panels, tables.items(), strict=True):
            image = axes.imshow(
                table, vmin=-limit, vmax=limit, cmap="RdBu_r", aspect="auto", interpolation="none", origin="lower"
            )
            axes.set_title(f"prediction at position {position}", fontsize=9, fontweight="normal")
            axes.set_xticks(range(table.shape[1]))
            axes.set_yticks(list(ticks), [f"{c[tick]:g}" for tick in ticks])
            axes.set_xlabel("term k")
        panels[0].set_ylabel("coefficient c")
        figure.colorbar(image, ax=panels, label="mean weight of the term")
    return svg(figure, title)


def weights_against_c_squared(title: str, *, c: ArrayLike, weights: ArrayLike, large: tuple[float, float]) -> str:
    """Weights of shape (recurrence, position) against c^2, a mark for each, with the line on which they are equal.

    Args:
        c: the coefficient of each recurrence.
        large: the range of |c| that the title speaks of.
    """
    coefficients, table = np.asarray(c), np.asarray(weights)
    ends = [0.0, max(large) ** 2]
    figure, (axes,) = axes_of(title, height=4.2)
    with drawing():
        axes.axvspan(
            *np.square(large), color=GREY, alpha=0.12, linewidth=0, label=f"{large[0]:g} <= |c| <= {large[1]:g}"
        )
        for chosen, marker, colour, name in (
            (coefficients > 0, "o", BLUE, "c > 0"),
            (coefficients <= 0, "x", ORANGE, "c < 0"),
        ):
            across = np.broadcast_to(np.square(coefficients)[:, None], table.shape)
            axes.scatter(
                across[chosen], table[chosen], s=16, marker=marker, color=colour, alpha=0.8, linewidth=0.9, label=name
            )
        axes.plot(ends, ends, color="black", linewidth=1.2, label="weight = c^2")
        axes.set_xlabel("c^2")
        axes.set_ylabel("weight of the term before the last")
        grid(axes)
        legend_below(figure, axes)
    return svg(figure, title)


def mean_attention(title: str, *, patterns: ArrayLike, columns: Sequence[str]) -> str:
    """Attention of shape (column, layer, query, key), one panel for each column and layer, on one scale from 0 to 1.

    Args:
        columns: the heading of each column.
    """
    table = np.asarray(patterns)
    layers = table.shape[1]
    figure, panels = axes_of(title, height=1.0 + 1.7 * layers, rows=layers, columns=len(columns), share=True)
    with drawing():
        for axes, (layer, column) in zip(panels, np.ndindex(layers, len(columns)), strict=True):
            image = axes.imshow(table[column, layer], vmin=0, vmax=1, cmap="Blues", interpolation="none")
            axes.set_xticks(range(0, table.shape[-1], 4))
            axes.set_yticks(range(0, table.shape[-2], 4))
            if layer == 0:
                axes.set_title(columns[column], fontsize=9, fontweight="normal")
            if layer == layers - 1:
                axes.set_xlabel("key")
            if column == 0:
                axes.set_ylabel(f"layer {layer}\nquery")
        figure.colorbar(image, ax=panels, label="attention, mean over heads", shrink=0.8)
    return svg(figure, title)


def costs(title: str, *, bars: Mapping[str, Mapping[str, tuple[float, float, float]]], xlabel: str) -> str:
    """Ratios as bars that begin at 1, on a log axis, with their 95 % intervals, and lines at 1 and at 2.

    Args:
        bars: for each group, and for each series in it, a ratio and the ends of its interval. There are at most four series. An
            end may be infinite.
    """
    marks, ticks, row = [], [], 0.0
    for group in bars.values():
        ticks.append(row + (len(group) - 1) / 2)
        marks += [(row + index, name, *numbers) for index, (name, numbers) in enumerate(group.items())]
        row += len(group) + 0.8
    ends = np.array([numbers for _, _, *numbers in marks])
    ends = ends[np.isfinite(ends) & (ends > 0)]
    low, high = min(1.0, ends.min()) / 1.5, max(2.0, ends.max()) * 3
    series = dict.fromkeys(name for _, name, *_ in marks)
    figure, (axes,) = axes_of(title, height=1.6 + 0.3 * row)
    with drawing():
        for name, (colour, hatch) in zip(series, _LOOKS, strict=False):
            rows, values = zip(*((row, value) for row, of, value, *_ in marks if of == name), strict=True)
            axes.barh(
                rows, np.subtract(values, 1), left=1, height=0.85, color=colour, hatch=hatch, edgecolor="white", linewidth=0,
                label=name,
            )  # fmt: skip
        for row, _, value, start, end in marks:
            axes.hlines(row, *np.clip((start, end), low, high), color="black", linewidth=1.6)
            axes.annotate(
                f"{float(f'{value:.2g}'):g}", (np.clip(max(value, end, 1.0), low, high), row), xytext=(4, 0),
                textcoords="offset points", va="center", fontsize=8, bbox={"facecolor": "white", "linewidth": 0, "pad": 0.6},
            )  # fmt: skip
        axes.axvline(1, color="black", linewidth=1.3, label="the intact model")
        axes.axvline(2, color=RED, linestyle="--", linewidth=1.3, label="twice the MSE")
        axes.set_xlim(low, high)
        log_axis(axes, "x")
        axes.set_yticks(ticks, list(bars))
        axes.set_ylim(marks[-1][0] + 0.6, -0.6)
        axes.set_xlabel(xlabel)
        grid(axes, axis="x")
        legend_below(figure, axes)
    return svg(figure, title)


def verdict_grid(
    title: str,
    *,
    accounts: Mapping[str, Sequence[str]],
    networks: Sequence[str],
    verdicts: Mapping[str, Mapping[str, str]],
) -> str:
    """Verdicts as symbols and words: a row for each claim, below the name of its account, and a column for each network.

    Args:
        accounts: the ids of the claims of each account.
        verdicts: for each network, the verdicts on claims, by their ids. A claim without one counts as not judged.
    """
    lines: list[tuple[str, bool]] = []
    for account, claims in accounts.items():
        lines += [(account, False), *((claim, True) for claim in claims)]
    figure, (axes,) = axes_of(title, height=1.2 + 0.27 * len(lines))
    with drawing():
        for row, (line, is_claim) in enumerate(lines):
            if not is_claim:
                axes.text(-0.5, row + 0.15, line, ha="left", va="center", fontsize=8.5, fontweight="bold")
                continue
            for column, network in enumerate(networks):
                verdict = verdicts[network].get(line, "")
                word = fill(f"{SYMBOLS[verdict]} {words(verdict)}", 14) if verdict else _NOT_JUDGED
                tint = _TINTS.get(verdict, "white")
                axes.add_patch(
                    Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, facecolor=tint, alpha=0.3, linewidth=0)
                )
                axes.text(column, row, word, ha="center", va="center", fontsize=7, color="black" if verdict else GREY)
        axes.set_xlim(-0.5, len(networks) - 0.5)
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_xticks(range(len(networks)), [fill(network, 9) for network in networks], fontsize=8)
        axes.xaxis.tick_top()
        claims_at = [row for row, (_, is_claim) in enumerate(lines) if is_claim]
        axes.set_yticks(claims_at, [lines[row][0] for row in claims_at], fontsize=7.5)
        axes.spines[:].set_visible(False)
        axes.tick_params(top=False)
    return svg(figure, title)


def errors_against_c(
    title: str, *, c: ArrayLike, mse: ArrayLike, spread: ArrayLike, trained: tuple[float, float]
) -> str:
    """The mean MSE at each coefficient, on a log axis, with the trained range and a band for single recurrences.

    Args:
        spread: the lower and the upper end of the band, shape (2, c).
        trained: the range of coefficients in training.
    """
    low, high = np.asarray(spread)
    figure, (axes,) = axes_of(title)
    with drawing():
        axes.axvspan(*trained, color=GREY, alpha=0.15, linewidth=0, label="trained range")
        axes.fill_between(c, low, high, color=BLUE, alpha=0.25, linewidth=0, label="95 % of single recurrences")
        axes.plot(c, mse, color=BLUE, linewidth=1.6, label="mean over recurrences")
        log_axis(axes, "y")
        axes.set_xlabel("coefficient c")
        axes.set_ylabel("mean squared error")
        grid(axes)
        legend_below(figure, axes)
    return svg(figure, title)
