"""What rows made by hand say of the claims."""

from dataclasses import replace

import pytest
from scipy import stats

from recint.judging.controls import false_rates, kills, never_refuted, rate, survivors

from ..control_rows import ROWS


def test_rates_count_models_with_a_verdict_that_contradicts_the_truth_with_exact_intervals():
    found = false_rates(ROWS)
    assert (found["false support"].wrong, found["false support"].of) == (1, 1)  # a.z without x, one model of one
    assert (found["false refutation"].wrong, found["false refutation"].of) == (1, 1)  # a.z of the whole
    twice = false_rates([*ROWS, replace(ROWS[0], verdicts={"a.x": "supported"})])
    assert (twice["false refutation"].wrong, twice["false refutation"].of) == (1, 2)
    one = rate(3, 40)
    # Clopper and Pearson by the quantiles of the beta distribution.
    assert one.low == pytest.approx(stats.beta.ppf(0.025, 3, 38))
    assert one.high == pytest.approx(stats.beta.ppf(0.975, 4, 37))
    assert rate(0, 0) == rate(0, 0)
    assert (rate(0, 0).low, rate(0, 0).high) == (0, 1)


def test_a_mutant_is_killed_where_support_turns_into_refutation():
    assert kills(ROWS) == {"broken": ["a.x"]}  # a.z was refuted before
    assert survivors(ROWS) == ["broken is not killed by a.y"]
    assert never_refuted(ROWS) == ["a.y"]
