"""The figures of a sweep: when claims begin to hold, and their statistics against the training step.

A few trainings differ in colour, line and marker; many trainings all look the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from textwrap import fill
from typing import Any

import numpy as np

from recint.pages.drawing import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    drawing,
    svg,
)  # must come first: it loads matplotlib without the settings of the user

# isort: split
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from recint.sweep.emergence import Appearance, Appearances

_DISTINCT = (
    (BLUE, "-", "o"),
    (ORANGE, "--", "s"),
    (GREEN, "-.", "^"),
    ("#CC79A7", ":", "D"),
    (GREY, (0, (5, 1, 1, 1, 1, 1)), "v"),
    ("#56B4E9", (0, (1, 1)), "P"),
)
_MANY = (BLUE, "-", "o")
_HOLDS = "#d9efe8"
_COLUMNS = 4  # columns of a legend


def _styles(count: int) -> Sequence[tuple[str, Any, str]]:
    """Colour, line and marker of each training. If there are more than six, all look the same."""
    return _DISTINCT[:count] if count <= len(_DISTINCT) else [_MANY] * count


def _few(count: int) -> bool:
    return count <= len(_DISTINCT)


@dataclass(frozen=True)
class Steps:
    """An axis of training steps: logarithmic from the first positive step on, with room for step 0 before it.

    Attributes:
        start: the smallest step, which may be 0.
        first: the smallest positive step.
        last: the largest step.
    """

    start: int
    first: int
    last: int

    def put(self, axes: Axes) -> None:
        """Give the horizontal axis this scale, ticks and a label."""
        axes.set_xscale("symlog", linthresh=self.first, linscale=0.5)
        room = (self.last / self.first) ** 0.02
        axes.set_xlim(-0.08 * self.first if self.start == 0 else self.start / room, self.last * room)
        axes.xaxis.set_major_locator(FixedLocator(self.ticks()))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
        axes.set_xlabel("training step (log scale from the first snapshot on)")

    def ticks(self) -> list[int]:
        """Where the ticks are: at 0 and at round steps, about seven at most."""
        powers = range(int(log10(self.first)), int(log10(self.last)) + 1)
        leading = (1, 2, 5) if len(powers) < 3 else (1, 3) if len(powers) < 4 else (1,)
        steps = [digit * 10**power for power in powers for digit in leading]
        return [step for step in [0, *steps] if step == self.start or self.first <= step <= self.last]


def steps(values: Sequence[int]) -> Steps:
    """The axis on which all these steps lie."""
    return Steps(min(values), min((step for step in values if step > 0), default=1), max(1, *values))


def timeline(title: str, *, claims: Sequence[Appearances], trainings: Sequence[str], axis: Steps) -> str:
    """A figure with a row for every claim. Each training has a bar there, over the interval in which the claim begins to hold."""
    rows, of = len(claims), len(trainings)
    with drawing():
        figure = Figure(figsize=(11, 1.6 + rows * (0.25 if of > 1 else 0.2)), layout="constrained")
        axes = figure.subplots()
        axes.hlines(
            np.arange(rows + 1) - 0.5, 0, 1, transform=axes.get_yaxis_transform(), color="#e5e7eb", linewidth=0.8
        )
        for index, style in enumerate(_styles(of)):
            shift = 0.72 * ((index + 0.5) / of - 0.5)
            bars = [(row + shift, at) for row, claim in enumerate(claims) if (at := claim.each[index])]
            _bars(axes, bars, style, few=_few(of))
        for row, claim in enumerate(claims):
            if claim.half_by is not None and of > 1:
                axes.vlines(claim.half_by, row - 0.42, row + 0.42, color="black", linewidth=1.2, zorder=3)
            if len(claim.begun) < of:
                axes.text(
                    1.01, row, f"in {len(claim.begun)} of {of}", transform=axes.get_yaxis_transform(),
                    va="center", fontsize=8, color=RED,
                )  # fmt: skip
        axes.set_yticks(range(rows), [claim.claim for claim in claims], fontsize=9)
        axes.set_ylim(rows - 0.5, -0.5)
        axis.put(axes)
        axes.tick_params(axis="x", top=True, labeltop=True)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", alpha=0.35)
        handles = [*_lines(trainings, markers=True), *_timeline_marks(claims, trainings)]
        figure.legend(handles=_by_rows(handles), loc="outside upper left", ncols=_COLUMNS, handlelength=2.2)
    return svg(figure, title)


def _bars(axes: Axes, bars: Sequence[tuple[float, Appearance]], style: tuple[str, Any, str], *, few: bool) -> None:
    """Draw one training: a bar with a marker at its end for each claim, or an arrow if it holds from the first snapshot on.

    Args:
        bars: pairs of a height and an appearance.
        few: whether the trainings differ in style.
    """
    colour, _, marker = style
    clear, size = (1.0, 4.5) if few else (0.35, 3)
    begun = [(y, at.after, at.step) for y, at in bars if at.after is not None]
    if begun:
        y, after, step = zip(*begun, strict=True)
        axes.hlines(y, after, step, color=colour, linewidth=2.4, alpha=0.45 * clear)
        axes.plot(step, y, marker, color=colour, markersize=size, alpha=clear, clip_on=False)
    always = [(at.step, y) for y, at in bars if at.after is None]
    if always:
        axes.plot(*zip(*always, strict=True), "<", color=colour, markersize=size + 1, alpha=clear, clip_on=False)


def _lines(trainings: Sequence[str], *, markers: bool) -> list[Line2D]:
    """Entries of a legend: one for each training, or a single one if there are many."""
    names = trainings if _few(len(trainings)) else [f"each of {len(trainings)} trainings"]
    return [
        Line2D(
            [], [], color=colour, linestyle="-" if markers else line, marker=marker if markers else "",
            markersize=5, linewidth=2.4 if markers else 1.8, label=name,
        )
        for name, (colour, line, marker) in zip(names, _styles(len(names)), strict=True)
    ]  # fmt: skip


def _by_rows(handles: Sequence[Any]) -> list[Any]:
    """The entries in another order: matplotlib fills a legend column by column, but people read it row by row."""
    return [handle for column in range(_COLUMNS) for handle in handles[column::_COLUMNS]]


def _timeline_marks(claims: Sequence[Appearances], trainings: Sequence[str]) -> list[Any]:
    marks: list[Any] = [Patch(color=GREY, alpha=0.45, label="bar: last snapshot where not, to first where it holds")]
    if any(at.after is None for claim in claims for at in claim.begun):
        marks.append(Line2D([], [], color=GREY, marker="<", linestyle="", label="holds from the first snapshot on"))
    if len(trainings) > 1:
        marks.append(Line2D([], [], color="black", marker="|", markersize=11, linestyle="", label="median"))
    return marks


@dataclass(frozen=True)
class Curve:
    """The values of a statistic in one training, with their 95 % intervals; nan where a value is not known.

    Attributes:
        begins: where the claim begins to hold, None if it never does.
    """

    steps: Sequence[int]
    value: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    begins: Appearance | None


def against_step(
    title: str, *, curves: Sequence[Curve], threshold: float, relation: str, ylabel: str, axis: Steps
) -> str:
    """A figure of a statistic against the step.

    It shows the 95 % bands, the values at which the claim holds, and the step at which it begins to hold.
    """
    with drawing(**{"font.size": 9}):
        figure = Figure(figsize=(4.6, 2.7), layout="constrained")
        axes = figure.subplots()
        bottom, top, logarithmic = _limits(curves, threshold)
        axes.axhspan(*((threshold, top) if relation == ">=" else (bottom, threshold)), color=_HOLDS, linewidth=0)
        axes.axhline(threshold, color=RED, linestyle="--", linewidth=1.3)
        for curve, (colour, line, marker) in zip(curves, _styles(len(curves)), strict=True):
            few = _few(len(curves))
            if few:
                axes.fill_between(curve.steps, curve.low, curve.high, color=colour, alpha=0.22, linewidth=0)
            axes.plot(
                curve.steps, curve.value, color=colour, linestyle=line, linewidth=1.5 if few else 0.8, alpha=1 if few else 0.35
            )  # fmt: skip
            if curve.begins and curve.begins.step in curve.steps:
                at = curve.value[list(curve.steps).index(curve.begins.step)]
                axes.plot(
                    curve.begins.step, at, marker, color=colour, markersize=6 if few else 3,
                    markeredgecolor="black", markeredgewidth=0.8 if few else 0.3, zorder=4,
                )  # fmt: skip
        if logarithmic:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(bottom, top)
        axis.put(axes)
        axes.set_xlabel("training step")
        axes.set_ylabel(fill(ylabel, 30), fontsize=8)
        axes.grid(alpha=0.25)
    return svg(figure, title)


def _limits(curves: Sequence[Curve], threshold: float) -> tuple[float, float, bool]:
    """The ends of the vertical axis, and whether it is logarithmic.

    The axis contains all values and the threshold. It is logarithmic if these are positive and the largest is more than 50
    times the smallest. The bands may be cut off: otherwise a wide interval would make the curves flat.
    """
    values = np.concatenate([np.asarray(curve.value, dtype=float) for curve in curves])
    values = np.append(values[np.isfinite(values)], threshold)
    low, high = float(values.min()), float(values.max())
    if low > 0 and high > 50 * low:
        room = (high / low) ** 0.08
        return low / room, high * room, True
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room, False


def key(title: str, *, trainings: Sequence[str]) -> str:
    """A figure that explains the lines of all figures of `against_step`."""
    with drawing():
        handles: list[Any] = _lines(trainings, markers=False)
        figure = Figure(figsize=(11, 0.35 * -(-(len(handles) + 4) // _COLUMNS)))
        if _few(len(trainings)):
            handles.append(Patch(color=GREY, alpha=0.22, label="95 % interval"))
        handles += [
            Line2D([], [], color=RED, linestyle="--", linewidth=1.3, label="threshold"),
            Patch(color=_HOLDS, label="where the statistic should be"),
            Line2D(
                [], [], color=GREY, marker="o", markeredgecolor="black", linestyle="", label="begins to hold for good"
            ),
        ]
        figure.legend(handles=_by_rows(handles), loc="upper left", ncols=_COLUMNS, handlelength=2.6)
    return svg(figure, title)
