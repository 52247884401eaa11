"""The composition score of random heads, against scores of heads that are turned at random."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from recint.calibration.composition import expected_composition, squared_singular_values


@pytest.mark.parametrize(
    ("one", "two", "within"),
    [
        ([1.0] * 4, [1.0] * 6, 0.02),
        ([2.0, 1.0, 1.0], [2.0, 1.0, 1.0, 1.0], 0.02),
        ([4.0, 1.0, 1.0], [9.0, 1.0, 1.0, 1.0], 0.06),  # one singular value outweighs all others: beyond second order
    ],
)
def test_it_agrees_with_random_orientations(one, two, within):
    d_model = 24
    first, second = (np.zeros((d_model, d_model)) for _ in range(2))
    np.fill_diagonal(first[: len(one), : len(one)], one)
    np.fill_diagonal(second[: len(two), : len(two)], two)
    norm = np.linalg.norm
    scores = [
        norm(first @ turn @ second) / norm(first) / norm(second)
        for turn in ortho_group.rvs(d_model, size=2000, random_state=0)
    ]
    expected = expected_composition(squared_singular_values(first), squared_singular_values(second), d_model)
    assert np.mean(scores) == pytest.approx(expected, rel=within)


def test_what_fills_the_stream_composes_by_chance_exactly():
    assert expected_composition(np.ones(24), np.ones(3), 24) == pytest.approx(24**-0.5)
