"""Readable vectors."""

import torch

from recint.vector import Vector, reach


def test_slots_count_modulo_the_dimension():
    assert Vector(slots=((5, 1.5),)).values(4, bound=2.0).tolist() == [0, 1.5, 0, 0]


def test_a_seed_gives_coordinates_within_the_bound_and_words_show_them_as_they_are_clipped():
    values = Vector(seed=3).values(1000, bound=2.0)
    assert values.abs().max() <= 2
    assert values.std() > 1
    assert "(0, 0, 0, 0, ...)" in Vector(seed=3).words((0.0, 0.0))
    assert f"({values[0].clamp(-0.5, 2):.3g}, " in Vector(seed=3).words((-0.5, 2.0))


def test_the_reach_of_a_range():
    assert reach((-3.0, 1.0)) == 3
    assert torch.equal(Vector().values(3, bound=reach((0.0, 0.0))), torch.zeros(3, dtype=torch.float64))
