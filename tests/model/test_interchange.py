"""Activations from elsewhere, against a pass in plain torch that is given them; with all of them the model is affine."""

from dataclasses import replace

import pytest
import torch

from recint.domain import Condition
from recint.model import Model
from recint.model.interchange import (
    activations_of,
    activations_replaced,
    gates_of,
    gates_replaced,
    partner_at,
    patterns,
    scales,
)
from recint.model.interventions import ablated, all_of, edited
from recint.model.untrained import untrained
from recint.recurrence import Distribution

from ..conftest import SMALL
from ..passes import BATCH, LAYERS, POSITIONS, biased, plain

FIVE = Distribution(dim=5, length=POSITIONS + 1)
AT = Condition(c=0.5, seed=3, batch=BATCH)


@pytest.fixture(scope="module")
def model():
    return biased(replace(SMALL, n_layers=LAYERS))


@pytest.fixture(scope="module")
def inputs():
    return FIVE.sample(BATCH, seed=0).inputs


@pytest.fixture(scope="module")
def source():
    """Where other activations come from."""
    return FIVE.sample(BATCH, seed=1).inputs


def in_plain_torch(model, source):
    """What the plain pass computes on the source: kind -> the edits that put it into another pass."""
    _, seen = plain(model, source)
    kinds = {
        "patterns": [f"pattern{layer}" for layer in range(LAYERS)],
        "scales": [*(f"scale_{norm}{layer}" for layer in range(LAYERS) for norm in ("ln1", "ln2")), "scale_ln_final"],
        "gates": [f"gate{layer}" for layer in range(LAYERS)],
    }
    return {kind: {name: lambda _, value=seen[name]: value for name in names} for kind, names in kinds.items()}


def replaced(model, source, kinds):
    """The model with these kinds of activations of the source."""
    hooks = [
        *(patterns(model.config) if "patterns" in kinds else ()),
        *(scales(model.config) if "scales" in kinds else ()),
    ]
    parts = [activations_replaced(model, activations_of(model, source, hooks))] if hooks else []
    return all_of(*parts, *([gates_replaced(model, gates_of(model, source))] if "gates" in kinds else []))


ALL = ("patterns", "scales", "gates")
SOME = [("patterns",), ("scales",), ("gates",), ("patterns", "scales"), ("patterns", "gates"), ("scales", "gates"), ALL]


def test_two_layers_have_two_patterns_and_five_scales():
    assert patterns(SMALL) == ("blocks.0.attn.hook_pattern", "blocks.1.attn.hook_pattern")
    assert scales(SMALL) == (
        *("blocks.0.ln1.hook_scale", "blocks.0.ln2.hook_scale", "blocks.1.ln1.hook_scale", "blocks.1.ln2.hook_scale"),
        "ln_final.hook_scale",
    )


def test_patterns_scales_and_gates_are_those_of_the_plain_pass(model, source):
    _, seen = plain(model, source)
    found = activations_of(model, source, [*patterns(model.config), *scales(model.config)])
    names = [f"pattern{layer}" for layer in range(LAYERS)]
    names += [f"scale_{norm}{layer}" for layer in range(LAYERS) for norm in ("ln1", "ln2")] + ["scale_ln_final"]
    for name, hook in zip(names, [*patterns(model.config), *scales(model.config)], strict=True):
        assert torch.allclose(found[hook].double(), seen[name], rtol=1e-4, atol=1e-6), name
    gates = gates_of(model, source)
    assert list(gates) == list(range(LAYERS))
    for layer, gate in gates.items():
        assert torch.allclose(gate.double(), seen[f"gate{layer}"], atol=1e-4)


@pytest.mark.parametrize("kinds", SOME, ids="+".join)
def test_the_pass_with_activations_from_elsewhere_is_the_plain_one_with_them(model, inputs, source, kinds):
    before, first = model(inputs), "blocks.0.hook_resid_pre"
    residual = model.activations(inputs, first)[first]
    with replaced(model, source, kinds) as change:
        whole, resumed = model(inputs), model.resume(residual, layer=0)
        assert change.largest > 1e-2
    edits = {name: edit for kind in kinds for name, edit in in_plain_torch(model, source)[kind].items()}
    expected, _ = plain(model, inputs, **edits)
    assert torch.allclose(whole.double(), expected, atol=1e-4 * expected.abs().max().item())
    assert torch.allclose(resumed, whole, rtol=1e-4, atol=1e-5)
    assert (whole - before).abs().max() > 1e-2
    assert torch.equal(model(inputs), before)


def test_one_layer_of_gates_is_replaced_alone(model, inputs, source):
    with gates_replaced(model, {1: gates_of(model, source)[1]}):
        found = model(inputs)
    expected, _ = plain(model, inputs, gate1=in_plain_torch(model, source)["gates"]["gate1"])
    assert torch.allclose(found.double(), expected, atol=2e-5)


