"""Heads dealt to layers at random: a p-value, and a sentence where there are too few heads for one."""

from itertools import combinations

import numpy as np
import pytest

from recint.claim import Unmet
from recint.model.chance import DEALS, deals, share_of_deals


def first_layer(values):
    return values[..., 0, :].mean(-1)


def test_every_head_is_dealt_once_and_every_place_alike():
    dealt = deals(3, 4)
    assert dealt.shape == (DEALS, 3, 4)
    assert (np.sort(dealt.reshape(DEALS, -1)) == np.arange(12)).all()
    assert np.bincount(dealt[:, 0].ravel(), minlength=12) / DEALS == pytest.approx(4 / 12, abs=0.02)


@pytest.mark.parametrize("relation", [">=", "<="])
def test_the_share_agrees_with_all_deals_there_are(relation):
    values = np.random.default_rng(0).normal(size=(2, 5))
    found = first_layer(values)
    flat = values.flatten()
    every = np.array([flat[list(dealt)].mean() for dealt in combinations(range(10), 5)])
    exact = (every >= found - 1e-12).mean() if relation == ">=" else (every <= found + 1e-12).mean()
    assert share_of_deals(first_layer, values, relation=relation) == pytest.approx(exact, abs=0.02)


def test_a_layer_that_stands_out_is_rare_and_one_that_does_not_is_common():
    values = np.zeros((3, 8))
    values[0] = 1
    assert share_of_deals(first_layer, values, relation=">=") < 0.001
    assert share_of_deals(first_layer, np.ones((3, 8)), relation=">=") == 1


def test_of_too_few_heads_no_chance_is_told():
    with pytest.raises(
        Unmet, match="3 x 1 heads can be dealt to a layer in only 3 ways, too few for a level of chance"
    ):
        share_of_deals(first_layer, np.zeros((3, 1)), relation=">=")


def test_under_chance_the_share_is_a_p_value():
    rng = np.random.default_rng(0)
    shares = [share_of_deals(first_layer, rng.normal(size=(3, 8)), relation=">=") for _ in range(300)]
    assert np.mean(np.array(shares) <= 0.05) <= 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5
