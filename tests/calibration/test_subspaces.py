"""Subspaces of the residual stream do not overlap."""

from dataclasses import replace

import numpy as np
import pytest

from recint.calibration.roles import SMALL
from recint.calibration.subspaces import carve


def test_directions_are_orthonormal_and_orthogonal_to_the_all_ones_vector():
    found = carve(SMALL, steering=4, idle=2, rng=np.random.default_rng(0))
    assert len(found.embedding) == len(found.second) == SMALL.d_vocab
    assert (len(found.position), len(found.steering), len(found.idle)) == (SMALL.n_ctx, 4, 2)
    rows = np.concatenate([found.embedding, found.second, found.position, found.steering, found.idle])
    assert rows @ rows.T == pytest.approx(np.eye(len(rows)), abs=1e-12)
    assert rows.sum(1) == pytest.approx(np.zeros(len(rows)), abs=1e-12)


def test_a_stream_that_is_too_narrow_is_refused():
    with pytest.raises(ValueError, match=r"d_model=35 must be at least 36 to hold 2 \* 8 directions for terms"):
        carve(replace(SMALL, d_model=35), steering=4, idle=2, rng=np.random.default_rng(0))
    carve(replace(SMALL, d_model=36), steering=4, idle=2, rng=np.random.default_rng(0))
