"""Mutants of activations break what their role says, and claims of the account notice."""

from functools import cache

import pytest
import torch

from recint.calibration.activation_mutants import ACCOUNT, ACTIVATION_MUTANTS
from recint.checkpoint import load
from recint.domain import reference_of
from recint.model import Model
from recint.model.interchange import patterns, scales
from recint.partners import partners

from ..conftest import AFFINE_A
from .settled import PROPS, holds

BY_NAME = {mutant.name: mutant for mutant in ACTIVATION_MUTANTS}
OPPOSITE, MEAN_SCALES, PUT_BACK = BY_NAME
PROPERTIES = {prop.claim.id: prop for prop in PROPS}
CHECKPOINT = load(AFFINE_A.parent / "affine3-seed0")
DRAWN = reference_of(CHECKPOINT.config).sample(32, seed=3)


@cache
def model(name=None):
    return BY_NAME[name].model(CHECKPOINT) if name else Model(CHECKPOINT)


def test_patterns_are_those_of_the_opposite_coefficient():
    hooks = patterns(CHECKPOINT.config)
    seen = model(OPPOSITE).activations(DRAWN.inputs, *hooks)
    same, opposite = (model().activations(partners(DRAWN, share=share, seed=0).inputs, *hooks) for share in ("c", "-c"))
    for hook in hooks:
        near, far = ((seen[hook] - other[hook]).square().mean() for other in (opposite, same))
        assert near < far / 2


def test_scales_do_not_depend_on_the_recurrence():
    hooks = scales(CHECKPOINT.config)
    seen, before = (model(name).activations(DRAWN.inputs[:, :9], *hooks) for name in (MEAN_SCALES, None))
    for hook in hooks:
        assert torch.equal(seen[hook], seen[hook][:1].expand_as(seen[hook]))
        assert seen[hook][0].sum() == pytest.approx(float(before[hook].mean(0).sum()), rel=0.1)


def test_the_last_term_has_a_share_of_the_prediction():
    c, terms = DRAWN.coefficients[:, :1, None], DRAWN.inputs
    rule = terms[:, 1:] + c * terms.diff(dim=1)
    mixed = 0.7 * model()(terms)[:, 1:] + 0.3 * rule
    assert (model(PUT_BACK)(terms)[:, 1:] - mixed).abs().max() < 1e-3
    assert (model(PUT_BACK)(terms) - DRAWN.targets)[:, 2:].square().mean() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "claim"), [(each.name, claim) for each in ACTIVATION_MUTANTS for claim in each.killed_by]
)
def test_a_mutant_loses_the_claim_that_it_was_made_for(name, claim):
    assert holds(PROPERTIES[claim], model(), batch=64)
    assert not holds(PROPERTIES[claim], model(name), batch=64)


@pytest.mark.parametrize("name", BY_NAME)
def test_is_named_for_both_and_made_for_claims_that_exist(name):
    mutant = BY_NAME[name]
    assert model(name).checkpoint.name == f"affine3-seed0:{name}"
    assert mutant.killed_by
    assert set(mutant.killed_by) <= set(ACCOUNT)
    assert mutant.role.endswith(".")


def test_they_are_asked_all_claims_of_the_account_that_begin_with_layer_0():
    account = {prop.claim.id for prop in PROPS if prop.file.stem in ("mechanism", "norms_and_angles")}
    assert set(ACCOUNT) == account - {"l1.attention-of-norms"}
    with pytest.raises(ValueError, match="a pass must begin with layer 0"):
        holds(PROPERTIES["l1.attention-of-norms"], model(PUT_BACK), batch=2)
