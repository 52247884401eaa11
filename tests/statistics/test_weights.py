"""Statistics of weights, against known matrices and loops over heads."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from recint.statistics.weights import (
    composition_chance,
    composition_scores,
    effective_rank,
    eigenvalue_score,
    input_matrices,
)

RNG = np.random.default_rng(0)
OV = RNG.standard_normal((2, 3, 12, 12))
QK = RNG.standard_normal((2, 3, 12, 12))


def test_eigenvalue_scores_of_known_matrices():
    assert eigenvalue_score(np.eye(4)) == pytest.approx(1)
    assert eigenvalue_score(-np.eye(4)) == pytest.approx(-1)
    assert eigenvalue_score(np.array([[0, 1], [-1, 0]])) == pytest.approx(0)  # a rotation by a right angle


def test_eigenvalue_score_agrees_with_traces():
    for matrix in OV[0]:
        roots = np.roots(np.poly(matrix))  # of the characteristic polynomial
        assert eigenvalue_score(matrix) == pytest.approx(np.trace(matrix) / np.abs(roots).sum(), rel=1e-6)


def test_effective_rank_agrees_with_a_loop():
    for matrix in OV[0]:
        squares = np.linalg.svd(matrix, compute_uv=False) ** 2
        needed = next(count for count in range(1, 13) if squares[:count].sum() >= 0.95 * squares.sum())
        assert effective_rank(matrix) == needed


def test_composition_scores_agree_with_loops_and_leave_the_impossible_blank():
    for kind in ("q", "k", "v"):
        scores = composition_scores(OV, input_matrices(OV, QK, kind))
        for early in range(3):
            for late in range(3):
                reader = {"q": QK[1, late], "k": QK[1, late].T, "v": OV[1, late]}[kind]
                norms = np.linalg.norm(OV[0, early]) * np.linalg.norm(reader)
                assert scores[0, early, 1, late] == pytest.approx(np.linalg.norm(OV[0, early] @ reader) / norms)
        assert np.isnan(scores[1]).all()
        assert np.isnan(scores[0, :, 0]).all()


def test_chance_is_that_of_randomly_turned_heads():
    found = composition_chance(OV[0], QK[1], rng=np.random.default_rng(0), draws=400)
    turned = [
        np.linalg.norm(OV[0, 0] @ rotation @ QK[1, 0]) / np.linalg.norm(OV[0, 0]) / np.linalg.norm(QK[1, 0])
        for rotation in ortho_group.rvs(12, size=400, random_state=1)
    ]
    error = np.std(turned) / 20
    assert abs(found[0, 0] - np.mean(turned)) < 4 * error * 2**0.5
    # The mean square is 1/d whatever the spectra.
    assert found.mean() == pytest.approx(12**-0.5, rel=0.05)
