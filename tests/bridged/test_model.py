"""A TransformerBridge as a model on which claims are judged."""

from types import SimpleNamespace

import pytest
import torch

from recint.judging import subject

from . import tiny

PATTERN, Z = "blocks.0.attn.hook_pattern", "blocks.0.attn.hook_z"


@pytest.fixture(scope="module")
def model():
    return tiny.model()


AT = tiny.Tokens(batch=5)


def test_it_answers_all_that_the_engine_asks(model):
    asked = [name for name in vars(subject.Subject) if not name.startswith("_")]
    assert all(hasattr(model, name) for name in asked)


def test_it_computes_what_the_bridge_does(model):
    tokens = AT.sample(model.config).inputs
    assert torch.equal(model.run(tokens).logits, model.bridge(tokens))


def test_claims_about_one_place_share_a_pass(model, monkeypatch):
    intact = tiny.model().intact(AT)
    passes = []
    monkeypatch.setattr(
        intact._model, "run", lambda *given, run=intact._model.run, **how: passes.append(how) or run(*given, **how)
    )
    _ = intact[PATTERN], intact[Z], intact[PATTERN], intact.logits
    assert len(passes) == 2  # the second pass was for z; from now on both are kept at once
    other = intact._model.intact(AT.again(batch=3, seed=1))
    assert (other[PATTERN].shape, other[Z].shape) == ((3, 2, 6, 6), (3, 6, 2, 4))
    assert len(passes) == 3


def test_the_last_place_is_remembered(model):
    assert model.intact(AT) is model.intact(tiny.Tokens(batch=5))


def test_an_edit_changes_one_pass_and_no_other(model):
    tokens = AT.sample(model.config).inputs
    before = model.run(tokens).logits
    edited = model.run(tokens, keep=[Z], edits={Z: torch.zeros_like})
    assert edited.activations[Z].abs().max() == 0
    assert not torch.allclose(edited.logits, before)
    assert torch.equal(model.run(tokens).logits, before)


def test_untrained_models_have_other_weights_and_the_same_for_a_seed(model):
    first, again, other = (model.untrained(seed).checkpoint for seed in (0, 0, 1))
    assert first.sha256 == again.sha256 != other.sha256
    assert first.config == model.config
    assert (first.name, first.path) == ("untrained-0", None)


def test_building_leaves_the_random_numbers_of_others_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    tiny.model().untrained(0)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"layers": (1,)}, "x: speaks of layer 1, but the model has 1 of them"),
        ({"heads": (0, 2)}, "x: speaks of head 2, but the model has 2 of them"),
        ({}, ""),
    ],
)
def test_a_claim_about_what_it_lacks_does_not_apply(model, asked, sentence):
    claim = SimpleNamespace(**{"id": "x", "layers": (), "heads": (), "reduction": "mean"} | asked)
    assert model.unmet(claim) == sentence


def test_the_snippet_names_the_modules_it_loads(model):
    snippet = model.snippet(AT.single(2))
    assert snippet.lines[0].startswith("subject = module('")
    assert snippet.lines[1] == "checkpoint = subject.load(...)  # 'made'"
    assert "import recint.bridged.places as places" in snippet.imports
    assert snippet.lines[-1] == "at = places.Drawn(at=tiny.Tokens(batch=5, seed=0), number=2)"
