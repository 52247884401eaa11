"""Folding LayerNorm into the weights keeps the function of a model."""

from dataclasses import replace

import pytest
import torch

from recint.model.transformer import Model, raw_bridge
from recint.model.untrained import untrained

from ..conftest import SMALL
from ..passes import plain_forward


def test_folding_keeps_the_output_of_any_model(small):
    biased = {
        name: tensor + 0.1 * torch.sin(torch.arange(tensor.numel())).view(tensor.shape)
        for name, tensor in small.tensors.items()
    }
    checkpoint = type(small)("biased", small.config, biased)
    inputs = torch.randn(4, 9, 5, generator=torch.Generator().manual_seed(0))
    assert (Model(checkpoint)(inputs) - plain_forward(checkpoint, inputs)[0]).abs().max() < 2e-5


@pytest.mark.parametrize("square", [{"d_mlp": 16}, {"d_vocab": 16}, {"d_mlp": 16, "d_vocab": 16}])
def test_folding_keeps_the_function_of_square_matrices_too(square):
    """Where d_mlp or d_vocab equals d_model, an axis that is mistaken for another goes unnoticed by shapes."""
    config = replace(SMALL, **square)
    plain = untrained(config, seed=0, init_range=0.3)
    tensors = {
        name: tensor + 0.1 * torch.cos(torch.arange(tensor.numel())).view(tensor.shape)
        for name, tensor in plain.tensors.items()
    }
    inputs = torch.randn(3, 9, config.d_vocab, generator=torch.Generator().manual_seed(0))
    raw = raw_bridge(config, tensors)
    found = Model(replace(plain, tensors=tensors))(inputs)
    assert torch.allclose(found, raw(inputs @ raw.W_E), atol=2e-5)
