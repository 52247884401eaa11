"""The statistic of a claim, from values with draws first and heads last."""

import re

import numpy as np
import pytest

from recint.judging.reductions import REDUCTIONS
from recint.judging.statistic import both_p_values, estimated, p_against, passes, per_head, require_values, statistic

from ..made_up import claim

VALUES = np.random.default_rng(0).normal([0.2, 0.5, 0.9], 0.1, size=(200, 3))


def test_heads_are_counted_over_the_means_of_draws():
    most = claim(reduction="majority of heads", relation=">=", threshold=0.4)
    means = VALUES.mean(0)
    assert statistic(most, VALUES) == pytest.approx(means[1])
    assert per_head(most, VALUES) == pytest.approx(means)
    assert passes(most, VALUES)
    assert not passes(claim(reduction="majority of heads", relation=">=", threshold=0.7), VALUES)


def test_a_ratio_to_something_negative_does_not_pass():
    above, below = np.full((50, 1), -2.0), np.full((50, 1), -1.0)
    ratio = claim(reduction="ratio of means", relation=">=", threshold=1.5)
    assert statistic(ratio, np.hstack([above, below])) == 2
    assert not passes(ratio, np.hstack([above, below]))
    assert passes(ratio, np.hstack([-above, -below]))


def test_the_estimate_and_its_p_values_are_of_the_same_test():
    bar = claim(relation=">=", threshold=0.48)
    found = estimated(bar, VALUES[:, 1])
    assert found.value == pytest.approx(VALUES[:, 1].mean())
    assert found.low < found.value < found.high
    holds_not, holds = both_p_values(bar, VALUES[:, 1])
    assert found.p == pytest.approx(holds_not)
    assert p_against(bar, VALUES[:, 1]) == holds
    assert holds_not < 0.05 < holds


class TestValuesOfAnotherShape:
    @pytest.mark.parametrize(
        ("reduction", "shape", "taken"),
        [
            ("mean", (200, 13), "(draw)"),
            ("all but 1 %", (200, 13), "(draw)"),
            ("majority of heads", (200,), "(draw, head)"),
            ("ratio of means", (200, 3), "(draw, pair)"),
            ("ratio of means", (200,), "(draw, pair)"),
            ("smallest ratio over heads", (200, 8), "(draw, pair, head)"),
            ("share of absolute means", (200, 8, 2), "(draw, pair, head)"),
        ],
    )
    def test_are_refused(self, reduction, shape, taken):
        said = f"mine: the values have shape {shape}, but reduction={reduction!r} takes one value for each of {taken}"
        with pytest.raises(ValueError, match=re.escape(said)):
            require_values(claim(reduction=reduction), np.ones(shape), weights=False, what="mine")

    def test_of_weights(self):
        require_values(claim(), np.array(1.0), weights=True, what="mine")
        with pytest.raises(
            ValueError, match=r"mine: the values have shape \(8,\), but a claim about weights takes a single"
        ):
            require_values(claim(), np.ones(8), weights=True, what="mine")

    def test_every_reduction_says_what_it_takes(self):
        for name, reduction in REDUCTIONS.items():
            sizes = {"head": 8, "pair": 2}
            values = np.random.default_rng(0).uniform(1, 2, (200, *(sizes[axis] for axis in reduction.axes)))
            require_values(claim(reduction=name), values, weights=False, what="mine")
            assert np.ndim(statistic(claim(reduction=name), values)) == 0
