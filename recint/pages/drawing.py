"""What all figures share: matplotlib with settings of our own, colours, axes under a title, and SVG that can be inlined.

The same numbers give the same bytes. Colours are those of Okabe and Ito, which colour-blind readers can tell apart.
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
    # A notebook names its own backend to the commands that it starts, which may not be there; figures here need none.
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

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6B7280"
_OF_BACKENDS = ("backend", "webagg")  # settings that draw nothing
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
WIDTH = 7.2  # inches: two figures beside each other on a page keep letters of a readable size
_LETTERS = 11  # of a bold title, per inch
_LITTLE = 500  # times: of an axis with so few numbers, powers of ten would name one or two


@contextmanager
def drawing(**more: Any) -> Iterator[None]:
    """Inside the block matplotlib has its own defaults, ours over them and `more` over these, whatever its user has set."""
    usual = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith(_OF_BACKENDS)}
    with matplotlib.rc_context(usual | STYLE | more):
        yield


def svg(figure: Figure, title: str) -> str:
    """The figure as an element to be inlined; many can share a page. Screen readers call it by its title."""
    buffer = io.StringIO()
    with drawing():
        _read_literally(figure)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    found = buffer.getvalue()
    return compact(found[found.index("<svg") :], label=title)


def _read_literally(figure: Figure) -> None:
    """What a researcher writes with dollar signs is a statement, no formula; numbers on a log axis are formulas."""
    axes = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) if axis.get_scale() != "linear"]
    numbers = {label for axis in axes for label in axis.get_ticklabels(which="both")}
    for text in figure.findobj(Text):
        if text not in numbers:
            text.set_parse_math(False)


def axes_of(
    title: str,
    *,
    width: float = WIDTH,
    height: float = 3.4,
    rows: int = 1,
    columns: int = 1,
    width_ratios: Sequence[float] | None = None,
    share: bool = False,
) -> tuple[Figure, list[Axes]]:
    """A figure with a title, and its axes row by row: without ticks, since grids and labels say the same.

    Args:
        width, height: in inches.
        share: whether all axes have the same limits, named at the left and at the bottom only.
    """
    with drawing():
        figure = Figure(figsize=(width, height), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False, width_ratios=width_ratios, sharex=share, sharey=share)
        figure.suptitle(fill(title, int(width * _LETTERS)), x=0.01, ha="left", fontsize=11, fontweight="bold")
        for axes in panels.flat:
            axes.tick_params(which="both", left=False, bottom=False)
    return figure, list(panels.flat)


def grid(axes: Axes, *, axis: Literal["both", "x", "y"] = "both") -> None:
    """Faint lines at the numbers of an axis."""
    axes.grid(axis=axis, alpha=0.25, clip_on=False)


def log_axis(axes: Axes, axis: Literal["x", "y"]) -> None:
    """A logarithmic axis; where it spans little, its numbers are 1, 2, 5, 10, 20, ... and no powers of ten."""
    (axes.set_xscale if axis == "x" else axes.set_yscale)("log")
    low, high = axes.get_xlim() if axis == "x" else axes.get_ylim()
    if max(low, high) < _LITTLE * min(low, high):
        chosen = axes.xaxis if axis == "x" else axes.yaxis
        chosen.set_major_locator(LogLocator(subs=(1, 2, 5)))
        chosen.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
        chosen.set_minor_locator(NullLocator())


def legend_below(figure: Figure, *axes: Axes) -> None:
    """What the signs on the axes mean, below them, so that the axes have the whole width."""
    named = [each for one in axes for each in zip(*one.get_legend_handles_labels(), strict=True)]
    columns = len(named) if len(named) < 5 else 3
    figure.legend(
        *zip(*named, strict=True), loc="outside lower left", ncols=columns, columnspacing=1.2, handlelength=1.6
    )


def threshold_line(axes: Axes, threshold: float, relation: str, *, upright: bool = False) -> None:
    """Where the claim puts the bar."""
    draw = axes.axvline if upright else axes.axhline
    draw(threshold, color=RED, linestyle="--", linewidth=1.3, label=f"threshold: should be {relation} {threshold:g}")
