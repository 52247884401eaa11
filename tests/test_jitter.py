"""Sequences that jitter have the ratios that are told, and are otherwise like the recurrence that they come from."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recint.jitter import jittered
from recint.recurrence import REFERENCE


@given(seed=st.integers(0, 999), deviation=st.sampled_from((0.0, 0.05, 0.5)), c=st.sampled_from((-1.8, -1.0, 1.0, 1.7)))
def test_the_differences_have_the_ratios_and_the_longest_term_its_norm(seed, deviation, c):
    drawn = REFERENCE.at(c=c, length=8).sample(3, seed=seed)
    terms, ratios = jittered(drawn, deviation=deviation, seed=seed)
    assert terms.shape == drawn.terms.shape
    assert ratios.shape == (3, 6)
    for sequence, exact, own in zip(terms.double(), drawn.terms.double(), ratios.tolist(), strict=True):
        assert max(term.norm().item() for term in sequence) == pytest.approx(
            max(term.norm().item() for term in exact), rel=1e-5
        )
        for j, ratio in enumerate(own):
            step, following = sequence[j + 1] - sequence[j], sequence[j + 2] - sequence[j + 1]
            assert torch.allclose(following, ratio * step, atol=1e-5)
        # a_0 and a_1 are the recurrence's, up to one factor for both.
        factor = (sequence[0].norm() / exact[0].norm()).item()
        assert factor > 0
        assert torch.allclose(sequence[:2], factor * exact[:2], atol=1e-5)


def test_the_ratios_scatter_around_c_with_the_deviation():
    drawn = REFERENCE.at(c=1.5).sample(500, seed=0)
    off = jittered(drawn, deviation=0.05, seed=0)[1] - 1.5
    assert abs(off.mean().item()) < 4 * 0.05 / 6000**0.5
    assert off.std().item() == pytest.approx(0.05, rel=4 / (2 * 6000) ** 0.5)
    assert off.abs().max() > 0.15  # as a normal distribution reaches


def test_without_jitter_it_is_the_recurrence():
    drawn = REFERENCE.sample(20, seed=0)
    terms, ratios = jittered(drawn, deviation=0.0, seed=0)
    assert torch.allclose(terms, drawn.terms, atol=1e-4)
    assert torch.allclose(ratios, drawn.coefficients.expand_as(ratios))


def test_another_seed_gives_another_jitter():
    drawn = REFERENCE.sample(3, seed=0)
    first, again, other = (jittered(drawn, deviation=0.1, seed=seed)[1] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not (first == other).any()
