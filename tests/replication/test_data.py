"""What the notebook looked at: each kind of recurrences is drawn once, and the model is changed where it is said."""

import numpy as np
import pytest
import torch

from recint.replication.data import ONE_C, Data, normalised_attribution, over

from .conftest import DRAWS


@pytest.fixture(scope="module")
def data(deep):
    return Data(deep, draws=DRAWS, seed=3)


def test_there_are_as_many_recurrences_as_asked_for_in_chunks(data):
    assert [len(drawn.terms) for drawn in Data(data.model, draws=250, seed=3).draw(data.reference, "usual")] == [
        100,
        100,
        50,
    ]
    assert data.errors.shape == (DRAWS,)
    assert data.at_one_c[0].recurrences.coefficients.unique().tolist() == [ONE_C]
    assert torch.equal(data.one.recurrences.terms, data.at_one_c[0].recurrences.terms[:1])
    first, second = (data.draw(data.reference, label)[0].terms for label in ("usual", "another"))
    assert torch.equal(first, data.usual[0].recurrences.terms)
    assert not torch.equal(first, second)


def test_nothing_zeroed_changes_nothing_and_all_heads_but_one_are_what_accumulates(data):
    assert data.errors_zeroed([]) == pytest.approx(data.errors, rel=1e-5)
    assert np.array_equal(data.errors_accumulated, data.errors_zeroed(range(7)))
    assert not np.allclose(data.errors_accumulated, data.errors, rtol=1e-3)


def test_attributions_are_over_all_passes(data):
    assert data.head_attribution.shape == (DRAWS, 3, 8)
    assert data.mlp_attribution.shape == (DRAWS, 3)
    assert over(data.usual, lambda intact: intact.errors) == pytest.approx(data.errors)
    heads, mlps = normalised_attribution(data.model, data.one)
    assert (heads.shape, mlps.shape) == ((3, 8), (3,))
