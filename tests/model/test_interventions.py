"""Interventions against a forward pass in plain torch with the same thing done to it; nothing leaks out of the block."""

from dataclasses import replace

import pytest
import torch

from recint.model.interventions import (
    ABLATIONS,
    ablated,
    all_of,
    attention_cut,
    attention_replaced,
    edited,
    head_outputs,
    key_pattern,
    ov_replaced,
    path_removed,
    previous_token_pattern,
    qk_replaced,
    uniform_pattern,
)
from recint.recurrence import REFERENCE

from ..conftest import SMALL
from ..intervention_cases import CASES, CUT, CUT_KEYS, PART, UNIFORM, W_K, W_Q
from ..passes import BATCH, D_HEAD, D_MODEL, HEADS, LAYERS, POSITIONS, biased, plain


@pytest.fixture(scope="module")
def model():
    return biased(replace(SMALL, n_layers=LAYERS, n_heads=HEADS))


@pytest.fixture(scope="module")
def inputs():
    return REFERENCE.at(length=POSITIONS + 1).sample(BATCH, seed=0).terms[:, :-1, :5]


# What each kind of intervention acts on: of these hooks the largest change is told.
ACTS_ON = {
    "zero": ["attn.hook_z"],
    "mean": ["attn.hook_z"],
    "resample": ["attn.hook_z"],
    "uniform attention": ["attn.hook_pattern"],
    "a key cut": ["attn.hook_pattern"],
    "QK": ["attn.hook_q", "attn.hook_k"],
    "OV": ["hook_attn_out"],
    "path to Q": ["attn.hook_q"],
    "path to K": ["attn.hook_k"],
    "path to V": ["attn.hook_v"],
}
PATTERN, Z, Q, K, V = (f"blocks.1.attn.hook_{name}" for name in ("pattern", "z", "q", "k", "v"))


def test_the_plain_pass_is_that_of_the_model(model, inputs):
    prediction, seen = plain(model, inputs)
    run = model.run(inputs, keep=[PATTERN, Z, Q, K, V, "blocks.1.hook_attn_out", "blocks.1.hook_mlp_out"])
    assert torch.allclose(run.prediction.double(), prediction, atol=1e-5)
    for name, activation in run.activations.items():
        assert torch.allclose(activation.double(), seen[f"{name.split('hook_')[1]}1"], atol=1e-5), name


@pytest.mark.parametrize("name", CASES)
def test_an_intervention_does_what_it_says_and_nothing_else(model, inputs, name):
    intervention, edits, layer = CASES[name]
    before = model(inputs)
    residual = model.activations(inputs, f"blocks.{layer}.hook_resid_pre").popitem()[1]
    with intervention(model) as change:
        whole, resumed = model(inputs), model.resume(residual, layer=layer)
    expected, _ = plain(model, inputs, **edits(model))
    assert torch.allclose(whole.double(), expected, atol=2e-5)
    assert torch.allclose(resumed, whole, atol=1e-6)
    assert (whole - before).abs().max() > 1e-2
    assert change.largest > 1e-2
    assert torch.equal(model(inputs), before)


@pytest.mark.parametrize("name", CASES)
def test_nothing_leaks_out_of_a_block_even_if_it_fails(model, inputs, name):
    before, intervention = model(inputs), CASES[name][0](model)

    def interrupted():
        with intervention:
            model(inputs)
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert torch.equal(model(inputs), before)


def test_nothing_leaks_if_the_pass_itself_fails(model, inputs):
    before = model(inputs)
    with pytest.raises(ZeroDivisionError), edited(model, Z, lambda z: 1 / 0):
        model(inputs)
    with pytest.raises(ZeroDivisionError), all_of(ablated(model, layer=0, kind="zero"), edited(model, Z, 1 / 0)):
        pass
    assert torch.equal(model(inputs), before)


def test_a_pass_resumed_at_a_layer_ends_where_the_whole_one_does(model, inputs):
    for layer in range(LAYERS):
        hook, z = f"blocks.{layer}.hook_resid_pre", f"blocks.{layer}.attn.hook_z"
        whole = model.run(inputs, keep=[hook, z])
        residual, said = whole.activations[hook], whole.activations[z]
        assert torch.equal(model.resume(residual, layer=layer), whole.prediction)
        assert torch.equal(model.resume(residual, layer=layer, z=said), whole.prediction)


