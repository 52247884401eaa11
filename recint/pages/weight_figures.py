"""Figures of weight matrices: their scores, ranks, composition and entries. Each takes numbers and returns one `<svg>` element."""

from __future__ import annotations

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
    svg,
)

# isort: split
import matplotlib
from matplotlib.patches import Rectangle


def eigenvalue_scores(
    title: str, *, scores: ArrayLike, threshold: float, relation: str, who: str, highlight_layer: int
) -> str:
    """Eigenvalue scores of shape (layer, head), between -1 and 1. The layer of the claim has an outline.

    Args:
        who: the heads that the claim is about, in words.
    """
    table = np.asarray(scores)
    layers, heads = table.shape
    figure, (axes,) = axes_of(title, height=0.9 + 0.62 * layers)
    with drawing():
        image = axes.imshow(table, vmin=-1, vmax=1, cmap="RdBu_r", aspect="auto", interpolation="none")
        for (layer, head), score in np.ndenumerate(table):
            axes.text(
                head, layer, f"{score:.2f}", ha="center", va="center", color="white" if abs(score) > 0.6 else "black"
            )
        outline = Rectangle((-0.5, highlight_layer - 0.5), heads, 1, fill=False, linewidth=2.5)
        outline.set_clip_on(False)
        axes.add_patch(outline)
        axes.set_xticks(range(heads))
        axes.set_yticks(range(layers))
        axes.set_xlabel(f"head (outlined: layer {highlight_layer}, {who} should be {relation} {threshold:g})")
        axes.set_ylabel("layer")
        bar = figure.colorbar(image, ax=axes, label="eigenvalue score")
        bar.ax.axhline(threshold, color="black", linewidth=2)
    return svg(figure, title)


def ranks(title: str, *, ranks: ArrayLike, spectra: ArrayLike, energy: float) -> str:
    """Effective ranks as bars, and the share of energy in the largest 1, 2, ... singular values as curves.

    Args:
        ranks: shape (layer, head).
        spectra: shares of energy, shape (layer, head, number of singular values).
        energy: the share that defines the effective rank.
    """
    table, held = np.asarray(ranks), np.asarray(spectra)
    layers, heads = table.shape
    figure, (bars, curves) = axes_of(title, columns=2, height=3.4, width_ratios=(3, 2))
    colours = [BLUE, ORANGE, GREEN, GREY, RED]
    width = 0.8 / layers
    shown = min(held.shape[-1], int(table.max() * 1.25) + 1)
    with drawing():
        for layer in range(layers):
            colour, hatch = colours[layer % 5], ("", "//", "\\\\", "xx", "--")[layer % 5]
            bars.bar(
                np.arange(heads) + (layer - (layers - 1) / 2) * width, table[layer], width, color=colour, hatch=hatch,
                edgecolor="white", label=f"layer {layer}: mean {table[layer].mean():.1f}",
            )  # fmt: skip
            for head in range(heads):
                curves.plot(np.arange(1, shown + 1), held[layer, head, :shown], color=colour, linewidth=0.9, alpha=0.8)
        curves.axhline(energy, color=RED, linestyle="--", linewidth=1.3, label=f"{energy:.0%} of the energy")
        bars.set_xticks(range(heads))
        bars.set_xlabel("head")
        bars.set_ylabel(f"effective rank at {energy:.0%}")
        bars.set_ylim(0, table.max() * 1.25)
        legend_below(figure, bars, curves)
        curves.set_xlabel("number of singular values")
        curves.set_ylabel("energy held")
        grid(curves)
    return svg(figure, title)


def composition(title: str, *, scores: ArrayLike, chance: float, n_heads: int) -> str:
    """Composition scores minus chance, of shape (head that writes, head that reads); nan where no composition is possible."""
    excess = np.asarray(scores) - chance
    layers = len(excess) // n_heads
    limit = float(np.nanmax(np.abs(excess)))
    figure, (axes,) = axes_of(title, height=5.6)
    with drawing():
        image = axes.imshow(excess, vmin=-limit, vmax=limit, cmap="RdBu_r", interpolation="none")
        for edge in np.arange(1, layers) * n_heads - 0.5:
            axes.axhline(edge, color=GREY, linewidth=0.8)
            axes.axvline(edge, color=GREY, linewidth=0.8)
        centres = np.arange(layers) * n_heads + (n_heads - 1) / 2
        axes.set_xticks(centres, [f"layer {layer}" for layer in range(layers)])
        axes.set_yticks(centres, [f"layer {layer}" for layer in range(layers)], rotation=90, va="center")
        axes.set_xlabel(f"head that reads ({n_heads} a layer)")
        axes.set_ylabel(f"head that writes ({n_heads} a layer)")
        figure.colorbar(image, ax=axes, label=f"composition score minus chance ({chance:.3f})")
    return svg(figure, title)


def matrices(title: str, *, matrices: ArrayLike, layer: int, label: str) -> str:
    """Weight matrices of shape (head, read, write), as tiles of one image with a pixel for each entry."""
    entries = np.asarray(matrices)
    heads, height, width = entries.shape
    columns = min(heads, 4)
    gap = max(2, height // 5)
    tiles = np.full((-(-heads // columns) * (height + gap), columns * (width + gap)), np.nan)
    limit = float(np.quantile(np.abs(entries), 0.999)) or 1.0
    shades = matplotlib.colormaps["RdBu_r"].resampled(
        9
    )  # few colours, because they make the image file of noise smaller
    figure, (axes,) = axes_of(title, height=0.6 + 1.8 * len(tiles) / (height + gap))
    with drawing():
        for head in range(heads):
            row, column = divmod(head, columns)
            top, left = row * (height + gap) + gap, column * (width + gap)
            tiles[top : top + height, left : left + width] = entries[head]
            axes.text(left, top - 0.2 * gap, f"layer {layer}, head {head}", fontsize=9)
        image = axes.imshow(tiles, vmin=-limit, vmax=limit, cmap=shades, interpolation="none")
        axes.spines[:].set_visible(False)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel(f"dimension written, 0 to {width - 1} in each tile")
        axes.set_ylabel(f"dimension read, 0 to {height - 1}")
        figure.colorbar(image, ax=axes, label=label, shrink=0.8, extend="both")
    return svg(figure, title)
