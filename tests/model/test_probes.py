"""Probes find what was planted, find nothing where there is nothing, and are judged on recurrences they never saw."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recint.domain import Between, Condition
from recint.judging.finite import NotFinite
from recint.judging.reductions import REDUCTIONS
from recint.model import Model, probes
from recint.model.interventions import ablated
from recint.model.probes import constant_probe
from recint.model.untrained import untrained

from ..conftest import SMALL

HOOK = "blocks.1.hook_resid_pre"
AT = Condition(c=Between(-2.0, 2.0), batch=300, seed=5)
KINDS = ("linear", "MLP")


def solved(inputs):
    """d of each recurrence, from its first terms: a_2 - a_1 = c (a_1 - a_0)."""
    first, second = inputs[:, 1] - inputs[:, 0], inputs[:, 2] - inputs[:, 1]
    c = (first * second).sum(-1) / first.square().sum(-1)
    return inputs[:, 1] - c[:, None] * inputs[:, 0]


class Planted(Model):
    """What it holds at every position before layer 1 is `holds` of the inputs, in directions of its own."""

    def __init__(self, holds, noise=0.0):
        super().__init__(untrained(SMALL, seed=0))
        generator = torch.Generator().manual_seed(0)
        self.holds, self.noise = holds, noise
        self.directions = torch.randn(2 * SMALL.d_vocab, SMALL.d_model, generator=generator)

    def activations(self, inputs, *keep):
        held = self.holds(inputs)
        held = (held @ self.directions[: held.shape[1]])[:, None].expand(-1, inputs.shape[1], -1)
        # Noise that is the same wherever a recurrence turns up.
        noise = torch.sin(1e4 * inputs.sum(-1, keepdim=True) * torch.arange(1, SMALL.d_model + 1))
        return dict.fromkeys(keep, held + self.noise * noise)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(probes, "TRAINED_ON", 400)
    monkeypatch.setattr(probes, "EPOCHS", 20)


def explained(model, **asked):
    errors = constant_probe(model, layer=1, **asked).errors(model.intact(AT))
    return REDUCTIONS["explained share"].value(errors.double().numpy().T, ">=")


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_that_is_there_is_read(kind):
    assert explained(Planted(solved), kind=kind) > {"linear": 0.999, "MLP": 0.95}[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_constant_under_noise_less_is_read(kind):
    clear, noisy = (explained(Planted(solved, noise=noise), kind=kind) for noise in (0.0, 1.0))
    assert 0.2 < noisy < clear - 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_constant_that_is_not_there_nothing_is_read(kind):
    unrelated = Planted(lambda inputs: torch.sin(1e4 * inputs[:, 0]))
    assert explained(unrelated, kind=kind) < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_trained_on_the_constants_of_others_a_probe_reads_nothing(kind):
    assert explained(Planted(solved), kind=kind, shuffled=True) <= 0.1


def test_what_is_no_linear_function_the_mlp_reads_better():
    def size_and_sign(inputs):
        d = solved(inputs)
        return torch.cat([d.abs(), 0.2 * d.sign()], dim=-1)

    linear, mlp = (explained(Planted(size_and_sign), kind=kind) for kind in KINDS)
    assert mlp > linear + 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_the_recurrences_judged_are_others_than_those_trained_on(kind):
    model, seen = Planted(solved), []
    model.holds = lambda inputs: seen.append(inputs) or solved(inputs)
    probe = constant_probe(model, layer=1, kind=kind)
    trained = torch.cat(seen)
    assert len(trained) == 400
    judged = model.intact(replace(AT, batch=400))
    probe.errors(judged)
    assert torch.cdist(trained.flatten(1), judged.recurrences.inputs.flatten(1)).min() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_errors_are_those_of_a_loop_over_coordinates(kind):
    model = Planted(solved, noise=1.0)
    probe, intact = constant_probe(model, layer=1, kind=kind), model.intact(Condition(c=Between(-2.0, 2.0), batch=7))
    errors = probe.errors(intact)
    assert errors.shape == (7, 2)
    layers = [(part.weight.double(), part.bias) for part in probe.read.modules() if isinstance(part, torch.nn.Linear)]
    squares, around = np.zeros(7), np.zeros(7)
    for r in range(7):
        for position in range(2, 13):
            x = (intact[HOOK][r, position].double() - probe.features.mean) / probe.features.deviation
            for index, (weight, bias) in enumerate(layers):
                x = weight @ x + (0 if bias is None else bias)
                x = x.clamp_min(0) if index < len(layers) - 1 else x
            for coordinate in range(5):
                d, mean = intact.recurrences.offset[r, coordinate].item(), probe.labels.mean[coordinate].item()
                squares[r] += (x[coordinate].item() * probe.labels.deviation.item() + mean - d) ** 2 / 55
                around[r] += (mean - d) ** 2 / 55
    assert errors[:, 0].tolist() == pytest.approx(squares, rel=1e-3)
    assert errors[:, 1].tolist() == pytest.approx(around, rel=1e-3)
    assert REDUCTIONS["explained share"].value(errors.double().numpy().T, ">=") == pytest.approx(
        1 - squares.sum() / around.sum(), rel=1e-3
    )


def test_the_linear_probe_is_the_least_squares_fit():
    model = Planted(solved, noise=1.0)
    probe = constant_probe(model, layer=1, kind="linear")
    seen, drawn = model.once(("training set of probes", 1), lambda: None)
    features = seen[:, 2:].flatten(0, 1).double().numpy()
    labels = drawn.offset[:, None].expand(-1, 11, -1).flatten(0, 1).double().numpy()
    design = np.column_stack([features, np.ones(len(features))])
    expected = design @ np.linalg.lstsq(design, labels, rcond=None)[0]
    standard = probe.features.to(seen[:, 2:].flatten(0, 1))
    assert np.allclose(probe.labels.back(probe.read(standard)).numpy(), expected, atol=1e-3)


def test_a_probe_that_says_the_mean_of_the_training_set_explains_nothing():
    model = Planted(solved)
    probe, intact = constant_probe(model, layer=1, kind="linear"), model.intact(AT)
    silent = probes.Probe(torch.nn.Linear(16, 5, bias=False), probe.features, probe.labels, HOOK)
    torch.nn.init.zeros_(silent.read.weight)
    errors = silent.errors(intact)
    assert torch.equal(errors[:, 0], errors[:, 1])


def test_features_that_never_vary_do_not_break_a_probe():
    assert explained(Planted(lambda inputs: torch.ones(len(inputs), 5)), kind="linear") == pytest.approx(0, abs=1e-6)


def test_a_probe_is_trained_once_and_the_same_way_for_each_model():
    model = Planted(solved)
    assert constant_probe(model, layer=1, kind="MLP") is constant_probe(model, layer=1, kind="MLP")
    first, second = (constant_probe(Planted(solved), layer=1, kind="MLP").read.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_training_leaves_the_generator_of_everybody_else_alone():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(123)
        before = torch.get_rng_state()
        constant_probe(Planted(solved), layer=1, kind="MLP")
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("kind", KINDS)
def test_a_probe_is_of_the_model_as_it_is_whatever_is_done_to_it(kind):
    edited, untouched = (Model(untrained(SMALL, seed=0, init_range=0.2)) for _ in range(2))
    with ablated(edited, layer=0, kind="zero"):
        found = constant_probe(edited, layer=1, kind=kind).errors(edited.intact(AT))
    assert torch.equal(found, constant_probe(untouched, layer=1, kind=kind).errors(untouched.intact(AT)))


def test_at_order_2_positions_from_4_on_are_read():
    model = Model(untrained(replace(SMALL, order=2), seed=0, init_range=0.2))
    probe, intact = constant_probe(model, layer=1, kind="linear"), model.intact(AT)
    errors = probe.errors(intact)
    intact[HOOK][:, :4] = torch.nan
    assert torch.equal(probe.errors(intact), errors)
    intact[HOOK][:, 4] = torch.nan
    with pytest.raises(NotFinite):
        probe.errors(intact)


def test_the_linear_probe_is_that_of_the_pseudoinverse_of_all_features():
    generator = torch.Generator().manual_seed(0)
    features, labels = torch.randn(3000, 8, generator=generator), torch.randn(3000, 3, generator=generator)
    features -= features.mean(-1, keepdim=True)  # without a part along the all-ones vector, as after LayerNorm
    expected = (torch.linalg.pinv(features.double(), rtol=1e-6) @ labels.double()).T
    found = probes._linear(features, labels).weight
    assert torch.allclose(found.double(), expected, rtol=1e-5, atol=1e-7)