@pytest.mark.parametrize("name", ACTS_ON)
def test_the_largest_change_is_that_of_what_is_acted_on(model, inputs, name):
    hooks = [f"blocks.1.{hook}" for hook in ACTS_ON[name]]
    before = model.run(inputs, keep=hooks).activations
    with CASES[name][0](model) as change:
        after = model.run(inputs, keep=hooks).activations
    expected = max((after[hook] - before[hook]).abs().max().item() for hook in hooks)
    assert change.largest == pytest.approx(expected, rel=1e-5)


def test_the_largest_change_is_over_all_passes_of_the_block(model, inputs):
    each = model.activations(inputs, Z)[Z].abs().amax((1, 2, 3))
    smallest = inputs[each.argmin()][None]
    sizes = []
    with edited(model, Z, torch.zeros_like) as change:
        for part in (smallest, inputs, smallest):
            model(part)
            sizes.append(change.largest)
    assert sizes == pytest.approx([each.min().item(), each.max().item(), each.max().item()], rel=1e-5)
    assert each.min() < 0.99 * each.max()


def test_a_change_to_what_is_no_number_is_a_change(model, inputs):
    with edited(model, Z, lambda z: z * torch.nan) as change:
        model(inputs)
    assert change.largest == torch.inf


def test_of_several_interventions_the_least_change_counts(model, inputs):
    small, large = (edited(model, Z, lambda z, by=by: z + by) for by in (0.5, 2.0))
    with all_of(small, large) as change:
        model(inputs)
    assert change.largest == pytest.approx(0.5, abs=1e-5)
    with all_of(edited(model, Z, torch.zeros_like), edited(model, PATTERN, lambda same: same)) as change:
        model(inputs)
    assert change.largest == 0


@pytest.mark.parametrize(
    "one",
    [
        lambda m: path_removed(m, layer=1, letters="qk", removed=PART),
        lambda m: qk_replaced(m, layer=1, heads=range(HEADS), W_Q=m.bridge.W_Q[1], W_K=W_K),
    ],
    ids=["a path to Q and K", "keys alone"],
)
def test_among_several_each_tells_its_whole_change(model, inputs, one):
    with one(model) as alone:
        model(inputs)
    with all_of(one(model)) as change:
        model(inputs)
    assert change.largest == alone.largest > 1e-2


@pytest.mark.parametrize(
    ("several", "combined"),
    [
        (lambda m: all_of(ablated(m, layer=0, kind="zero"), attention_replaced(m, layer=1, pattern=UNIFORM)), min),
        (lambda m: path_removed(m, layer=1, letters="qkv", removed=PART), max),
        (lambda m: qk_replaced(m, layer=1, heads=range(HEADS), W_Q=W_Q, W_K=W_K), max),
        (lambda m: all_of(path_removed(m, layer=1, letters="kq", removed=PART), ablated(m, layer=2, kind="zero")), min),
    ],
    ids=["all of two", "a path", "QK", "a path and an ablation"],
)
def test_the_largest_change_of_several_can_be_read_inside_the_block(model, inputs, several, combined):
    with several(model) as change:
        assert change.largest == 0
        read = []
        for each in (inputs, 2 * inputs, inputs):
            model(each)
            read.append(change.largest)
        assert change.largest == combined(one.largest for one in change.parts)
    assert 0 < read[0] <= read[1] == read[2] == change.largest


@pytest.mark.parametrize(
    "idle",
    [
        lambda m: edited(m, Z, lambda same: same),
        lambda m: ablated(m, layer=1, heads=[], kind="zero"),
        lambda m: attention_replaced(m, layer=1, heads=[], pattern=UNIFORM),
        lambda m: qk_replaced(m, layer=1, heads=[], W_Q=W_Q[:0], W_K=W_K[:0]),
        lambda m: path_removed(m, layer=1, letters="qkv", removed=torch.zeros_like(PART)),
        lambda m: all_of(edited(m, Z, lambda same: same), edited(m, PATTERN, lambda same: same)),
    ],
    ids=["edit", "ablation of no head", "attention of no head", "QK of no head", "path of nothing", "several"],
)
def test_what_does_nothing_changes_nothing(model, inputs, idle):
    before = model(inputs)
    with idle(model) as change:
        after = model(inputs)
    assert change.largest == 0
    assert torch.equal(after, before)


