"""Attribution: all components together are the prediction, and each is what a pass in plain torch says it adds."""

from dataclasses import replace

import pytest
import torch

from recint.domain import Between, Condition
from recint.model import attribution as module
from recint.model.attribution import attribution
from recint.model.interventions import ablated
from recint.recurrence import REFERENCE
from recint.statistics.attribution import attribution_direction

from ..conftest import ORACLE, SMALL
from ..passes import biased, plain

AT = Condition(c=Between(-2.0, 2.0), length=10, batch=4)


def model_of_order(order):
    return biased(replace(SMALL, n_layers=3, n_heads=3, order=order))


@pytest.fixture(scope="module")
def model():
    return model_of_order(1)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_components_add_up_to_the_prediction(order):
    model = model_of_order(order)
    intact = model.intact(AT)
    found = attribution(model, intact)
    whole = (intact.prediction * intact.recurrences.targets).sum(-1)[:, 2 * order :]
    assert found.heads.shape == (4, 9 - 2 * order, 3, 3)
    assert torch.allclose(found.total, whole, atol=1e-4)
    assert all((part.abs() > 0).all() for part in found.others.values())  # each of them has something to add


def test_every_component_agrees_with_loops_over_layers(model):
    found = attribution(model, model.intact(AT))
    drawn = AT.sample(model.config)
    _, seen = plain(model, drawn.inputs)
    bridge = model.bridge
    final, target = seen["resid_post"][:, 2:], drawn.targets[:, 2:].double()
    assert final.mean(-1).abs().max() < 1e-5
    scale = (final.square().mean(-1) + model.config.layer_norm_eps).sqrt()

    def adds(written):
        return (written / scale[..., None] @ bridge.W_U.double() * target).sum(-1)

    for layer in range(3):
        for head in range(3):
            written = seen[f"z{layer}"][:, 2:, head] @ bridge.W_O[layer, head].double()
            assert torch.allclose(found.heads[:, :, layer, head].double(), adds(written), atol=1e-4)
    expected = {
        "embedding": adds(drawn.inputs[:, 2:].double() @ bridge.W_E.double()),
        "positions": adds(bridge.W_pos[2:9].double().expand(4, -1, -1)),
        "unembedding bias": (target * bridge.b_U).sum(-1),
    }
    for layer in range(3):
        expected[f"attention bias {layer}"] = adds(bridge.b_O[layer].double().expand(4, 7, -1))
        expected[f"MLP {layer}"] = adds(seen[f"mlp_out{layer}"][:, 2:])
    assert found.others.keys() == expected.keys()
    for name, part in expected.items():
        assert torch.allclose(found.others[name].double(), part, atol=1e-4), name


def test_it_is_of_the_model_as_it_is_whatever_is_done_to_it(model):
    edited, untouched = model_of_order(1), attribution(model, model.intact(AT))
    with ablated(edited, layer=1, kind="zero"):
        found = attribution(edited, edited.intact(AT))
    assert torch.equal(found.heads, untouched.heads)
    assert found.heads[:, :, 1].abs().max() > 0.1


def test_components_that_do_not_add_up_are_refused(monkeypatch):
    other = model_of_order(1)
    monkeypatch.setattr(module, "attribution_direction", lambda *args, **kw: 1.1 * attribution_direction(*args, **kw))
    told = r"^biased: the attributions of all components miss the prediction by [\d.e-]+, but should add up to it$"
    with pytest.raises(RuntimeError, match=told):
        attribution(other, other.intact(AT))


@pytest.mark.parametrize("hook", ["blocks.1.hook_mlp_out", "blocks.0.attn.hook_z", "blocks.2.hook_resid_post"])
def test_a_component_that_is_left_out_is_missed(hook):
    other = model_of_order(1)
    intact = other.intact(AT)
    _ = intact.prediction
    intact._activations[hook] = intact[hook] / 2
    with pytest.raises(RuntimeError, match="miss the prediction"):
        attribution(other, intact)


def test_a_pass_is_attributed_once(model, monkeypatch):
    first = attribution(model, model.intact(AT))
    monkeypatch.setattr(module, "_attribution", None)
    assert attribution(model, model.intact(AT)) is first


def test_direct_work_of_affine_a_is_what_an_independent_implementation_measured(affine_a):
    found = attribution(affine_a, affine_a.intact(Condition(c=Between(*REFERENCE.c), batch=500)))
    for layer in range(3):
        for part, expected in (
            (found.heads[:, :, layer], ORACLE[f"l{layer}.dla_heads"]),
            (found.others[f"MLP {layer}"][..., None], [ORACLE[f"l{layer}.dla_mlp"]]),
        ):
            means = part.mean(1)
            # Four standard errors of both samples (the oracle does not say how many it drew; 500 is assumed), and 2 %.
            error = means.std(0) * (2 / 500) ** 0.5
            assert ((means.mean(0) - torch.tensor(expected)).abs() < 4 * error + 0.02 * means.mean(0).abs()).all()
