"""The oracle finds terms in a stream, and the c of terms."""

from dataclasses import replace

import pytest
import torch

from recint.calibration.oracle import coefficient, terms_in
from recint.calibration.planted import plant
from recint.calibration.roles import Roles
from recint.model import Model
from recint.recurrence import REFERENCE
from recint.transformations import rotations

DRAWN = replace(REFERENCE, dim=8).sample(200, seed=0)
C = DRAWN.coefficients[:, 0].double()


@pytest.mark.parametrize(
    "make", [lambda affine_a: affine_a, lambda _: Model(plant(Roles()))], ids=["trained", "planted"]
)
def test_terms_are_found_in_the_stream_before_layer_0(affine_a, make):
    model = make(affine_a)
    inputs = replace(REFERENCE, dim=model.config.d_vocab, length=9).sample(20, seed=0).inputs
    stream = model.activations(inputs, "blocks.0.hook_resid_pre")["blocks.0.hook_resid_pre"]
    assert (terms_in(model, stream) - inputs).abs().max() < 1e-5


class TestCoefficient:
    def test_of_recurrences(self):
        assert (coefficient(DRAWN.inputs) - C).abs().max() < 1e-3

    @pytest.mark.parametrize("position", range(7, 13))
    def test_of_recurrences_with_a_term_of_others(self, position):
        terms = DRAWN.inputs.clone()
        terms[:, position] = DRAWN.inputs.roll(1, 0)[:, position]
        assert (coefficient(terms) - C).abs().median() < 1e-6
        assert (coefficient(terms) - C).abs().quantile(0.97) < 1e-3

    def test_turns_with_its_input(self):
        noisy = DRAWN.inputs + 0.05 * torch.randn(DRAWN.inputs.shape, generator=torch.Generator().manual_seed(0))
        assert torch.allclose(coefficient(noisy @ rotations(200, 8, seed=0).float()), coefficient(noisy), atol=1e-4)

    @pytest.mark.parametrize("length", [1, 2, 3, 6])
    def test_is_zero_where_nothing_moves(self, length):
        assert torch.equal(coefficient(torch.ones(2, length, 8)), torch.zeros(2, dtype=torch.float64))
