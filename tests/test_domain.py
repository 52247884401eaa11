"""A domain that cannot be is refused when it is written down, in one sentence; and the conditions that stand for one."""

from collections import Counter

import numpy as np
import pytest

from recint.checkpoint import ModelConfig
from recint.domain import Domain, Flip, Permutation, Rotation, Swap, Turned, UniformVectors
from recint.judging.subject import POINTS

from .made_up import claim


def test_every_coefficient_is_visited_at_every_length_and_each_once():
    visited = [(at.c, at.length) for at in Domain().conditions(ModelConfig(order=1), batch=2, seed=0)]
    assert sorted(visited) == sorted((tick / 10, length) for tick in range(-20, 21) for length in range(5, 15))


def test_of_either_sign_both_are_visited_and_sequences_are_long_enough_for_the_order():
    own = Domain(c=(3.0, 3.2), either_sign=True, length=(3, 5))
    assert {at.c for at in own.conditions(ModelConfig(order=1), batch=2, seed=0)} == {3.0, 3.1, 3.2, -3.0, -3.1, -3.2}
    assert {at.length for at in own.conditions(ModelConfig(order=1), batch=2, seed=0)} == {4, 5}


@pytest.mark.parametrize("visited", [4, 10, 64])
def test_of_rotations_each_kind_is_visited_and_each_one_once(visited):
    own = Turned(c=(-1.0, 1.0), length=(5, 9), visited=visited)
    places = own.conditions(ModelConfig(order=1), batch=3, seed=0)
    each = (visited - 2) // 2
    assert [at.by for at in places[:2]] == [Swap(0, 1), Flip(0)]
    assert Counter(type(at.by) for at in places) == {Swap: 1, Flip: 1, Permutation: each, Rotation: each}
    assert len({at.by for at in places}) == len({at.seed for at in places}) == visited
    for at in places:
        assert at.at == own.reference(ModelConfig(), batch=3, seed=at.seed)


def test_the_hash_of_a_domain_of_rotations_is_its_own():
    assert Turned(length=(14, 14)) != Domain(length=(14, 14))
    assert claim(domain=Turned(length=(14, 14))).hash != claim(domain=Domain(length=(14, 14))).hash
    assert claim(domain=Turned()).hash != claim(domain=Turned(visited=10)).hash


@pytest.mark.parametrize("order", [2, 4])
def test_of_a_larger_order_points_fill_the_grid_evenly(order):
    points = Domain().conditions(ModelConfig(order=order), batch=2, seed=0)
    assert 0.9 * POINTS <= len({(at.c, at.length) for at in points}) == len(points) <= POINTS
    for which in range(order):
        counts = np.histogram([at.c[which] for at in points], bins=4, range=(-2, 2))[0]
        assert counts.min() > 0.8 * len(points) / 4
    assert {at.length for at in points} == set(range(max(5, 2 * order + 2), 15))


def test_vectors_that_are_no_recurrence_come_last_where_they_are_asked_for():
    asked = Domain(c=(0.0, 0.1), length=(5, 5), uniform_vectors=True).conditions(ModelConfig(), batch=2, seed=7)
    assert [at.shape for at in asked] == [5, 5, None]
    assert asked[-1] == UniformVectors(seed=7)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"c": (1.0, -1.0)}, r"c=\(1.0, -1.0\) is empty: the lower bound must not exceed the upper one"),
        ({"c": (-0.25, 1.0)}, r"c=\(-0.25, 1.0\) must have bounds that are multiples of 0.1"),
        ({"c": (0.0, float("inf"))}, r"a bound of c=inf must be a finite number"),
        ({"c": (float("nan"), 1.0)}, r"a bound of c=nan must be a finite number"),
        ({"c": 1.0}, r"c=1.0 must be a tuple of a lower and an upper bound"),
        ({"c": [0.0, 1.0]}, r"c=\[0.0, 1.0\] must be a tuple of a lower and an upper bound"),
        ({"c": (-1.0, 2.0), "either_sign": True}, r"c=\(-1.0, 2.0\) must not be negative with either_sign=True"),
        ({"length": (14, 5)}, r"length=\(14, 5\) is empty"),
        ({"length": (0, 5)}, r"length=\(0, 5\) must be whole numbers from 1 on"),
        ({"length": (5.0, 14.0)}, r"length=\(5.0, 14.0\) must be whole numbers from 1 on"),
        ({"length": (2, 3)}, r"length=\(2, 3\) must reach 4: of fewer terms nothing can be predicted"),
        ({"length": (15, 20)}, r"length=\(15, 20\) must begin at 14 or below: estimates are of no more terms"),
        ({"c": (3.0, 1e9)}, r"c=\(3.0, 1000000000.0\) must be finite, and lie between -1000 and 1000"),
        ({"length": (5, 10**9)}, r"length=\(5, 1000000000\) must end at 256 or below"),
        ({"length": 14}, r"length=14 must be a tuple of a lower and an upper bound"),
    ],
)
def test_bounds_that_cannot_be_are_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        Domain(**fields)


@pytest.mark.parametrize("c", [(-2.0, 2.0), (0.3, 0.7), (3, 4), (0.0, 0.0)])
def test_bounds_of_tenths_are_taken(c):
    assert Domain(c=c).c == c
