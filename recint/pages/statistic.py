"""A statistic and its threshold on a page: as a number with its interval, in words, and as a small figure."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log10

from markupsafe import Markup

from recint.judging.entry import Counterexample, Measurement
from recint.judging.relation import Bar
from recint.pages.templating import render

_LEFT, _RIGHT = 5.0, 185.0  # ends of the axis of a bar, in pixels
_ERRORS = 0.01  # a threshold below this one is about errors, which need a log axis


def number(value: float | None) -> str:
    """A number with three digits. None, the open end of an interval, is "unbounded".

    >>> number(0.18249), number(None)
    ('0.182', 'unbounded')
    """
    return "unbounded" if value is None else f"{value:.3g}"


def with_interval(value: float | None, ci: Sequence[float | None] | None) -> str:
    """A statistic with its interval, if it has one.

    >>> with_interval(0.182, [0.179, None])
    '0.182 [0.179, unbounded]'
    """
    if value is None:
        return "not measured"
    return number(value) if ci is None else f"{number(value)} [{', '.join(map(number, ci))}]"


def should(claim: Bar) -> str:
    """The relation and the threshold, e.g. "≥ 0.5"."""
    return f"{'≥' if claim.relation == '>=' else '≤'}\u00a0{claim.threshold:g}"


def bar(claim: Measurement, counterexample: Counterexample | None = None) -> Markup:
    """A small figure as SVG: the statistic (dot) with its interval, the counterexample (cross), and the threshold (line).

    The side on which the claim holds is shaded. The figure is empty if the statistic was not measured.
    """
    value, relation, threshold = claim.value, claim.relation, claim.threshold
    if value is None or not isfinite(value):
        return Markup()
    ends = claim.estimate.ci if claim.estimate else (value, value)
    low, high = (value if end is None else end for end in ends)
    broken = counterexample.value if counterexample and isfinite(counterexample.value) else None
    logarithmic = 0 < threshold < _ERRORS and min(value, low) > 0

    def scaled(number: float) -> float:
        return log10(number) if logarithmic else number

    points = [scaled(each) for each in (value, threshold, low, high, value if broken is None else broken)]
    margin = 0.25 * ((max(points) - min(points)) or abs(max(points)) or 1)
    first, last = min(points) - margin, max(points) + margin

    def x(number: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (scaled(number) - first) / (last - first)

    label = f"statistic {value:.3g}, threshold {relation} {threshold:g}"
    label += "" if broken is None else f", counterexample {broken:.3g}"
    drawn = render(
        "bar.svg",
        label=label,
        edge=x(threshold),
        shaded=(x(threshold), _RIGHT) if relation == ">=" else (_LEFT, x(threshold)),
        low=x(low),
        high=x(high),
        value=x(value),
        broken=None if broken is None else x(broken),
    )
    return Markup(drawn.replace("\n", ""))
