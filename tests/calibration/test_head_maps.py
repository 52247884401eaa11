"""Maps of heads play the roles that are seen on matrices alone."""

import numpy as np
import pytest

from recint.calibration.head_maps import head_maps
from recint.calibration.roles import SMALL, Roles


@pytest.mark.parametrize("heads", ["share", "split"])
def test_maps_have_the_shapes_and_ranks_of_their_roles(heads):
    found = head_maps(Roles(low_rank=0.25), seed=0, config=SMALL, heads=heads)
    assert found.layer_0.shape == (8, 8, 8)
    assert len(found.ranks) == 8
    assert all(read @ read.T == pytest.approx(np.eye(len(read)), abs=1e-9) for read, _ in found.layer_1)
    fewer = head_maps(Roles(low_rank=0.75), seed=0, config=SMALL, heads=heads)
    assert max(fewer.ranks) < min(found.ranks)
    assert np.linalg.norm(found.along) == pytest.approx(1)


def test_without_v_composition_layer_0_writes_past_the_embedding():
    along, past = (
        head_maps(Roles(v_composition=ratio), seed=0, config=SMALL, heads="share").along for ratio in (1.44, 0.0)
    )
    assert past[0] == 0
    assert abs(along[0]) > 0.1


def test_a_role_that_has_no_room_is_refused():
    with pytest.raises(ValueError, match=r"v_composition=4.0 must be at most .* at d_model=64, d_vocab=8"):
        head_maps(Roles(v_composition=4.0), seed=0, config=SMALL, heads="share")
