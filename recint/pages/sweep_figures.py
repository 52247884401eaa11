"""The figures of a sweep: when claims begin to hold, and their statistics against the step, over trainings told apart by more than
colour as long as they are few."""

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
)  # which loads matplotlib whatever its user has set

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
_COLUMNS = 4  # of a legend


def _styles(count: int) -> Sequence[tuple[str, Any, str]]:
    """Colour, line and marker of each of so many trainings; all alike where they would be too many to be told apart."""
    return _DISTINCT[:count] if count <= len(_DISTINCT) else [_MANY] * count


def _few(count: int) -> bool:
    return count <= len(_DISTINCT)


@dataclass(frozen=True)
class Steps:
    """An axis of steps: logarithmic from the first positive step on, with 0 at its foot.

    Attributes:
        start: the first step, which may be 0.
        first, last: the first positive step, and the last.
    """

    start: int
    first: int
    last: int

    def put(self, axes: Axes) -> None:
        axes.set_xscale("symlog", linthresh=self.first, linscale=0.5)
        room = (self.last / self.first) ** 0.02
        axes.set_xlim(-0.08 * self.first if self.start == 0 else self.start / room, self.last * room)
        axes.xaxis.set_major_locator(FixedLocator(self.ticks()))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
        axes.set_xlabel("training step (log scale from the first snapshot on)")

    def ticks(self) -> list[int]:
        """0 and round steps, at most some seven."""
        powers = range(int(log10(self.first)), int(log10(self.last)) + 1)
        leading = (1, 2, 5) if len(powers) < 3 else (1, 3) if len(powers) < 4 else (1,)
        steps = [digit * 10**power for power in powers for digit in leading]
        return [step for step in [0, *steps] if step == self.start or self.first <= step <= self.last]


def steps(found: Sequence[int]) -> Steps:
    """The axis that has all these steps on it."""
    return Steps(min(found), min((step for step in found if step > 0), default=1), max(1, *found))


def timeline(title: str, *, claims: Sequence[Appearances], trainings: Sequence[str], axis: Steps) -> str:
    """A row for every claim, in it for every training a bar over the interval in which the claim begins to hold."""
    rows, of = len(claims), len(trainings)
    with drawing():
        figure = Figure(figsize=(11, 1.6 + rows * (0.25 if of > 1 else 0.2)), layout="constrained")
        axes = figure.subplots()
        axes.hlines(
            np.arange(rows + 1) - 0.5, 0, 1, transform=axes.get_yaxis_transform(), color="#e5e7eb", linewidth=0.8
        )
        for index, style in enumerate(_styles(of)):
            shift = 0.72 * ((index + 0.5) / of - 0.5)
            found = [(row + shift, at) for row, claim in enumerate(claims) if (at := claim.each[index])]
            _bars(axes, found, style, few=_few(of))
        for row, claim in enumerate(claims):
            if claim.half_by is not None and of > 1:
                axes.vlines(claim.half_by, row - 0.42, row + 0.42, color="black", linewidth=1.2, zorder=3)
            if len(claim.found) < of:
                axes.text(
                    1.01, row, f"in {len(claim.found)} of {of}", transform=axes.get_yaxis_transform(),
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


def _bars(axes: Axes, found: Sequence[tuple[float, Appearance]], style: tuple[str, Any, str], *, few: bool) -> None:
    """What appears in one training, each at its height: a bar that ends in a marker, or an arrow if it was there at first."""
    colour, _, marker = style
    clear, size = (1.0, 4.5) if few else (0.35, 3)
    begun = [(y, at.after, at.step) for y, at in found if at.after is not None]
    if begun:
        y, after, step = zip(*begun, strict=True)
        axes.hlines(y, after, step, color=colour, linewidth=2.4, alpha=0.45 * clear)
        axes.plot(step, y, marker, color=colour, markersize=size, alpha=clear, clip_on=False)
    always = [(at.step, y) for y, at in found if at.after is None]
    if always:
        axes.plot(*zip(*always, strict=True), "<", color=colour, markersize=size + 1, alpha=clear, clip_on=False)


def _lines(trainings: Sequence[str], *, markers: bool) -> list[Line2D]:
    """Entries of a legend: one for each training, or one for all."""
    names = trainings if _few(len(trainings)) else [f"each of {len(trainings)} trainings"]
    return [
        Line2D(
            [], [], color=colour, linestyle="-" if markers else line, marker=marker if markers else "",
            markersize=5, linewidth=2.4 if markers else 1.8, label=name,
        )
        for name, (colour, line, marker) in zip(names, _styles(len(names)), strict=True)
    ]  # fmt: skip


def _by_rows(handles: Sequence[Any]) -> list[Any]:
    """In the order in which a legend of several columns, which is filled by columns, has them to be read by rows."""
    return [handle for column in range(_COLUMNS) for handle in handles[column::_COLUMNS]]


def _timeline_marks(claims: Sequence[Appearances], trainings: Sequence[str]) -> list[Any]:
    marks: list[Any] = [Patch(color=GREY, alpha=0.45, label="bar: last snapshot where not, to first where it holds")]
    if any(found.after is None for claim in claims for found in claim.found):
        marks.append(Line2D([], [], color=GREY, marker="<", linestyle="", label="holds from the first snapshot on"))
    if len(trainings) > 1:
        marks.append(Line2D([], [], color="black", marker="|", markersize=11, linestyle="", label="median"))
    return marks


@dataclass(frozen=True)
class Curve:
    """A statistic in one training, at its steps; NaN where it is not known."""

    steps: Sequence[int]
    value: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    found: Appearance | None


def against_step(
    title: str, *, curves: Sequence[Curve], threshold: float, relation: str, ylabel: str, axis: Steps
) -> str:
    """A statistic against the step with its 95 % bands, the side on which the claim holds, and where it begins to."""
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
            if curve.found and curve.found.step in curve.steps:
                at = curve.value[list(curve.steps).index(curve.found.step)]
                axes.plot(
                    curve.found.step, at, marker, color=colour, markersize=6 if few else 3,
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
    """Ends of the axis around all values and the threshold, and whether it is logarithmic: where these span decades above 0.

    The bands may reach beyond: a wide interval is not to flatten the curves.
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
    """What the lines of `against_step` mean, once for all of them."""
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