def test_resampling_picks_other_recurrences_with_another_seed(model, inputs):
    found = []
    for seed in (0, 0, 1):
        with ablated(model, layer=1, kind="resample", seed=seed):
            found.append(model(inputs))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_where_there_is_nothing_else_to_put_nothing_changes(model, inputs):
    with attention_replaced(model, layer=1, pattern=UNIFORM) as change:
        model(inputs[:, :1])  # of a single position all attention is on itself
    assert change.largest == 0


def test_the_weights_of_the_model_itself_change_nothing(model, inputs):
    bridge, before = model.bridge, model(inputs)
    with (
        qk_replaced(model, layer=1, heads=range(HEADS), W_Q=bridge.W_Q[1], W_K=bridge.W_K[1]) as qk,
        ov_replaced(model, layer=1, W_V=bridge.W_V[1], W_O=bridge.W_O[1]) as ov,
    ):
        after = model(inputs)
    assert max(qk.largest, ov.largest) < 2e-6
    assert torch.allclose(after, before, atol=2e-6)


@pytest.mark.parametrize("kind", ABLATIONS)
def test_ablation_leaves_other_heads_alone(model, inputs, kind):
    before = model.activations(inputs, Z)[Z]
    with ablated(model, layer=1, heads=[1], kind=kind):
        after = model.run(inputs, keep=[Z]).activations[Z]
    assert torch.equal(after[:, :, [0, 2]], before[:, :, [0, 2]])
    assert not torch.equal(after[:, :, 1], before[:, :, 1])


def test_mean_ablation_leaves_what_does_not_depend_on_the_recurrence(model, inputs):
    hook = "blocks.1.hook_attn_out"
    with ablated(model, layer=1, kind="mean"):
        seen = model.run(inputs, keep=[hook]).activations[hook]
    assert torch.allclose(seen, seen[:1].expand_as(seen), atol=1e-6)
    assert (seen[0, 1:] - seen[0, :-1]).abs().max() > 1e-3  # position by position, not over positions too


def test_the_mean_is_over_reference_recurrences_at_each_position(model):
    own = model.reference_activation(Z).mean(0)
    assert own.shape == (13, HEADS, D_HEAD)
    again = replace(REFERENCE, dim=5).sample(1000, seed=123).inputs
    z = model.activations(again, Z)[Z]
    # Two means over 1000 recurrences each, at 312 coordinates: five standard errors of their difference.
    assert ((own - z.mean(0)).abs() < 5 * z.std(0) * (2 / 1000) ** 0.5 + 1e-6).all()


def test_the_mean_is_that_of_the_unedited_model(inputs):
    first, second = biased(seed=1), biased(seed=1)
    with edited(first, "blocks.0.attn.hook_z", torch.zeros_like), ablated(first, layer=1, kind="mean"):
        first(inputs)
    assert torch.equal(first.reference_activation(Z), second.reference_activation(Z))


class TestPatterns:
    @pytest.mark.parametrize("queries", [1, 2, 9])
    def test_uniform_attention_is_the_same_on_all_that_is_seen(self, queries):
        pattern = uniform_pattern(queries)
        for query in range(queries):
            assert pattern[query].tolist() == pytest.approx(
                [1 / (query + 1)] * (query + 1) + [0] * (queries - query - 1)
            )

    @pytest.mark.parametrize("order", [1, 2, 3])
    def test_previous_tokens_are_those_before_the_query_evenly(self, order):
        pattern = previous_token_pattern(9, order=order)
        for query in range(9):
            keys = [key for key in range(9) if query - order <= key < query] or [0]
            assert pattern[query].tolist() == pytest.approx([(key in keys) / len(keys) for key in range(9)])

    def test_a_key_that_lies_ahead_is_the_query_itself(self):
        assert key_pattern(torch.tensor([1] * 4)).argmax(-1).tolist() == [0, 1, 1, 1]
        assert key_pattern(torch.tensor([0, 0, 2, 1])).argmax(-1).tolist() == [0, 0, 2, 1]
        assert torch.equal(key_pattern(torch.tensor([3] * 4)), torch.eye(4))

    def test_a_pattern_is_cut_to_the_queries_there_are(self, model, inputs):
        with attention_replaced(model, layer=1, pattern=previous_token_pattern(13)):
            after = model.run(inputs[:, :5], keep=[PATTERN]).activations[PATTERN]
        assert torch.equal(after, previous_token_pattern(5).expand_as(after))

    def test_only_the_chosen_heads_attend_by_it(self, model, inputs):
        before = model.activations(inputs, PATTERN)[PATTERN]
        with attention_replaced(model, layer=1, heads=[1], pattern=UNIFORM):
            after = model.run(inputs, keep=[PATTERN]).activations[PATTERN]
        assert torch.equal(after[:, [0, 2]], before[:, [0, 2]])
        assert torch.equal(after[:, 1], UNIFORM.expand(BATCH, -1, -1))


