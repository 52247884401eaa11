"""Permanent edits are always there, and come before all others."""

import pytest
import torch

from recint.calibration.permanent_edits import READ, PermanentlyEdited
from recint.model import Model
from recint.model.interventions import edited, remembering

INPUTS = torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(0))
PATTERN = "blocks.0.attn.hook_pattern"


def to_itself(pattern):
    return torch.eye(pattern.shape[-1]).expand_as(pattern)


@pytest.fixture
def permanent(small):
    return PermanentlyEdited(small, [(PATTERN, to_itself)])


def test_an_edit_stands_in_every_pass(small, permanent):
    plain = Model(small)
    with edited(plain, PATTERN, to_itself):
        expected = plain(INPUTS)
    assert not torch.allclose(expected, Model(small)(INPUTS), atol=1e-3)
    assert torch.equal(permanent(INPUTS), expected)
    assert torch.equal(permanent.resume(permanent.activations(INPUTS, READ)[READ], layer=0), expected)
    with permanent.unedited():
        assert torch.equal(permanent(INPUTS), expected)
        assert torch.equal(permanent.activations(INPUTS, PATTERN)[PATTERN][0, 0], torch.eye(7))


def test_an_intervention_replaces_what_stands(small, permanent):
    uniform = Model(small).activations(INPUTS, PATTERN)[PATTERN]
    with edited(permanent, PATTERN, lambda _: uniform) as change:
        assert torch.allclose(permanent(INPUTS), Model(small)(INPUTS), atol=1e-6)
        assert change.largest > 0.5
        with permanent.unedited():
            assert torch.equal(permanent.activations(INPUTS, PATTERN)[PATTERN][0, 0], torch.eye(7))
        assert torch.allclose(permanent(INPUTS), Model(small)(INPUTS), atol=1e-6)
    assert torch.equal(permanent.activations(INPUTS, PATTERN)[PATTERN][0, 0], torch.eye(7))


def test_what_is_remembered_is_of_the_present_pass(small):
    stream = []
    model = PermanentlyEdited(small, [(READ, remembering(stream))])
    for inputs in (INPUTS, INPUTS[:2] + 1):
        assert torch.equal(model(inputs), Model(small)(inputs))
        assert torch.equal(stream[0], Model(small).activations(inputs, READ)[READ])


def test_no_pass_reads_what_another_one_remembered(small):
    model = PermanentlyEdited(small, [(READ, remembering([]))], whole=True)
    stream = model.activations(INPUTS, READ)[READ]
    assert torch.equal(model.resume(stream, layer=0), model(INPUTS))
    for later in ({"layer": 1}, {"layer": 0, "z": torch.zeros(4, 7, 2, 8)}):
        with pytest.raises(ValueError, match="untrained-0: a pass must begin with layer 0"):
            model.resume(stream, **later)