@pytest.mark.parametrize("kinds", SOME, ids="+".join)
def test_with_its_own_activations_the_model_is_as_before(model, inputs, kinds):
    before = model(inputs)
    with replaced(model, inputs, kinds) as change:
        assert torch.allclose(model(inputs), before, atol=2e-6)
    assert change.largest < 2e-6


def bend(model, inputs):
    """How far the model is from an affine map, relative to how far it moves: f(x + y) + f(0) - f(x) - f(y)."""
    other = FIVE.sample(BATCH, seed=2).inputs
    f = [model(x).double() for x in (inputs + other, torch.zeros_like(inputs), inputs, other)]
    return ((f[0] + f[1] - f[2] - f[3]).norm() / (f[0] - f[1]).norm()).item()


def test_with_patterns_scales_and_gates_from_elsewhere_the_model_is_affine(model, inputs, source):
    with replaced(model, source, ALL):
        assert bend(model, inputs) < 1e-5
        origin = model(torch.zeros_like(inputs))
        assert torch.allclose(model(3 * inputs) - origin, 3 * (model(inputs) - origin), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kinds", [(), *SOME[:-1]], ids="+".join)
def test_with_less_it_is_not(model, inputs, source, kinds):
    with replaced(model, source, kinds):
        assert bend(model, inputs) > 1e-2


def test_the_change_is_that_of_the_activation_that_changes_least(model, inputs, source):
    hooks = [*patterns(model.config), *scales(model.config)]
    values = activations_of(model, source, hooks)
    with activations_replaced(model, values) as change:
        model(inputs)
    # Each is compared with what the pass itself would have there, below those that are replaced already.
    each = []
    for hook in hooks:
        others = {other: values[other] for other in hooks if other != hook}
        with activations_replaced(model, others):
            each.append((model.activations(inputs, hook)[hook] - values[hook]).abs().max().item())
    assert change.largest == pytest.approx(min(each), rel=1e-3)
    own = model.activations(inputs, hooks[1])
    with all_of(activations_replaced(model, {hooks[0]: values[hooks[0]]}), activations_replaced(model, own)) as two:
        model(inputs)
    assert two.largest > 1e-3  # of the second, whose input the first has changed
    with activations_replaced(model, own) as idle:
        model(inputs)
    assert idle.largest == 0


def test_one_activation_may_stand_for_all_recurrences(model, inputs, source):
    hook = "blocks.1.attn.hook_pattern"
    mean = activations_of(model, source, [hook])[hook].mean(0)
    with activations_replaced(model, {hook: mean}):
        found = model(inputs)
    expected, _ = plain(model, inputs, pattern1=lambda old: mean.double().expand_as(old))
    assert torch.allclose(found.double(), expected, atol=2e-5)


def test_the_gate_of_what_is_zero_is_the_slope_of_gelu_there():
    checkpoint = untrained(SMALL, seed=0, init_range=0.3)
    silent = {name: torch.zeros_like(checkpoint.tensors[f"blocks.0.mlp.{name}"]) for name in ("W_in", "b_in")}
    tensors = {**checkpoint.tensors, **{f"blocks.0.mlp.{name}": zero for name, zero in silent.items()}}
    gates = gates_of(Model(replace(checkpoint, tensors=tensors)), FIVE.sample(3, seed=0).inputs)
    assert (gates[0] == 0.5).all()
    assert gates[1].isfinite().all()
    assert gates[1].std() > 0.01


def test_what_comes_from_elsewhere_is_of_the_unchanged_model(model, source):
    activations, gates = activations_of(model, source, patterns(model.config)), gates_of(model, source)
    with ablated(model, layer=0, kind="zero"):
        edited_activations, edited_gates = (
            activations_of(model, source, patterns(model.config)),
            gates_of(model, source),
        )
    assert all(torch.equal(activations[hook], edited_activations[hook]) for hook in activations)
    assert all(torch.equal(gates[layer], edited_gates[layer]) for layer in gates)


@pytest.mark.parametrize("share", ["c", "-c", "c and largest norm", "nothing"])
def test_the_partner_of_a_place_is_drawn_once_and_seen_by_the_unchanged_model(model, share):
    intact = model.intact(AT)
    with edited(model, "blocks.0.attn.hook_z", torch.zeros_like):
        partner = partner_at(model, AT, share)
        prediction = partner.prediction
    assert partner_at(model, AT, share) is partner
    independent = partner_at(model, AT, "nothing")
    assert (independent is partner) == (share == "nothing")
    assert torch.equal(prediction, model(partner.recurrences.inputs))
    assert not (partner.recurrences.terms == intact.recurrences.terms).any()
    c = partner.recurrences.coefficients
    assert torch.equal(c, {"-c": -intact.recurrences.coefficients}.get(share, intact.recurrences.coefficients)) == (
        share != "nothing"
    )
    other = partner_at(model, replace(AT, seed=4), share)
    assert not (other.recurrences.terms == partner.recurrences.terms).any()
