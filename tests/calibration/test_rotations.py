"""Rotations turn every vector by the angle that was asked for."""

import numpy as np
import pytest

from recint.calibration.rotations import half_projections, orthonormal, random_source, rotation, rotation_cosine


def cosines(x, turned):
    return (x * turned).sum(-1) / np.linalg.norm(x, axis=-1) / np.linalg.norm(turned, axis=-1)


@pytest.mark.parametrize("cosine", [-0.9, 0.0, 0.3, 1.0])
def test_in_even_dimensions_every_vector_keeps_its_length_and_turns_alike(cosine):
    rng = random_source(0, "test")
    turn, x = rotation(orthonormal(8, rng=rng), cosine, rest=cosine), rng.standard_normal((50, 8))
    assert np.linalg.norm(x @ turn, axis=-1) == pytest.approx(np.linalg.norm(x, axis=-1))
    assert cosines(x, x @ turn) == pytest.approx(np.full(50, cosine))


@pytest.mark.parametrize("dim", [7, 8])
@pytest.mark.parametrize("target", [-0.6, 0.25, 1.0])
def test_the_mean_of_a_power_of_the_cosine_is_the_target(dim, target):
    rng = random_source(0, "test")
    cosine = rotation_cosine(target, dim=dim, power=2.0)
    x = rng.standard_normal((20_000, dim))
    found = cosines(x, x @ rotation(orthonormal(dim, rng=rng), cosine, rest=cosine))
    assert (np.abs(found) ** 2).mean() == pytest.approx(abs(target), abs=0.01)
    assert np.sign(cosine) == np.sign(target)


@pytest.mark.parametrize(("dim", "n_heads"), [(8, 8), (9, 5)])
def test_projections_of_heads_add_up_to_the_identity(dim, n_heads):
    basis = orthonormal(dim, rng=random_source(0, "test"))
    assert basis @ basis.T == pytest.approx(np.eye(dim))
    assert np.abs(basis[0]) == pytest.approx(np.full(dim, dim**-0.5))
    projections = half_projections(basis, n_heads=n_heads)
    assert projections.sum(0) == pytest.approx(np.eye(dim))
    assert all(np.linalg.matrix_rank(projection) < dim for projection in projections)


def test_each_label_has_random_numbers_of_its_own():
    first, again, other = (random_source(0, label).random() for label in ("a", "a", "b"))
    assert first == again != other
