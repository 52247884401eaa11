"""Models that are written by hand attend to what their plan says, and predict what it reads."""

import numpy as np
import pytest
import torch

from recint.calibration.attention_only import CONFIG, SILENT, Layer, Plan, attention_only, subspaces
from recint.model import Model

INPUTS = torch.randn(3, CONFIG.n_ctx, CONFIG.d_vocab, generator=torch.Generator().manual_seed(0))


def built(plan, *layers):
    reads = plan.subspaces.embedding.T
    layers = [*layers, *[SILENT] * (CONFIG.n_layers - len(layers))]
    return Model(attention_only(plan, layers, name="made", reads=reads))


@pytest.mark.parametrize("tiny", [False, True])
def test_a_layer_looks_where_the_plan_says(tiny):
    plan = Plan(subspaces("made", 0), tiny=tiny)
    none = np.zeros((CONFIG.d_model,) * 2)
    hooks = [f"blocks.{layer}.attn.hook_pattern" for layer in range(2)]
    seen = built(plan, Layer(plan.at_previous, none), Layer(plan.at_position_1, none)).activations(INPUTS, *hooks)
    assert seen[hooks[0]].diagonal(-1, -2, -1).min() > 0.99
    assert seen[hooks[1]][..., 1:, 1].min() > 0.99


def test_what_it_adds_is_what_is_read():
    plan = Plan(subspaces("made", 0))
    embedding, second = plan.subspaces.embedding, plan.subspaces.second
    copying = Layer(plan.at_previous, plan.add(embedding, second))
    found = Model(attention_only(plan, [copying, SILENT, SILENT], name="made", reads=second.T))(INPUTS)
    still = built(plan)(INPUTS)
    assert (still - INPUTS).abs().max() < 0.05  # it reads what was embedded
    assert (found[:, 1:] - INPUTS[:, :-1]).abs().max() < 0.05  # it reads what the first layer has moved on


def test_positions_are_read_one_by_one():
    plan = Plan(subspaces("made", 0))
    assert plan.codes @ plan.at.T == pytest.approx(np.eye(CONFIG.n_ctx), abs=1e-9)
    assert (plan.codes @ plan.sign.T)[:, 0] == pytest.approx((-1.0) ** np.arange(CONFIG.n_ctx))
    assert subspaces("made", 0).embedding == pytest.approx(subspaces("made", 0).embedding)
    assert not np.allclose(subspaces("made", 0).embedding, subspaces("other", 0).embedding)
