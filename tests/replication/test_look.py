"""What the notebook looked at: each kind of recurrences is drawn once, and the model is changed where it is said."""

import numpy as np
import pytest
import torch

from recint.replication.look import ONE_C, Look, normalised_attribution, over

from .conftest import DRAWS


@pytest.fixture(scope="module")
def look(deep):
    return Look(deep, draws=DRAWS, seed=3)


def test_there_are_as_many_recurrences_as_asked_for_in_chunks(look):
    assert [len(drawn.terms) for drawn in Look(look.model, draws=250, seed=3).draw(look.reference, "usual")] == [
        100,
        100,
        50,
    ]
    assert look.errors.shape == (DRAWS,)
    assert look.at_one_c[0].recurrences.coefficients.unique().tolist() == [ONE_C]
    assert torch.equal(look.one.recurrences.terms, look.at_one_c[0].recurrences.terms[:1])
    first, second = (look.draw(look.reference, label)[0].terms for label in ("usual", "another"))
    assert torch.equal(first, look.usual[0].recurrences.terms)
    assert not torch.equal(first, second)


def test_nothing_zeroed_changes_nothing_and_all_heads_but_one_are_what_accumulates(look):
    assert look.errors_zeroed([]) == pytest.approx(look.errors, rel=1e-5)
    assert np.array_equal(look.errors_accumulated, look.errors_zeroed(range(7)))
    assert not np.allclose(look.errors_accumulated, look.errors, rtol=1e-3)


def test_attributions_are_over_all_passes(look):
    assert look.head_attribution.shape == (DRAWS, 3, 8)
    assert look.mlp_attribution.shape == (DRAWS, 3)
    assert over(look.usual, lambda intact: intact.errors) == pytest.approx(look.errors)
    heads, mlps = normalised_attribution(look.model, look.one)
    assert (heads.shape, mlps.shape) == ((3, 8), (3,))
