"""The conditions that stand for a domain."""

import numpy as np
import pytest

from recint.checkpoint import ModelConfig
from recint.domain import Domain, UniformVectors
from recint.judging.subject import POINTS


def test_every_coefficient_is_visited_at_every_length_and_each_once():
    visited = [(at.c, at.length) for at in Domain().conditions(ModelConfig(order=1), batch=2, seed=0)]
    assert sorted(visited) == sorted((tick / 10, length) for tick in range(-20, 21) for length in range(5, 15))


def test_of_either_sign_both_are_visited_and_sequences_are_long_enough_for_the_order():
    own = Domain(c=(3.0, 3.2), either_sign=True, length=(3, 5))
    assert {at.c for at in own.conditions(ModelConfig(order=1), batch=2, seed=0)} == {3.0, 3.1, 3.2, -3.0, -3.1, -3.2}
    assert {at.length for at in own.conditions(ModelConfig(order=1), batch=2, seed=0)} == {4, 5}


@pytest.mark.parametrize("order", [2, 4])
def test_of_a_larger_order_points_fill_the_grid_evenly(order):
    points = Domain().conditions(ModelConfig(order=order), batch=2, seed=0)
    assert 0.9 * POINTS <= len({(at.c, at.length) for at in points}) == len(points) <= POINTS
    for which in range(order):
        counts = np.histogram([at.c[which] for at in points], bins=4, range=(-2, 2))[0]
        assert counts.min() > 0.8 * len(points) / 4
    assert {at.length for at in points} == set(range(max(5, 2 * order + 2), 15))


def test_a_grid_of_tenths_has_no_other_bounds():
    with pytest.raises(ValueError, match=r"c=\(0.25, 0.75\) must have bounds that are multiples of 0.1"):
        Domain(c=(0.25, 0.75)).conditions(ModelConfig(order=1), batch=2, seed=0)


def test_vectors_that_are_no_recurrence_come_last_where_they_are_asked_for():
    asked = Domain(c=(0.0, 0.1), length=(5, 5), uniform_vectors=True).conditions(ModelConfig(), batch=2, seed=7)
    assert [at.shape for at in asked] == [5, 5, None]
    assert asked[-1] == UniformVectors(seed=7)