def test_a_cut_key_gets_nothing_and_the_others_share_it_as_they_are(model, inputs):
    before = model.activations(inputs, PATTERN)[PATTERN]
    with attention_cut(model, layer=1, keys=CUT_KEYS):
        after = model.run(inputs, keep=[PATTERN]).activations[PATTERN]
    assert torch.allclose(after.sum(-1), torch.ones(()), atol=1e-6)
    assert torch.equal(after[:, :, 0], before[:, :, 0])  # the first query attends to nothing else
    for recurrence in range(BATCH):
        for query in range(1, POSITIONS):
            cut = CUT[recurrence, query].item()
            kept = [key for key in range(query + 1) if key != cut]
            assert (after[recurrence, :, query, cut] == 0).all()
            ratio = after[recurrence, :, query, kept] / before[recurrence, :, query, kept]
            assert torch.allclose(ratio, 1 / (1 - before[recurrence, :, query, cut, None]), rtol=1e-4)


def test_a_path_removed_from_queries_and_keys_leaves_values_and_the_stream_alone(model, inputs):
    kept = [V, Q, K, PATTERN, "blocks.1.hook_resid_pre", "blocks.1.ln1.hook_normalized"]
    before = model.run(inputs, keep=kept).activations
    with path_removed(model, layer=1, letters="qk", removed=PART):
        after = model.run(inputs, keep=kept).activations
    for name in kept:
        assert torch.equal(after[name], before[name]) == (name not in (Q, K, PATTERN)), name


def test_a_path_removed_from_values_leaves_attention_alone(model, inputs):
    kept = [V, Q, K, PATTERN, Z, "blocks.1.hook_resid_pre"]
    before = model.run(inputs, keep=kept).activations
    with path_removed(model, layer=1, letters="v", removed=PART):
        after = model.run(inputs, keep=kept).activations
    for name in kept:
        assert torch.equal(after[name], before[name]) == (name not in (V, Z)), name


def test_without_the_whole_stream_values_are_nothing(model, inputs):
    hook = "blocks.1.hook_resid_pre"
    with path_removed(model, layer=1, letters="v", removed=model.activations(inputs, hook)[hook]):
        assert model.run(inputs, keep=[Z]).activations[Z].abs().max() < 1e-5


def test_outputs_of_heads_agree_with_loops_and_add_up(model, inputs):
    read, written = "blocks.1.attn.q.hook_in", "blocks.1.hook_attn_out"
    seen = model.activations(inputs, read, PATTERN, written)
    bridge = model.bridge
    found = head_outputs(seen[PATTERN], seen[read], W_V=bridge.W_V[1], W_O=bridge.W_O[1])
    for recurrence, query, head in ((0, 0, 0), (1, 5, 2), (3, 8, 1)):
        expected = torch.zeros(D_MODEL)
        for key in range(query + 1):
            attention = seen[PATTERN][recurrence, head, query, key]
            expected += attention * (seen[read][recurrence, key] @ bridge.W_V[1, head] @ bridge.W_O[1, head])
        assert torch.allclose(found[recurrence, query, head], expected, atol=1e-5)
    assert torch.allclose(found.sum(2) + bridge.b_O[1], seen[written], atol=1e-5)
