"""Code that all figures share: settings of matplotlib, colours, axes under a title, and the conversion to SVG.

The same numbers give the same bytes. The colours are those of Okabe and Ito (2008), which colour-blind readers can distinguish.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from textwrap import fill
from typing import Any, Literal

if "matplotlib" not in sys.modules:
    # Jupyter sets MPLBACKEND for the commands that it starts, to a backend that may be missing. These figures need no backend.
    _named = os.environ.pop("MPLBACKEND", "")
    import matplotlib

    if _named:
        os.environ["MPLBACKEND"] = _named
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = _named
import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from recint.pages.compact import compact
from recint.system.escaping import utf8

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6B7280"
_OF_BACKENDS = ("backend", "webagg")  # settings that do not change what is drawn
STYLE = {
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
WIDTH = 7.2  # inches; with this width letters stay readable when two figures are side by side
_LETTERS = 11  # letters of a bold title in one inch
_LITTLE = (
    500  # on a log axis whose ends differ by less than this factor, powers of ten would give only one or two ticks
)


@contextmanager
def drawing(**more: Any) -> Iterator[None]:
    """Inside the block matplotlib uses its own defaults, changed by STYLE and then by `more`. The user's settings do not count."""
    usual = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith(_OF_BACKENDS)}
    with matplotlib.rc_context(usual | STYLE | more):
        yield


def svg(figure: Figure, title: str) -> str:
    """The figure as an `<svg>` element for an HTML page. Many can be on one page. Screen readers read the title."""
    buffer = io.StringIO()
    with drawing():
        _read_literally(figure)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    text = buffer.getvalue()
    return compact(text[text.index("<svg") :], label=utf8(title))


def _read_literally(figure: Figure) -> None:
    """Show all texts as they are, but for characters that no font has: a claim may contain dollar signs, which begin formulas.

    Numbers on a log axis need formulas.
    """
    axes = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) if axis.get_scale() != "linear"]
    numbers = {label for axis in axes for label in axis.get_ticklabels(which="both")}
    for text in figure.findobj(Text):
        if text not in numbers:
            text.set_parse_math(False)
            text.set_text(utf8(text.get_text()))


def axes_of(
    title: str,
    *,
    height: float = 3.4,
    rows: int = 1,
    columns: int = 1,
    width_ratios: Sequence[float] | None = None,
    share: bool = False,
) -> tuple[Figure, list[Axes]]:
    """A figure with a title, and the list of its axes, row by row. The axes have no tick marks, because they have grids or labels.

    Args:
        height: in inches.
        share: whether all axes have the same limits. Then only the left and the lowest axes have numbers.
    """
    with drawing():
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False, width_ratios=width_ratios, sharex=share, sharey=share)
        figure.suptitle(fill(title, int(WIDTH * _LETTERS)), x=0.01, ha="left", fontsize=11, fontweight="bold")
        for axes in panels.flat:
            axes.tick_params(which="both", left=False, bottom=False)
    return figure, list(panels.flat)


def grid(axes: Axes, *, axis: Literal["both", "x", "y"] = "both") -> None:
    """Draw faint lines at the ticks of an axis."""
    axes.grid(axis=axis, alpha=0.25, clip_on=False)


def log_axis(axes: Axes, axis: Literal["x", "y"]) -> None:
    """Make an axis logarithmic. If its range is small, the ticks are at 1, 2, 5, 10, 20, ... instead of powers of ten."""
    (axes.set_xscale if axis == "x" else axes.set_yscale)("log")
    low, high = axes.get_xlim() if axis == "x" else axes.get_ylim()
    if max(low, high) < _LITTLE * min(low, high):
        chosen = axes.xaxis if axis == "x" else axes.yaxis
        chosen.set_major_locator(LogLocator(subs=(1, 2, 5)))
        chosen.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
        chosen.set_minor_locator(NullLocator())


def legend_below(figure: Figure, *axes: Axes) -> None:
    """Put the legend below the axes, so that the axes can use the whole width."""
    named = [each for one in axes for each in zip(*one.get_legend_handles_labels(), strict=True)]
    columns = len(named) if len(named) < 5 else 3
    figure.legend(
        *zip(*named, strict=True), loc="outside lower left", ncols=columns, columnspacing=1.2, handlelength=1.6
    )


def threshold_line(axes: Axes, threshold: float, relation: str, *, upright: bool = False) -> None:
    """Draw the threshold of the claim as a dashed line."""
    draw = axes.axvline if upright else axes.axhline
    draw(threshold, color=RED, linestyle="--", linewidth=1.3, label=f"threshold: should be {relation} {threshold:g}")
