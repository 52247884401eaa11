"""Reductions, on values whose statistic a person can compute, and their tests, by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recint.judging.intervals import estimate, p_values
from recint.judging.means import p_positive
from recint.judging.reductions import REDUCTIONS

VALUES = np.array([[0.9, 0.7], [0.2, 0.4], [0.5, 0.5], [0.1, 0.1]])  # head, recurrence


@pytest.mark.parametrize(
    ("reduction", "relation", "expected"),
    [
        ("majority of heads", ">=", 0.3),  # third best of 0.8, 0.5, 0.3, 0.1
        ("majority of heads", "<=", 0.5),
    ],
)
def test_heads_are_ranked_by_the_relation(reduction, relation, expected):
    assert REDUCTIONS[reduction].value(VALUES, relation) == pytest.approx(expected)


def test_a_majority_of_eight_heads_is_five():
    heads = np.arange(8.0)[:, None]
    assert REDUCTIONS["majority of heads"].value(heads, ">=") == 3  # heads 7, 6, 5, 4, 3
    assert REDUCTIONS["majority of heads"].value(heads, "<=") == 4


@given(st.permutations(range(4)))
def test_reductions_do_not_change_when_heads_are_permuted(order):
    assert REDUCTIONS["majority of heads"].value(VALUES[order], ">=") == REDUCTIONS["majority of heads"].value(
        VALUES, ">="
    )
    pair, smallest = np.stack([VALUES, VALUES[::-1] + 0.1]), REDUCTIONS["smallest ratio over heads"]
    assert smallest.value(pair[:, order], ">=") == smallest.value(pair, ">=")


def test_ratios_are_of_means_not_means_of_ratios():
    pair = np.array([[1.0, 3.0], [1.0, 1.0]])  # row, recurrence
    assert REDUCTIONS["ratio of means"].value(pair, "<=") == 2
    assert REDUCTIONS["explained share"].value(pair[::-1], ">=") == 1 - 1 / 2
    heads = np.array([[[4.0, 0.0], [3.0, 3.0]], [[1.0, 0.0], [1.0, 2.0]]])  # row, head, recurrence
    assert REDUCTIONS["smallest ratio over heads"].value(heads, ">=") == 2


def test_shares_are_of_absolute_means_over_heads():
    heads = np.array([[[-3.0, 1.0], [0.0, 0.0]], [[-3.0, 1.0], [4.0, 2.0]]])  # row, head, recurrence
    assert REDUCTIONS["share of absolute means"].value(heads, ">=") == 1 / 4


def test_one_head_is_held_against_the_median_head():
    assert REDUCTIONS["largest over median head"].value(VALUES, ">=") == pytest.approx(0.8 / 0.4)
    odd = VALUES[:3]
    assert REDUCTIONS["largest over median head"].value(odd, ">=") == pytest.approx(0.8 / 0.5)


def test_the_median_head_is_held_against_the_largest():
    assert REDUCTIONS["median over largest head"].value(VALUES, "<=") == pytest.approx(0.4 / 0.8)
    assert REDUCTIONS["median over largest head"].value(VALUES - 0.4, "<=") == pytest.approx(0.0 / 0.4)


@pytest.mark.parametrize("reduction", ["ratio of means", "smallest ratio over heads", "explained share"])
def test_a_ratio_is_believed_on_neither_side_if_its_denominator_may_have_either_sign(reduction):
    rng = np.random.default_rng(0)
    shape = (400, 2) if reduction != "smallest ratio over heads" else (400, 2, 3)
    values = rng.normal(size=shape)
    values[:, 0] += 10
    found = estimate(values, reduction=reduction, relation=">=", threshold=0.5)
    assert min(found.p, found.p_against) > 0.001
    assert (found.low, found.high) == (-np.inf, np.inf)
    assert not REDUCTIONS[reduction].defined(np.moveaxis(values - [[[5]] if values.ndim == 3 else 5], 0, -1))


def test_a_ratio_is_tested_as_a_linear_contrast():
    rng = np.random.default_rng(0)
    den = 5 + rng.normal(size=500)
    num = 2 * den + rng.normal(size=500)
    found = estimate(np.stack([num, den], -1), reduction="ratio of means", relation="<=", threshold=2.05)
    contrast = estimate(num - 2.05 * den, reduction="mean", relation="<=", threshold=0.0)
    assert (found.p, found.p_against) == (contrast.p, contrast.p_against)


def test_a_quantile_is_tested_by_counting_what_lies_beyond():
    values = np.concatenate([np.zeros(990), np.full(10, 5.0)])
    found = estimate(values, reduction="all but 1 %", relation="<=", threshold=1.0)
    # Ten of a thousand lie beyond, just the 1 % that may: the binomial tail of as many or more, and of as few or fewer.
    assert found.p_against == pytest.approx(stats.binom.sf(9, 1000, 0.01), rel=1e-6)
    assert found.p == pytest.approx(stats.binom.cdf(10, 1000, 0.01), rel=1e-6)
    few = estimate(values[:100], reduction="all but 1 %", relation="<=", threshold=1.0)
    assert few.high == np.inf


def test_heads_that_are_all_on_the_threshold_seldom_decide():
    """Eight heads alike: the fifth best of them looks worse than it is, and a test of it as it looks is wrong too often."""
    rng = np.random.default_rng(0)
    refuted = supported = 0
    for _ in range(200):
        found = estimate(rng.random((300, 8)), reduction="majority of heads", relation=">=", threshold=0.5)
        refuted += found.p_against <= 0.05
        supported += found.p <= 0.05
    assert max(refuted, supported) <= 0.05 * 200


def above(head, threshold):
    return float(p_positive(head - threshold))


def below(head, threshold):
    return float(p_positive(threshold - head))


def test_ranked_heads_are_tested_by_partial_conjunction():
    rng = np.random.default_rng(1)
    heads = rng.normal([0.4, 0.45, 0.5, 0.55, 0.6], 0.5, size=(400, 5))
    found = estimate(heads, reduction="majority of heads", relation=">=", threshold=0.5)
    does, does_not = (sorted(test(head, 0.5) for head in heads.T) for test in (above, below))
    assert found.p == pytest.approx(min(1, 3 * does[2]))  # three of five: the third smallest, times 5 - 3 + 1
    assert found.p_against == pytest.approx(min(1, 3 * does_not[2]))
    pair = np.stack([heads + 1, np.ones_like(heads)], axis=1)
    does, does_not = ([test(head + 1, 1.45) for head in heads.T] for test in (above, below))
    smallest = estimate(pair, reduction="smallest ratio over heads", relation=">=", threshold=1.45)
    assert smallest.p == pytest.approx(max(does))  # all five hold
    assert smallest.p_against == pytest.approx(min(1, 5 * min(does_not)))  # one does not
    largest = estimate(pair, reduction="largest ratio over heads", relation=">=", threshold=1.45)
    assert largest.p == pytest.approx(min(1, 5 * min(does)))  # one holds
    assert largest.p_against == pytest.approx(max(does_not))  # none does
    turned = estimate(pair, reduction="smallest ratio over heads", relation="<=", threshold=1.45)
    assert (turned.p, turned.p_against) == pytest.approx((smallest.p_against, smallest.p))


def test_a_median_head_that_does_nothing_is_far_below_the_largest():
    rng = np.random.default_rng(0)
    heads = rng.normal([1.0, 0, 0, 0, 0], 0.5, size=(400, 5))
    found = estimate(heads, reduction="median over largest head", relation="<=", threshold=1 / 3)
    assert found.value == pytest.approx(0, abs=0.1)
    assert found.p < 1e-4
    nothing = estimate(heads - [1.0, 0, 0, 0, 0], reduction="median over largest head", relation="<=", threshold=1 / 3)
    assert min(nothing.p, nothing.p_against) > 0.01, "no head does anything: the ratio says nothing"


@pytest.mark.parametrize("draw", ["normal", "skewed"])
@pytest.mark.parametrize("heads", [3, 8])
def test_which_head_is_the_median_one_is_read_off_the_draws_and_errs_no_more_often(heads, draw):
    """On the threshold, with all heads but one alike: whichever seems the median one by luck is taken for it."""
    rng, wrong = np.random.default_rng(0), np.zeros(4)
    means = np.array([3.0] + [1.0] * (heads - 1))
    for _ in range(300):
        noise = (
            rng.standard_normal((200, heads))
            if draw == "normal"
            else rng.lognormal(sigma=1.0, size=(200, heads)) - np.exp(0.5)
        )
        tested = [
            p_values(means + noise, reduction=reduction, relation=relation, threshold=threshold)
            for reduction, relation, threshold in (
                ("largest over median head", ">=", 3.0),
                ("median over largest head", "<=", 1 / 3),
            )
        ]
        wrong += np.array(tested).ravel() <= 0.05
    assert wrong.max() <= stats.binom.ppf(0.999, 300, 0.05)


@pytest.mark.parametrize("heads", [8, 32])
def test_heads_that_do_nothing_have_no_share_however_many_they_are(heads):
    """Signs that are read off the draws that are tested count the noise of every head as work."""
    rng, supported, refuted = np.random.default_rng(0), 0, 0
    for _ in range(300):
        noise = rng.standard_normal((500, heads))
        everything = np.concatenate([noise, np.full((500, 1), 1e-3)], axis=1)
        own = np.concatenate([noise, np.zeros((500, 1))], axis=1)
        values = np.stack([own, everything], axis=1)
        supported += p_values(values, reduction="share of absolute means", relation=">=", threshold=0.5)[0] <= 0.01
        refuted += p_values(values, reduction="share of absolute means", relation="<=", threshold=0.15)[1] <= 0.01
    assert max(supported, refuted) <= stats.binom.ppf(0.999, 300, 0.01)


def test_a_share_that_is_there_is_found():
    rng = np.random.default_rng(0)
    heads = rng.normal([3, -3, 1, -1], 1, size=(300, 4))
    found = estimate(
        np.stack([heads * [1, 1, 0, 0], heads], axis=1),
        reduction="share of absolute means",
        relation=">=",
        threshold=0.5,
    )
    assert found.value == pytest.approx(0.75, abs=0.02)
    assert found.p < 1e-20
    assert found.low < 0.75 < found.high
    assert found.p_against > 0.99


def test_a_mean_that_is_rounding_is_not_told_from_zero():
    """An intervention may change activations and yet cost nothing: the sign of what is left says nothing."""
    gain = np.random.default_rng(0).lognormal(size=300)
    rounding = np.full(300, 1e-9)
    found = estimate(np.stack([rounding, gain], -1), reduction="ratio of means", relation=">=", threshold=0.0)
    assert (found.p, found.p_against) == (1, 1)
    small = estimate(np.stack([rounding, gain], -1), reduction="ratio of means", relation="<=", threshold=0.1)
    assert small.p < 1e-10
    alike = estimate(np.full(300, 0.5), reduction="mean", relation=">=", threshold=0.5)
    assert (alike.p, alike.p_against) == (1, 1)
