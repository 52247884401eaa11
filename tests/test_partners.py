"""A partner shares what is said, and nothing else."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recint.partners import partners
from recint.recurrence import REFERENCE, Distribution

KINDS = ("c", "-c", "c and largest norm", "nothing")
SHAPES = st.tuples(st.integers(1, 3), st.integers(2, 6), st.integers(1, 8)).map(
    lambda shape: Distribution(order=shape[0], dim=shape[1], length=shape[0] + shape[2])
)


def largest_norm(recurrences):
    return recurrences.terms.norm(dim=-1).amax(-1)


def correlation(one, other):
    return torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1].item()


@given(distribution=SHAPES, seed=st.integers(0, 999), share=st.sampled_from(KINDS))
def test_a_partner_is_a_recurrence_of_the_same_shape_with_what_is_shared(distribution, seed, share):
    drawn = distribution.sample(4, seed=seed)
    found = partners(drawn, share=share, seed=seed)
    assert found.terms.shape == drawn.terms.shape
    for number in range(4):
        given_c, c = drawn.coefficients[number].tolist(), found.coefficients[number].tolist()
        if share != "nothing":
            assert c == [-value if share == "-c" else value for value in given_c]
        if share == "c and largest norm":
            assert largest_norm(found)[number].item() == pytest.approx(largest_norm(drawn)[number].item(), rel=1e-6)
        for j in range(distribution.order, distribution.length):
            expected = found.offset[number].clone()
            for i in range(distribution.order):
                expected += c[i] * found.terms[number, j - distribution.order + i]
            assert torch.allclose(found.terms[number, j], expected, atol=1e-5)


@pytest.mark.parametrize("share", KINDS)
def test_what_is_not_shared_is_drawn_independently_from_the_reference_distribution(share):
    drawn = replace(REFERENCE, dim=5).sample(4000, seed=0)
    found = partners(drawn, share=share, seed=0)
    bar = 4 / 4000**0.5  # four standard errors of a correlation of 0
    assert abs(correlation(drawn.offset.sign(), found.offset.sign())) < bar
    assert abs(correlation(drawn.terms[:, 0].sign(), found.terms[:, 0].sign())) < bar
    if share != "c and largest norm":
        assert abs(correlation(largest_norm(drawn), largest_norm(found))) < bar
        assert largest_norm(found).min() == pytest.approx(1, abs=0.01)
        assert largest_norm(found).max() == pytest.approx(2, abs=0.01)
    if share == "nothing":
        assert abs(correlation(drawn.coefficients, found.coefficients)) < bar
        assert found.coefficients.min() == pytest.approx(-2, abs=0.01)
        assert found.coefficients.max() == pytest.approx(2, abs=0.01)


def test_a_seed_gives_the_same_partners_and_another_one_others():
    drawn = REFERENCE.sample(3, seed=0)
    first, again, other = (partners(drawn, share="c", seed=seed).terms for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not (first == other).any()


def test_partners_of_different_kinds_share_nothing_by_chance():
    drawn = REFERENCE.sample(3, seed=0)
    starts = [partners(drawn, share=share, seed=1).terms[:, 0] for share in KINDS]
    for number, one in enumerate(starts):
        for other in starts[:number]:
            assert torch.cosine_similarity(one, other, dim=-1).abs().max() < 0.6


def test_a_coefficient_beyond_the_reference_distribution_is_shared_too():
    drawn = REFERENCE.at(c=3.5).sample(2, seed=0)
    assert partners(drawn, share="c", seed=0).coefficients.tolist() == [[3.5], [3.5]]
