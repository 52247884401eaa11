"""Affine recurrences as a subject among others."""

import pytest

from recint.checkpoint import save
from recint.model import Model, subject
from recint.model.untrained import untrained

from ..conftest import SMALL


def test_it_loads_a_checkpoint_and_builds_its_model(tiny):
    loaded = subject.load(tiny)
    model = subject.model(loaded, "cpu")
    assert isinstance(model, Model)
    assert model.checkpoint is loaded
    assert loaded.subject == ""


def test_a_model_of_other_vectors_is_refused(tmp_path):
    path = save(untrained(SMALL, seed=0), tmp_path / "small")
    with pytest.raises(ValueError, match="small: d_vocab=5, but the recurrences of the claims have dimension 40"):
        subject.load(path)
