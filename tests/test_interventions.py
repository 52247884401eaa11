"""Interventions against a forward pass in plain torch with the same thing done to it; nothing leaks out of the block."""

import pytest
import torch

from recint.interventions import attention_uniform, edited, low_rank_identity, mean_ablated, qk_replaced
from recint.model import Model
from recint.recurrence import REFERENCE
from recint.training import untrained

from .conftest import SMALL


@pytest.fixture(scope="module")
def model():
    """Two layers with biases that are not zero."""
    plain = untrained(SMALL, seed=0, init_range=0.3)
    tensors = {
        name: tensor + 0.1 * torch.cos(torch.arange(tensor.numel())).view(tensor.shape)
        for name, tensor in plain.tensors.items()
    }
    return Model(type(plain)("biased", plain.config, tensors))


@pytest.fixture(scope="module")
def inputs():
    return REFERENCE.at(length=10).sample(3, seed=0).terms[:, :9, :5]


PATTERN, Z, READ = "blocks.1.attn.hook_pattern", "blocks.1.attn.hook_z", "blocks.1.ln1.hook_out"


def test_a_pass_resumed_at_a_layer_ends_where_the_whole_one_does(model, inputs):
    for layer in range(2):
        hook = f"blocks.{layer}.hook_resid_pre"
        whole = model.run(inputs, keep=[hook])
        assert torch.equal(model.resume(whole.activations[hook], layer=layer), whole.prediction)


def test_nothing_leaks_out_of_a_block_even_if_it_fails(model, inputs):
    before = model(inputs)
    with pytest.raises(KeyError), edited(model, Z, torch.zeros_like):
        raise KeyError
    assert torch.equal(model(inputs), before)


def test_a_change_is_measured_where_it_is_made(model, inputs):
    z = model.run(inputs, keep=[Z]).activations[Z]
    with edited(model, Z, torch.zeros_like) as change:
        model(inputs)
    assert change.largest == pytest.approx(z.abs().max().item())
    with edited(model, Z, lambda same: same) as change:
        model(inputs)
    assert change.largest == 0


def test_mean_ablation_leaves_what_does_not_depend_on_the_recurrence(model, inputs):
    hook = "blocks.1.hook_attn_out"
    mean = model.mean(Z)
    with mean_ablated(model, layer=1):
        seen = model.run(inputs, keep=[hook]).activations[hook]
    expected = torch.einsum("phd,hdm->pm", mean[:9], model.bridge.W_O[1]) + model.bridge.b_O[1]
    assert torch.allclose(seen, expected.expand_as(seen), atol=1e-5)


def test_the_mean_is_over_reference_recurrences_at_each_position(model):
    drawn = REFERENCE.sample(1000, seed=123).terms[..., :5]
    # Another 1000: dimension 5 is drawn anew, so the two agree as means do.
    own = model.mean(Z)
    again = model.activations(drawn[:, :13] * (40 / 5) ** 0.5, Z)[Z].mean(0)
    assert own.shape == (13, 2, 8)
    assert (own - again).abs().max() < 0.5 * own.abs().max()


def test_uniform_attention_is_uniform_in_the_chosen_heads_only(model, inputs):
    before = model.run(inputs, keep=[PATTERN]).activations[PATTERN]
    with attention_uniform(model, layer=1, heads=[1]):
        after = model.run(inputs, keep=[PATTERN]).activations[PATTERN]
    assert torch.equal(after[:, 0], before[:, 0])
    for query in range(9):
        assert torch.allclose(after[:, 1, query, : query + 1], torch.tensor(1 / (query + 1)))
    assert after[:, 1].triu(1).abs().max() == 0


def test_replaced_qk_gives_the_attention_of_those_weights(model, inputs):
    generator = torch.Generator().manual_seed(0)
    W_Q, W_K = torch.randn(2, 1, 16, 8, generator=generator)
    before = model.run(inputs, keep=[PATTERN]).activations[PATTERN]
    with qk_replaced(model, layer=1, heads=[1], W_Q=W_Q, W_K=W_K) as change:
        run = model.run(inputs, keep=[PATTERN, READ])
    read = run.activations[READ]
    q, k = read @ W_Q[0] + model.bridge.b_Q[1, 1], read @ W_K[0] + model.bridge.b_K[1, 1]
    causal = torch.ones(9, 9, dtype=torch.bool).tril()
    expected = (q @ k.transpose(-1, -2) / 8**0.5).masked_fill(~causal, -torch.inf).softmax(-1)
    assert torch.allclose(run.pattern(1)[:, 1], expected, atol=1e-5)
    assert torch.equal(run.pattern(1)[:, 0], before[:, 0])
    assert change.largest > 0


def test_a_low_rank_identity_projects_on_d_head_directions():
    W_Q, W_K = low_rank_identity(heads=2, d_model=16, d_head=8, generator=torch.Generator().manual_seed(0))
    assert W_Q.min() >= 0
    assert W_Q.max() <= 1
    for head in range(2):
        product = W_Q[head].double() @ W_K[head].double().T
        assert torch.allclose(product @ product, product, atol=1e-4)
        assert product.trace().item() == pytest.approx(8, abs=1e-3)
