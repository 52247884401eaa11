"""Planted filters predict as their filter says, and claims about filters tell them apart."""

from functools import cache

import pytest
import torch

from recint.calibration.attention_only import CONFIG
from recint.calibration.filters import FILTERS, two_steps
from recint.calibration.solver import Solver
from recint.catalogue import properties
from recint.domain import reference_of
from recint.judging.judge import judge
from recint.model.gain import error_and_copying
from recint.model.interchange import patterns
from recint.model.linear_filter import filter_weights, filtered, rule_weights

from .settled import holds, settled

NAMED = {positive.name: positive for positive in FILTERS}
TWO_STEPS, RULE, NORMS_IN_1, NORMS_IN_0, LINE, FIXED, SOLVED = NAMED
DRAWN = reference_of(CONFIG).sample(60, seed=0)
C = DRAWN.coefficients[:, 0]
# That an independent filter is better than that of -c takes 2000 draws to decide.
CLOSE = {(RULE, "filter.of-c"), (LINE, "filter.of-c")}


@cache
def model(name):
    return NAMED[name].model()


@pytest.mark.parametrize("c", [-2.0, -1.3, -1.0, -0.4, 0.0, 0.7, 1.0, 2.0])
def test_a_filter_of_two_steps_is_exact(c):
    weights = two_steps(torch.tensor([c], dtype=torch.float64), 13)[0, 2:]
    powers = c ** torch.arange(14, dtype=torch.float64)
    assert weights.sum(-1) == pytest.approx(1)
    assert weights @ powers[:13] == pytest.approx(powers[3:])
    assert torch.equal(weights, weights.tril(2))
    assert not weights[6:].diagonal(8).any()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, lambda c: two_steps(c, 13)) for name in (TWO_STEPS, NORMS_IN_0, NORMS_IN_1)),
        *((name, lambda c: rule_weights(c, 13)) for name in (RULE, LINE)),
    ],
)
def test_the_filter_is_what_was_planted(name, expected):
    weights = expected(1.05 * C)
    found = filter_weights(model(name), DRAWN, seed=0)
    assert (found - weights).abs().mean() < 1e-3 * weights.abs().mean()
    assert (model(name)(DRAWN.inputs) - filtered(weights, DRAWN.inputs)).abs().max() < 5e-3


def test_the_filter_that_knows_no_c_is_always_the_same():
    found = filter_weights(model(FIXED), DRAWN, seed=0)[:, 1:]
    assert found.diagonal(1, -2, -1) == pytest.approx(0.4, abs=0.01)
    assert found.diagonal(0, -2, -1) == pytest.approx(0.9, abs=0.01)


def test_attention_is_the_filter_in_every_layer():
    hooks = patterns(CONFIG)
    seen = model(TWO_STEPS).activations(DRAWN.inputs, *hooks)
    for hook in hooks:
        assert torch.allclose(seen[hook][:, 3], two_steps(1.05 * C, 13), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(("name", "of_norms"), [(NORMS_IN_0, 0), (NORMS_IN_1, 1)])
def test_attention_is_set_by_norms_in_one_layer_and_by_c_in_the_others(name, of_norms):
    hooks = patterns(CONFIG)
    seen = model(name).activations(DRAWN.inputs, *hooks)
    itself = torch.eye(13)
    for layer, hook in enumerate(hooks):
        squares = DRAWN.inputs.square().sum(-1).amax(-1)[:, None, None]
        expected = itself / squares if layer == of_norms else two_steps(1.05 * C, 13) - itself
        assert torch.allclose(seen[hook][:, 3], expected, rtol=1e-2, atol=1e-2)


def test_c_can_be_moved_along_its_line():
    streams = [
        model(LINE).activations(drawn.inputs, "blocks.1.hook_resid_pre")["blocks.1.hook_resid_pre"]
        for drawn in (reference_of(CONFIG).at(c=c).sample(1, seed=0) for c in (0.5, 1.5))
    ]
    embedding = model(LINE).bridge.W_E
    apart = streams[1] - streams[0]
    assert (apart - apart @ embedding.T @ embedding).norm(dim=-1) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", NAMED)
def test_what_is_built_is_measured(name):
    truth, props = settled(NAMED[name])
    assert truth
    assert {prop.claim.id: holds(prop, model(name), batch=50) for prop in props} == truth


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMED)
def test_what_is_built_is_found(name):
    truth, props = settled(NAMED[name])
    entries = judge(props, model(name), stages=(500,), thorough=False)
    found = {entry.id: entry.verdict for entry in entries if (name, entry.id) not in CLOSE}
    truth = {claim: of_claim for claim, of_claim in truth.items() if (name, claim) not in CLOSE}
    assert found == {claim: "supported" if of_claim else "refuted" for claim, of_claim in truth.items()}


def test_every_claim_of_the_account_and_its_rivals_is_true_of_one_and_false_of_another():
    told = [settled(positive)[0] for positive in FILTERS]
    asked = {prop.claim.id for prop in properties() if prop.file.stem in ("mechanism", "norms_and_angles", "rivals")}
    for holds_there in (True, False):
        assert {claim for truth in told for claim in truth if truth[claim] is holds_there} == asked


@pytest.mark.parametrize("name", NAMED)
def test_each_gains_over_copying(name):
    error, copying = error_and_copying(model(name))
    assert error < copying / 3


def test_a_seed_is_a_model():
    for positive in FILTERS:
        same, again, other = (positive.model(seed=seed) for seed in (0, 0, 1))
        if isinstance(same, Solver):
            assert same == again != other
        else:
            assert same.checkpoint.sha256 == again.checkpoint.sha256 != other.checkpoint.sha256
