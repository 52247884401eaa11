"""The generator: recurrences satisfy their own recurrence, and nonsense is refused by name."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recint.recurrence import REFERENCE, Distribution, ZeroRecurrence, build

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 10)).map(
    lambda shape: Distribution(order=shape[0], dim=shape[1], length=shape[0] + shape[2])
)


@given(distribution=SHAPES, seed=st.integers(0, 999))
def test_terms_satisfy_their_recurrence_to_rounding(distribution, seed):
    drawn = distribution.sample(8, seed=seed)
    predicted = drawn.next_terms()[:, :-1]
    # Terms are rounded to float32 one by one: at most k |c| + 2 roundings of numbers no larger than the cap.
    tolerance = 1.2e-7 * 2.0 * (2 * distribution.order + 3)
    assert (predicted - drawn.terms[:, distribution.order :]).abs().max() <= tolerance


@given(distribution=SHAPES, seed=st.integers(0, 999))
def test_a_slow_and_obvious_roll_out_agrees(distribution, seed):
    drawn = distribution.sample(3, seed=seed)
    order = distribution.order
    for terms, c, d in zip(drawn.terms.double(), drawn.coefficients.double(), drawn.offset.double(), strict=True):
        for j in range(order, distribution.length):
            expected = d.clone()
            for i in range(order):
                expected += c[i] * terms[j - order + i]
            assert torch.allclose(terms[j], expected, atol=1e-5)


@given(distribution=SHAPES, seed=st.integers(0, 999))
def test_the_largest_norm_is_the_cap(distribution, seed):
    largest = distribution.sample(8, seed=seed).terms.norm(dim=-1).amax(-1)
    assert ((largest >= 1 - 1e-5) & (largest <= 2 + 1e-5)).all()


def test_same_seed_same_recurrences_other_seed_others():
    first, again, other = (REFERENCE.sample(4, seed=seed).terms for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_coefficients_follow_the_reference_distribution():
    c = REFERENCE.sample(20_000, seed=0).coefficients
    assert c.min() >= -2
    assert c.max() <= 2
    assert abs(c.mean()) < 0.04  # four standard errors of U(-2, 2)
    assert REFERENCE.at(c=-1.5).sample(3, seed=0).coefficients.unique().tolist() == [-1.5]


def test_coefficients_of_either_sign_differ_in_nothing_else():
    plain, mirrored = (Distribution(c=(3.0, 4.0), either_sign=either).sample(2000, seed=0) for either in (False, True))
    assert torch.equal(mirrored.coefficients.abs(), plain.coefficients)
    assert 0.45 < (mirrored.coefficients < 0).float().mean() < 0.55
    assert torch.equal(mirrored.offset.sign(), plain.offset.sign())
    positive = (mirrored.coefficients > 0)[:, 0]
    assert torch.equal(mirrored.terms[positive], plain.terms[positive])


def test_coefficients_that_are_given_take_the_place_of_drawn_ones():
    drawn = Distribution(order=2, dim=3).sample(4, seed=0, coefficients=(0.5, -1.0))
    assert drawn.coefficients.tolist() == [[0.5, -1.0]] * 4
    assert torch.equal(drawn.offset.sign(), Distribution(order=2, dim=3).sample(4, seed=0).offset.sign())


@given(distribution=SHAPES, seed=st.integers(0, 999))
def test_coefficients_may_differ_from_recurrence_to_recurrence(distribution, seed):
    matrix = torch.rand(3, distribution.order, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 4
    drawn = distribution.sample(3, seed=seed, coefficients=matrix)
    for number, row in enumerate(matrix.tolist()):
        alone = distribution.sample(3, seed=seed, coefficients=row)
        for name in ("terms", "coefficients", "offset"):
            assert torch.equal(getattr(drawn, name)[number], getattr(alone, name)[number])


@given(distribution=SHAPES, seed=st.integers(0, 999))
def test_a_norm_that_is_given_takes_the_place_of_the_drawn_one(distribution, seed):
    cap = torch.tensor([0.5, 1.25, 3.0])
    plain, drawn = distribution.sample(3, seed=seed), distribution.sample(3, seed=seed, cap=cap)
    assert drawn.terms.norm(dim=-1).amax(-1).tolist() == pytest.approx(cap.tolist(), rel=1e-5)
    assert torch.equal(drawn.coefficients, plain.coefficients)
    factor = (cap / plain.terms.norm(dim=-1).amax(-1))[:, None]
    assert torch.allclose(drawn.terms, factor[..., None] * plain.terms, atol=1e-5)
    assert torch.allclose(drawn.offset, factor * plain.offset, rtol=1e-5)


def test_coefficients_come_oldest_first():
    drawn = build(
        coefficients=torch.tensor([[1.0, 0.0]]),
        offset=torch.zeros(1, 1),
        start=torch.tensor([[[1.0], [2.0]]]),
        cap=torch.tensor([2.0]),
        length=6,
    )
    assert drawn.terms.flatten().tolist() == [1, 2, 1, 2, 1, 2]


def test_a_zero_recurrence_is_refused_by_name():
    zero = torch.zeros(2, 3)
    with pytest.raises(ZeroRecurrence, match="recurrence 0 of the batch is zero throughout"):
        build(coefficients=torch.ones(2, 1), offset=zero, start=zero[:, None], cap=torch.ones(2), length=4)


def test_a_recurrence_that_overflows_is_refused_by_name():
    one = torch.ones(2, 3)
    with pytest.raises(ValueError, match="recurrence 1 of the batch grows beyond all floating-point numbers"):
        build(coefficients=torch.tensor([[1.0], [900.0]]), offset=one, start=one[:, None], cap=torch.ones(2), length=99)


@given(order=st.integers(1, 4), length=st.integers(5, 256), c=st.floats(0, 1000))
def test_what_is_not_refused_does_not_overflow(order, length, c):
    try:
        distribution = Distribution(
            order=order, dim=2, length=length, c=(c, c), d=(1000.0, 1000.0), start=(1000.0, 1000.0)
        )
    except ValueError:
        return
    assert distribution.sample(1, seed=0).terms.isfinite().all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"c": (1.0, -1.0)}, r"c=\(1.0, -1.0\) is empty"),
        ({"c": (float("nan"), 1.0)}, "is empty"),
        ({"cap": (0.0, 1.0)}, "cap=.* must be 0.001 or more"),
        ({"order": 0}, "order=0 must be at least 1"),
        ({"order": 14}, "order=14 must be below length=14"),
        ({"dim": 0}, "dim=0 must be at least 1"),
        ({"c": (-1e308, 1e308)}, "must be finite, and lie between -1000 and 1000"),
        (
            {"c": (-900.0, 900.0), "length": 64},
            r"let terms grow to 900\^64, beyond 1e140, which is too large to compute with",
        ),
        ({"c": (-5.0, 5.0), "order": 2, "length": 200}, r"let terms grow to 6\^200"),
    ],
)
def test_impossible_distributions_raise(wrong, message):
    with pytest.raises(ValueError, match=message):
        Distribution(**wrong)


def test_an_empty_batch_raises():
    with pytest.raises(ValueError, match="batch=0 must be at least 1"):
        REFERENCE.sample(0, seed=0)
