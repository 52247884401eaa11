"""Orbits stay where they are said to stay."""

import torch

from .test_family import usual


def test_no_orbit_leaves_its_bounds():
    corner = usual("polynomial", length=200, c=(0.1, 0.1), d=(0.7, 0.9), others=(("q", (-1.6, -1.6)),))
    drawn = corner.sample(200, seed=0)
    scale = -1.6 / drawn.others["q"]
    assert (drawn.terms.abs().amax((1, 2)) / scale).max() <= 1 + 1e-5
    assert (drawn.terms[:, -50:].std(1) / scale[:, None]).max() > 0.1  # nor do they all come to rest


def test_a_scaled_recurrence_has_a_scaled_square():
    drawn = usual("polynomial").sample(20, seed=0)
    terms, q = drawn.terms, drawn.others["q"][:, None, None]
    by_hand = drawn.offset[:, None] + drawn.coefficients[:, :, None] * terms + q * terms.square()
    torch.testing.assert_close(by_hand[:, :-1], drawn.targets, atol=2e-5, rtol=1e-5)


def test_in_one_dimension_three_unknown_numbers_need_three_equations():
    assert usual("polynomial", dim=1).first == 3
    assert usual("polynomial", dim=2).first == 2
