"""A statistic against its threshold: the dot, the cross and the shaded side are where they should be."""

import re
from xml.etree import ElementTree

import pytest

from recint.judging.entry import Counterexample, Estimate, Measurement
from recint.pages.statistic import bar, should, with_interval


def measured(value, relation=">=", threshold=0.5, ci=None):
    estimate = Estimate(ci=ci) if ci else None
    return Measurement(statistic="it", relation=relation, threshold=threshold, value=value, estimate=estimate)


def places(drawn):
    """Where things are in the bar: dot, threshold, both ends of the shade and of the interval."""
    svg = ElementTree.fromstring(drawn)
    lines = [path.get("d") for path in svg.iter("path")]
    edge = float(re.match(r"M([\d.]+) 3V27", lines[1])[1])
    low, high = map(float, re.match(r"M([\d.]+) 15H([\d.]+)", lines[2]).groups())
    rect = svg.find("rect")
    left = float(rect.get("x"))
    return float(svg.find("circle").get("cx")), edge, (left, left + float(rect.get("width"))), (low, high)


@pytest.mark.parametrize(("relation", "value", "inside"), [(">=", 0.9, True), (">=", 0.1, False), ("<=", 0.1, True)])
def test_the_dot_is_in_the_shade_if_the_claim_holds(relation, value, inside):
    dot, edge, (left, right), ends = places(bar(measured(value, relation, ci=(value - 0.05, value + 0.05))))
    assert (left < dot < right) == inside
    assert edge in (left, right)
    assert ends[0] < dot < ends[1]


def test_an_open_end_ends_at_the_dot():
    dot, _, _, ends = places(bar(measured(0.9, ci=(0.8, None))))
    assert ends[1] == dot


def test_a_counterexample_is_a_cross_and_is_told():
    drawn = bar(measured(0.9), Counterexample(value=0.1, where="c = 0"))
    assert drawn.count("<path") == 4
    assert 'aria-label="statistic 0.9, threshold &gt;= 0.5, counterexample 0.1"' in drawn
    assert bar(measured(0.9)).count("<path") == 3


def test_errors_are_on_a_log_axis():
    dot, edge, _, _ = places(bar(measured(1e-6, "<=", 1e-3)))
    middle, _, _, _ = places(bar(measured(1e-6, "<=", 1e-3, ci=(1e-9, 1e-3))))
    assert dot < edge
    assert middle == pytest.approx(95, abs=1)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_nothing_is_drawn_of_nothing(value):
    assert bar(measured(value)) == ""


def test_words():
    assert should(measured(1.0)) == "≥\u00a00.5"
    assert with_interval(None, None) == "not measured"
    assert with_interval(0.5, (None, 0.75)) == "0.5 [unbounded, 0.75]"
