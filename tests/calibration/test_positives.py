"""Every claim is true of a model by construction: what no model can make true, nothing can support."""

from functools import cache

import pytest
import torch

from recint.calibration.attention_only import CONFIG
from recint.calibration.calibrate import controls
from recint.calibration.planted import plant
from recint.calibration.positives import POSITIVES
from recint.calibration.roles import Roles
from recint.calibration.solver import Solver
from recint.checkpoint import ModelConfig
from recint.domain import Domain, reference_of
from recint.judging.judge import judge
from recint.model import Model
from recint.model.gain import error_and_copying
from recint.model.untrained import untrained
from recint.statistics.attention import most_similar_key

from .settled import CLAIMS, PROPS, holds, settled

NAMED = {positive.name: positive for positive in POSITIVES}
# What an MLP learns of d is measured, not built.
LEARNED = "probe.constant-term"


@cache
def model(name):
    return NAMED[name].model()


def asked(name):
    return settled(NAMED[name])


def test_every_claim_is_true_of_a_control_or_says_why_it_is_of_none():
    every = controls(untrained(CONFIG, seed=0), PROPS)
    true = {claim for control in every for claim, truth in control.truth.items() if truth}
    assert [claim.id for claim in CLAIMS if claim.id in true and claim.no_positive] == []
    missing = [claim for claim in CLAIMS if claim.id not in true and not claim.no_positive and claim.name != LEARNED]
    assert missing == []


@pytest.mark.parametrize("name", NAMED)
def test_what_is_built_is_measured(name):
    truth, props = asked(name)
    assert truth
    assert {prop.claim.id: holds(prop, model(name)) for prop in props} == truth


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMED)
def test_what_is_built_is_found(name):
    truth, props = asked(name)
    entries = judge(props, model(name), stages=(500,), thorough=False)
    found = {entry.id: entry.verdict for entry in entries}
    assert found == {claim: "supported" if holds else "refuted" for claim, holds in truth.items()}


def test_an_mlp_learns_the_constant_term_of_a_planted_model():
    props = [prop for prop in PROPS if prop.claim.name == LEARNED]
    entries = judge(props, Model(plant(Roles(), seed=3)), stages=(300,), thorough=False)
    assert {entry.verdict for entry in entries} == {"supported"}


def test_the_terms_that_layer_0_leaves_in_the_stream_tell_the_constant():
    drawn = reference_of(CONFIG).sample(4000, seed=1)
    terms = torch.cat([drawn.inputs[:, 2:], drawn.inputs[:, 1:-1]], dim=-1).flatten(0, 1).double()
    d = drawn.offset[:, None].expand(-1, drawn.inputs.shape[1] - 2, -1).flatten(0, 1).double()
    left = d - terms @ torch.linalg.lstsq(terms, d).solution
    assert 1 - float(left.square().sum() / (d - d.mean(0)).square().sum()) == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize("name", [name for name in NAMED if name != "steps alternate"])
def test_each_gains_over_copying(name):
    error, copying = error_and_copying(model(name))
    assert error < copying / 3


def test_position_0_is_what_is_most_similar_where_layer_1_steers():
    intact = model("layer 1 steers layer 2").intact(Domain().reference(ModelConfig(), batch=50, seed=0))
    assert (most_similar_key(intact["blocks.2.hook_resid_pre"]) == 0).all()
    assert intact["blocks.2.attn.hook_pattern"][..., 1:, 0].min() > 0.99


def test_a_claim_is_settled_by_its_name_and_a_version_by_its_id():
    circuit = NAMED["the notebook's circuit"].truth(CLAIMS)
    assert circuit["circuit.sufficient"]
    assert circuit["circuit.sufficient@2"]
    assert not circuit["circuit.partly-necessary@2"]
    assert "circuit.partly-necessary" not in circuit


def test_a_seed_is_a_model():
    for positive in POSITIVES:
        same, again, other = (positive.make(seed) for seed in (0, 0, 1))
        if isinstance(same, Solver):
            assert same == again != other
        else:
            assert same.sha256 == again.sha256 != other.sha256


def test_a_limited_solver_knows_no_larger_coefficient():
    limited = Solver(config=CONFIG, largest=2.0)
    within, beyond = (reference_of(CONFIG).at(c=c).sample(20, seed=0) for c in (-2.0, 3.0))
    assert (limited(within.inputs) - within.targets)[:, 2:].abs().max() < 1e-4
    steps = beyond.inputs.diff(dim=1)[:, 1:]
    assert torch.allclose(limited(beyond.inputs)[:, 2:], beyond.inputs[:, 2:] + 2 * steps, atol=1e-4)
