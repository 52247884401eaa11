"""Both kinds of model say which hook they do not know, and take only edits that keep the shape of an activation."""

import pytest
import torch

from recint.hooks import editing, keeping, known_to
from recint.model import Model

from .bridged import tiny

PATTERN = "blocks.0.attn.hook_pattern"
AT = tiny.Tokens(batch=5)


@pytest.fixture(scope="module")
def tokens():
    return tiny.model()


@pytest.fixture
def vectors(small):
    return Model(small)


UNKNOWN = f"the model has no hook 'blocks.0.attn.hook_patern'; did you mean {PATTERN} or "
SMALLER = r"an edit of blocks.0.attn.hook_pattern gives \(1, .*\), but should keep the shape \(5, .*\)"


class TestAModelOfVectors:
    INPUTS = torch.zeros(5, 4, 5)

    def test_an_unknown_hook(self, vectors):
        for read in (
            lambda: vectors.run(self.INPUTS, ["blocks.0.attn.hook_patern"]),
            lambda: vectors.activations(self.INPUTS, "blocks.0.attn.hook_patern"),
        ):
            with pytest.raises(ValueError, match=UNKNOWN):
                read()
        residual = torch.zeros(5, 4, vectors.config.d_model)
        with vectors.editing("blocks.0.attn.hook_patern", lambda x: x):
            for run in (lambda: vectors(self.INPUTS), lambda: vectors.resume(residual, layer=0)):
                with pytest.raises(ValueError, match=UNKNOWN):
                    run()

    def test_an_edit_of_another_shape(self, vectors):
        with vectors.editing(PATTERN, lambda x: x[:1]), pytest.raises(ValueError, match=SMALLER):
            vectors(self.INPUTS)


class TestAModelOfTokens:
    def test_an_unknown_hook(self, tokens):
        inputs = AT.sample(tokens.config).inputs
        with pytest.raises(ValueError, match=UNKNOWN):
            tokens.run(inputs, ["blocks.0.attn.hook_patern"])
        with pytest.raises(ValueError, match=UNKNOWN):
            tokens.run(inputs, edits={"blocks.0.attn.hook_patern": lambda x: x})

    def test_an_edit_of_another_shape(self, tokens):
        with pytest.raises(ValueError, match=SMALLER):
            tokens.run(AT.sample(tokens.config).inputs, edits={PATTERN: lambda x: x[:1]})


def test_an_edit_that_returns_nothing():
    with pytest.raises(ValueError, match=r"an edit of z gives None, but should keep the shape \(2,\)"):
        editing("z", lambda x: None)[1](torch.zeros(2), None)


def test_a_name_like_none_and_an_error_of_the_claim_itself(tokens):
    with (
        pytest.raises(ValueError, match=r"has no hook 'qqq'; its names are the keys of `model.bridge.hook_dict`"),
        known_to(tokens.bridge, [keeping({}, "qqq")]),
    ):
        raise KeyError("qqq")
    with pytest.raises(KeyError, match="mine"), known_to(tokens.bridge, [keeping({}, PATTERN)]):
        raise KeyError("mine")
