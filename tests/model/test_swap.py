"""Mean streams given c, against a loop; a planted code of c can be swapped by them, a stream without one cannot."""

import pytest
import torch

from recint.domain import Between, Condition
from recint.model import Model, swap
from recint.model.interventions import edited
from recint.model.swap import AFTER_LAYER_0, stream_given_c
from recint.model.untrained import untrained
from recint.recurrence import Distribution
from recint.system.seeds import derive_seed

from ..conftest import SMALL
from ..passes import biased

SCORED = 2


def mean_stream(model, tenth):
    """The mean over AVERAGED recurrences with c = tenth / 10, one recurrence after the other."""
    c = tenth / 10
    drawn = Distribution(dim=5, c=(c, c)).sample(swap.AVERAGED, seed=derive_seed(0, "given c", tenth))
    assert (drawn.coefficients == torch.tensor(c)).all()
    total = torch.zeros(13, SMALL.d_model)
    for terms in drawn.inputs:
        total += model.activations(terms[None], AFTER_LAYER_0)[AFTER_LAYER_0][0]
    return total / swap.AVERAGED


@pytest.fixture(scope="module")
def model():
    return biased()


def test_at_tenths_it_is_the_mean_over_recurrences(model):
    tenths = (-20, -13, -1, 0, 7, 20)
    found = stream_given_c(model, torch.tensor(tenths) / 10)
    assert found.shape == (6, 13, SMALL.d_model)
    for stream, tenth in zip(found, tenths, strict=True):
        assert torch.allclose(stream, mean_stream(model, tenth), atol=1e-5)


def test_every_tenth_is_met_exactly(model):
    table = stream_given_c(model, torch.arange(-20, 21, dtype=torch.float64) / 10)
    single = stream_given_c(model, torch.arange(-20, 21).float() / 10)
    assert torch.allclose(table, single, atol=1e-5)
    assert (table.diff(dim=0).abs().amax((1, 2)) > 1e-3).all()


@pytest.mark.parametrize("c", [-1.97, -0.04, 0.25, 1.99])
def test_between_tenths_it_lies_on_a_line(model, c):
    below = torch.tensor(c * 10).floor().item() / 10
    low, high, found = stream_given_c(model, torch.tensor([below, below + 0.1, c]))
    share = (c - below) / 0.1
    assert torch.allclose(found, (1 - share) * low + share * high, atol=1e-5)


def test_beyond_the_reference_distribution_it_is_that_of_the_edge(model):
    found = stream_given_c(model, torch.tensor([-2.5, -2.0, 2.0, 3.0]))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[2], found[3])


def test_it_is_measured_once_and_of_the_unchanged_model(model, monkeypatch):
    changed, c = biased(), torch.tensor([0.3, -1.2])
    with edited(changed, "blocks.0.attn.hook_z", torch.zeros_like):
        found = stream_given_c(changed, c)
    assert torch.equal(found, stream_given_c(model, c))
    monkeypatch.setattr(changed, "activations", None)
    assert torch.equal(found, stream_given_c(changed, c))


class Coded(Model):
    """After layer 0 its stream holds c, a_i and a_i - a_(i-1); the rest of the model applies the rule with the c it reads there.

    If it is `deaf`, it applies the rule with the c of its inputs, which it keeps elsewhere.
    """

    def __init__(self, *, deaf=False):
        super().__init__(untrained(SMALL, seed=0))
        self.deaf = deaf

    def activations(self, inputs, *keep):
        steps = inputs.diff(dim=1, prepend=inputs[:, :1])
        self.c = ((steps[:, 2] * steps[:, 1]).sum(-1) / steps[:, 1].square().sum(-1))[:, None, None]
        stream = torch.cat([self.c.expand(-1, inputs.shape[1], 1), inputs, steps], dim=-1)
        return {AFTER_LAYER_0: stream}

    def resume(self, residual, *, layer):
        assert layer == 1
        c, last, step = residual.split([1, 5, 5], dim=-1)
        return last + (self.c if self.deaf else c) * step


def share_swapped(model, batch=300):
    """1 - |f - T|^2 / |f before - T|^2, where the mean at c' takes the place of the mean at c."""
    recurrences = Condition(c=Between(-2.0, 2.0), seed=1, batch=batch).sample(model.config)
    terms, c = recurrences.inputs, recurrences.coefficients[:, 0]
    other = c.roll(1)
    shift = stream_given_c(model, other) - stream_given_c(model, c)
    stream = model.activations(terms, AFTER_LAYER_0)[AFTER_LAYER_0]
    before, after = (model.resume(each, layer=1) for each in (stream, stream + shift))
    far = torch.zeros(2, dtype=torch.float64)
    for number in range(batch):
        for position in range(SCORED, 13):
            step = terms[number, position] - terms[number, position - 1]
            target = terms[number, position] + other[number] * step
            for kind, predicted in enumerate((after, before)):
                far[kind] += (predicted[number, position] - target).square().sum()
    return 1 - (far[0] / far[1]).item()


def test_a_code_of_c_that_the_model_reads_is_swapped(monkeypatch):
    monkeypatch.setattr(swap, "AVERAGED", 2000)  # so that the mean of the terms is almost 0 at every c
    assert share_swapped(Coded()) > 0.98


def test_a_code_of_c_that_the_model_does_not_read_is_not_swapped(monkeypatch):
    monkeypatch.setattr(swap, "AVERAGED", 2000)
    assert abs(share_swapped(Coded(deaf=True))) < 0.02
