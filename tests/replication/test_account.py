"""The numbers of an account: the same as simple loops give, and refused where they do not exist."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from recint.checkpoint import ModelConfig
from recint.domain import AS_TRAINED, Condition
from recint.model import Model
from recint.model.interchange import activations_replaced
from recint.model.linear_filter import LATE, STEP, directions
from recint.model.untrained import untrained
from recint.partners import partners
from recint.replication import account as accounts
from recint.replication.account import COEFFICIENTS, PARTS, measure
from recint.system.seeds import derive_seed

FLAT = ModelConfig(n_layers=2, n_heads=4, d_model=16, d_head=4, d_mlp=16, n_ctx=13, d_vocab=40)
DRAWS = 10


@pytest.fixture(scope="module")
def model():
    """Two layers of four heads: the account is about any number of layers."""
    return Model(untrained(FLAT, seed=0, init_range=0.3))


@pytest.fixture(scope="module")
def account(model):
    return measure(model, draws=DRAWS, seed=3)


@pytest.fixture(scope="module")
def at():
    """The recurrences that are drawn for it."""
    return AS_TRAINED.reference(ModelConfig(), batch=DRAWS, seed=derive_seed(3, "account", 0))


def mse(prediction, recurrences):
    return (prediction - recurrences.targets)[:, 2:].square().mean((1, 2))


def costing(account, part):
    return {cost.source: cost.ratio for cost in account.costs if cost.part == part}


def test_a_filter_is_how_far_a_prediction_moves(model, account):
    """One weight, by a step to either side along the direction of the recurrence."""
    c = 1.5
    weights = account.filters[COEFFICIENTS.index(c)]
    assert account.filters.shape == (41, 1, 13, 13)
    assert np.allclose(np.triu(weights[0], 1), 0, atol=1e-6)
    place = Condition(c=c, batch=1, seed=derive_seed(3, "filters"))
    drawn = place.sample(model.config)
    (direction,) = directions(drawn, seed=place.seed)
    step = torch.zeros_like(drawn.inputs)
    step[:, 11] = STEP * direction
    moved = (model(drawn.inputs + step) - model(drawn.inputs - step))[0, 12] / (2 * STEP)
    assert weights[0, 12, 11] == pytest.approx(float(moved @ direction), abs=1e-5)


def test_late_weights_are_those_of_the_term_before_the_last(model, account, at):
    whole = accounts.filter_weights(model, at.sample(model.config), seed=at.seed)
    looped = [[float(of[i, i - 1]) for i in LATE] for of in whole]
    assert account.late.weights == pytest.approx(np.array(looped), abs=1e-5)
    assert account.late.c == pytest.approx(at.sample(model.config).coefficients[:, 0].numpy())


def test_r_squared_is_about_large_c_alone(account):
    assert account.late.explained.n == (np.abs(account.late.c) >= 1).sum()


def test_attention_is_compared_with_two_partners(model, account, at):
    drawn = at.sample(model.config)
    seed = derive_seed(at.seed, "partner")
    hooks = [f"blocks.{layer}.attn.hook_pattern" for layer in range(2)]
    own = model.activations(drawn.inputs, *hooks)
    for share, found in (("c and largest norm", account.attention.same), ("nothing", account.attention.other)):
        theirs = model.activations(partners(drawn, share=share, seed=seed).inputs, *hooks)
        entries = [
            abs(float(own[hook][n, head, query, key] - theirs[hook][n, head, query, key]))
            for hook in hooks for n in range(DRAWS) for head in range(4)
            for query in range(2, 13) for key in range(query + 1)
        ]  # fmt: skip
        assert found.value == pytest.approx(sum(entries) / len(entries), rel=1e-4)
    assert account.attention.patterns.shape == (3, 2, 13, 13)
    assert account.attention.patterns.sum(-1) == pytest.approx(1, abs=1e-5)
    first, second, third = account.attention.c
    assert first == second == -1.5
    assert third != first


def test_a_cost_is_a_ratio_of_errors(model, account, at):
    drawn = at.sample(model.config)
    hooks = [f"blocks.{layer}.attn.hook_pattern" for layer in range(2)]
    for source, share in (("partner with the same c", "c"), ("independent recurrence", "nothing")):
        other = partners(drawn, share=share, seed=derive_seed(at.seed, "partner"))
        theirs = model.activations(other.inputs, *hooks)
        with activations_replaced(model, theirs):
            changed = mse(model(drawn.inputs), drawn)
        assert costing(account, "patterns")[source].value == pytest.approx(
            float(changed.mean() / mse(model(drawn.inputs), drawn).mean()), rel=1e-4
        )


def test_every_change_is_there_with_its_interval(account):
    for part in PARTS:
        assert [*costing(account, part)] == [*accounts.SOURCES.values()]
    for part in ("embedding", "layer 0's attention"):
        assert [*costing(account, part)] == ["hidden from all later readers"]
    assert len(account.costs) == 14
    for cost in account.costs:
        assert cost.ratio.n == DRAWS
        assert cost.ratio.low <= cost.ratio.value <= cost.ratio.high


def test_draws_come_in_chunks_of_recurrences_that_differ(model):
    late = measure(model, draws=120, seed=3).late
    assert len(np.unique(late.c)) == 120


def refused(checkpoint, said):
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        measure(Model(checkpoint), draws=DRAWS)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"order": 2}, "untrained-0: its recurrences are of order=2, but the account is about those of order=1"),
        ({"d_vocab": 4}, "untrained-0: d_vocab=4, but the recurrences of the claims have dimension 40"),
        ({"n_ctx": 9}, "untrained-0: n_ctx=9, but sequences of length=14 need 13 positions"),
    ],
)
def test_a_model_of_another_kind_is_refused(changes, said):
    refused(untrained(replace(FLAT, **changes), seed=0), said)


def test_a_model_without_finite_predictions_is_refused():
    whole = untrained(FLAT, seed=0)
    huge = {name: tensor * (1e38 if name.startswith("unembed") else 1) for name, tensor in whole.tensors.items()}
    refused(replace(whole, tensors=huge), "untrained-0: no picture can be drawn of it (")
