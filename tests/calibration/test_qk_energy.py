"""Shares of the energy of layer 2's QK matrix give the scores that were asked for."""

import numpy as np
import pytest

from recint.calibration.composition import expected_composition, squared_singular_values
from recint.calibration.qk_energy import QKEnergy, qk_energy
from recint.calibration.roles import SMALL, Roles

RANKS = [4] * 8


def test_the_scores_are_those_of_the_roles():
    roles = Roles(k_composition=1.44, q_composition=0.96, qk_similarity=0.6)
    found = qk_energy(roles, RANKS, SMALL)
    assert found.similarity(SMALL.n_ctx) == pytest.approx(0.6)
    spectrum = np.append(np.tile(squared_singular_values(found.block), found.width), found.positions)
    level = expected_composition(np.ones(4), spectrum, SMALL.d_model)
    assert (found.keys / 4) ** 0.5 / level == pytest.approx(1.44, rel=1e-3)
    assert (found.queries / 4) ** 0.5 / level == pytest.approx(0.96, rel=1e-3)


def test_the_parts_of_a_matrix_have_its_energy():
    found = QKEnergy(keys=0.3, queries=0.2, both=0.1, width=4)
    assert found.positions == pytest.approx(0.51)
    assert found.width * np.square(found.block).sum() + found.positions == pytest.approx(1)


def test_scores_that_no_shares_give_are_refused():
    with pytest.raises(ValueError, match=r"k_composition=5.0 must be at most .* at d_model=64 and rank 4 of layer 1"):
        qk_energy(Roles(k_composition=5.0), RANKS, SMALL)
    with pytest.raises(ValueError, match=r"qk_similarity=-1.0 must lie between"):
        qk_energy(Roles(qk_similarity=-1.0), RANKS, SMALL)
