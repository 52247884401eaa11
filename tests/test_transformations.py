"""Transformations against loops over coordinates; which of them keep norms and angles, and that recurrences stay recurrences."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recint.recurrence import REFERENCE
from recint.strategies import transformations, turns
from recint.transformations import Flip, Permutation, Rotation, Scale, Shift, Swap, rotations

KINDS = {kind.__name__: kind for kind in (Flip, Permutation, Rotation, Scale, Shift, Swap)}
SEEDS = st.integers(0, 999)


def vectors(seed, dim=5):
    return torch.randn(2, 4, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def products(points):
    """All scalar products: norms on the diagonal, angles elsewhere."""
    flat = points.flatten(0, -2)
    return flat @ flat.T


@given(by=turns(), seed=SEEDS, dim=st.integers(1, 45))
def test_turns_keep_norms_and_angles(by, seed, dim):
    points = vectors(seed, dim)
    assert torch.allclose(products(by.apply(points)), products(points), atol=1e-9)


@given(by=transformations(), seed=SEEDS)
def test_a_transformation_can_be_copied_and_does_the_same_again(by, seed):
    copied = eval(repr(by), dict(KINDS))
    points = vectors(seed)
    before = points.clone()
    assert copied == by
    assert hash(copied) == hash(by)
    assert torch.equal(copied.apply(points), by.apply(points))
    assert torch.equal(points, before)
    assert by.words() == copied.words()


@given(by=transformations(), seed=SEEDS)
def test_vectors_are_transformed_one_by_one_and_stay_of_their_type(by, seed):
    points = vectors(seed).float()
    found = by.apply(points)
    assert found.dtype == points.dtype
    assert found.shape == points.shape
    for outer in range(2):
        for inner in range(4):
            assert torch.allclose(found[outer, inner], by.apply(points[outer, inner]), atol=1e-5)


@given(by=transformations(), c=st.sampled_from((-2.0, -0.5, 0.3, 1.0, 1.9)), seed=SEEDS)
def test_a_recurrence_becomes_a_recurrence_with_the_same_c(by, c, seed):
    steps = by.apply(REFERENCE.at(c=c).sample(3, seed=seed).terms).diff(dim=1)
    assert torch.allclose(steps[:, 1:], c * steps[:, :-1], atol=1e-5)
    assert steps[:, -1].norm(dim=-1).min() > 0


@given(first=st.integers(0, 39), second=st.integers(0, 39), seed=SEEDS)
def test_a_swap_is_that_of_two_entries_of_a_list(first, second, seed):
    point = vectors(seed)[0, 0]
    expected = point.tolist()
    expected[first % 5], expected[second % 5] = expected[second % 5], expected[first % 5]
    assert Swap(first, second).apply(point).tolist() == expected


@given(coordinate=st.integers(0, 39), seed=SEEDS)
def test_a_flip_is_that_of_one_entry_of_a_list(coordinate, seed):
    point = vectors(seed)[0, 0]
    expected = [-value if index == coordinate % 5 else value for index, value in enumerate(point.tolist())]
    assert Flip(coordinate).apply(point).tolist() == expected


@given(seed=SEEDS)
def test_a_permutation_is_one_order_for_all_vectors(seed):
    points = vectors(seed)
    found = Permutation(seed).apply(points)
    order = [points[0, 0].tolist().index(value) for value in found[0, 0].tolist()]
    assert sorted(order) == [0, 1, 2, 3, 4]
    for outer in range(2):
        for inner in range(4):
            assert found[outer, inner].tolist() == [points[outer, inner, index].item() for index in order]


@given(seed=SEEDS)
def test_a_rotation_is_one_matrix_for_all_vectors(seed):
    points, matrix = vectors(seed), Rotation(seed).apply(torch.eye(5, dtype=torch.float64))
    expected = torch.zeros(2, 4, 5, dtype=torch.float64)
    for read in range(5):
        for written in range(5):
            expected[..., written] += points[..., read] * matrix[read, written]
    assert torch.allclose(Rotation(seed).apply(points), expected)


@pytest.mark.parametrize("factor", [0.1, 1.0, 2.0])
def test_a_scale_multiplies_and_a_shift_adds_the_same_everywhere(factor):
    points = vectors(0)
    assert Scale(factor).apply(points).tolist() == (points * factor).tolist()
    added = Shift(factor, seed=3).apply(points) - points
    assert torch.allclose(added, added[0, 0].expand_as(added))
    assert added[0, 0].norm().item() == pytest.approx(factor)
    assert torch.allclose(added / factor, Shift(1.0, seed=3).apply(points) - points)  # the direction is the seed's


@pytest.mark.parametrize("kind", [Permutation, Rotation, lambda seed: Shift(1.0, seed)])
def test_another_seed_gives_another_one(kind):
    points = vectors(0, dim=40)
    assert torch.equal(kind(1).apply(points), kind(1).apply(points))
    assert not torch.allclose(kind(1).apply(points), kind(2).apply(points))


def test_rotations_are_orthogonal_and_uniform_over_all_of_them():
    found = rotations(4000, 3, seed=0)
    assert torch.allclose(found @ found.mT, torch.eye(3, dtype=torch.float64).expand(4000, 3, 3))
    # Moments of an entry of a uniform matrix in dimension 3: 0, 1/3, 1/5. Without the signs of R, those of the diagonal fail.
    for power, expected in ((1, 0), (2, 1 / 3), (4, 1 / 5)):
        moments, spread = (found**power).mean(0), (found**power).std(0) / 4000**0.5
        assert ((moments - expected).abs() < 4.5 * spread).all(), power
    assert 0.45 < (torch.linalg.det(found) > 0).double().mean() < 0.55


def test_rotations_with_a_seed_are_the_same_again_and_all_differ():
    first, again, other = (rotations(5, 4, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.isclose(first, other).all(dim=(1, 2)).any()
    assert (first[0] - first[1]).abs().max() > 0.1


def test_each_says_what_it_is():
    assert [by.words() for by in (Swap(0, 7), Flip(3), Permutation(1), Rotation(2), Scale(0.5), Shift(0.3, 4))] == [
        "a swap of coordinates 0 and 7",
        "coordinate 3 with the opposite sign",
        "a random permutation of the coordinates (seed 1)",
        "a random rotation (seed 2)",
        "a scale of 0.5",
        "a shift by 0.3 in a random direction (seed 4)",
    ]
