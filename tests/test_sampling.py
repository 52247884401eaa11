"""Reductions, intervals and corrections against slow second implementations and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recint.statistics.sampling import estimate, holds, holm, reduce

VALUES = np.array([[0.9, 0.7], [0.2, 0.4], [0.5, 0.5], [0.1, 0.1]])  # head, recurrence


@pytest.mark.parametrize(
    ("reduction", "relation", "expected"),
    [
        ("majority of heads", ">=", 0.3),  # third best of 0.8, 0.5, 0.3, 0.1
        ("majority of heads", "<=", 0.5),
        ("every head", ">=", 0.1),
        ("every head", "<=", 0.8),
    ],
)
def test_heads_are_ranked_by_the_relation(reduction, relation, expected):
    assert reduce(VALUES, reduction, relation) == pytest.approx(expected)


def test_a_majority_of_eight_heads_is_five():
    heads = np.arange(8.0)[:, None]
    assert reduce(heads, "majority of heads", ">=") == 3  # heads 7, 6, 5, 4, 3
    assert reduce(heads, "majority of heads", "<=") == 4


@given(st.permutations(range(4)))
def test_reductions_do_not_change_when_heads_are_permuted(order):
    for reduction in ("majority of heads", "every head"):
        assert reduce(VALUES[order], reduction, ">=") == reduce(VALUES, reduction, ">=")


def test_the_estimate_agrees_with_a_plain_bootstrap():
    values = np.random.default_rng(0).normal(1.8, 1, size=300)  # not skewed: BCa and percentile agree
    found = estimate(values, reduction="mean", relation="<=", threshold=1.8, seed=0)
    rng = np.random.default_rng(1)
    means = np.sort([rng.choice(values, len(values)).mean() for _ in range(4000)])
    assert found.value == values.mean()
    assert found.low == pytest.approx(means[100], rel=0.03)
    assert found.high == pytest.approx(means[3900], rel=0.03)
    assert found.p == pytest.approx((means > 1.8).mean(), abs=0.03)
    assert found.p + found.p_against == pytest.approx(1, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("reduction", ["mean", "all but 1 %"])
def test_intervals_cover_the_truth_of_skewed_errors(reduction):
    rng = np.random.default_rng(0)
    truth = np.exp(0.5) if reduction == "mean" else np.exp(2.3263478740408408)
    covered = 0
    for seed in range(1000):
        found = estimate(rng.lognormal(size=2000), reduction=reduction, relation="<=", threshold=1.0, seed=seed)
        covered += found.low <= truth <= found.high
    assert 0.93 <= covered / 1000 <= 0.97


def test_values_that_do_not_vary_have_an_interval_without_width():
    found = estimate(np.ones((50, 3)), reduction="every head", relation=">=", threshold=0.5, seed=0)
    assert (found.low, found.value, found.high) == (1, 1, 1)
    assert found.p < 0.001 < found.p_against


def test_too_few_or_unusable_values_are_refused():
    with pytest.raises(ValueError, match="n=1 recurrences are too few"):
        estimate(np.ones(1), reduction="mean", relation=">=", threshold=0, seed=0)
    with pytest.raises(ValueError, match="1 of 3 values are not finite"):
        estimate(np.array([1, np.nan, 2]), reduction="mean", relation=">=", threshold=0, seed=0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_agrees_with_the_textbook(p_values):
    adjusted = holm({str(index): p for index, p in enumerate(p_values)})
    ordered = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank, index in enumerate(ordered):
        textbook = max(min(1, (len(p_values) - before) * p_values[ordered[before]]) for before in range(rank + 1))
        assert adjusted[str(index)] == pytest.approx(textbook)


def test_relations():
    assert holds(1, ">=", 1)
    assert holds(1, "<=", 1)
    assert not holds(0.9, ">=", 1)
    assert not holds(float("nan"), "<=", 1)
