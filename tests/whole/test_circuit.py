"""The roles of the circuit attend as stated; each deal of them, each omission and each cut is what its claim says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hypotheses import circuit
from hypotheses.circuit import CIRCUIT, WRONG, errors_of, role, several
from recint.domain import Between, Condition
from recint.model.interventions import all_of, attention_cut, key_pattern, previous_token_pattern, uniform_pattern
from recint.model.stand_ins import qk_identity
from recint.statistics.errors import prediction_errors

from ..conftest import SMALL
from ..passes import biased

AT = Condition(c=Between(-2.0, 2.0), length=8, batch=4)
QUERIES = 7
PATTERNS = [f"blocks.{layer}.attn.hook_pattern" for layer in range(3)]
PATTERN_OF = {
    "previous term": previous_token_pattern(QUERIES),
    "position 1": key_pattern(torch.ones(QUERIES, dtype=torch.long)),
    "nothing": uniform_pattern(QUERIES),
}


@pytest.fixture(scope="module")
def model():
    return biased(replace(SMALL, n_layers=3, n_heads=3))


def dealt(model, roles, number=0):
    """What the model does with these roles in its layers: its patterns, what layers read, its errors."""
    intact = model.intact(AT)
    read = [f"blocks.{layer}.attn.q.hook_in" for layer in range(3)]
    with all_of(*(role(model, AT, name, layer, number) for layer, name in enumerate(roles))):
        run = model.run(intact.recurrences.inputs, keep=[*PATTERNS, *read])
    errors = prediction_errors(run.prediction, intact.recurrences.targets, first=2 * model.config.order)
    return [run.activations[name] for name in PATTERNS], [run.activations[name] for name in read], errors


def of_identity(model, layer, read, number=0):
    """The attention whose scores are x W_Q W_K^T y with the stand-in's weights and the layer's own biases, head by head."""
    W_Q, W_K = qk_identity(model, heads=3, number=number)
    patterns = []
    for head in range(3):
        q = read @ W_Q[head] + model.bridge.b_Q[layer, head]
        k = read @ W_K[head] + model.bridge.b_K[layer, head]
        scores = (q @ k.mT / 8**0.5).masked_fill(torch.ones(QUERIES, QUERIES).triu(1).bool(), -torch.inf)
        patterns.append(scores.softmax(-1))
    return torch.stack(patterns, dim=1)


@pytest.mark.parametrize("roles", [CIRCUIT, *WRONG, ("nothing",) * 3], ids=" / ".join)
def test_every_layer_attends_as_its_role_says(model, roles):
    patterns, reads, _ = dealt(model, roles)
    for layer, name in enumerate(roles):
        if name == "identity":
            assert torch.allclose(patterns[layer], of_identity(model, layer, reads[layer]), atol=1e-5)
        else:
            assert torch.equal(patterns[layer], PATTERN_OF[name].expand_as(patterns[layer])), name


def test_the_roles_are_those_of_the_catalogue_and_the_wrong_deals_leave_none_in_its_place():
    assert CIRCUIT == ("previous term", "position 1", "identity")
    for deal in WRONG:
        assert sorted(deal) == sorted(CIRCUIT)
        assert all(name != right for name, right in zip(deal, CIRCUIT, strict=True))
    assert len(set(WRONG)) == 2  # there are no others


@pytest.mark.parametrize("order", [2, 3])
def test_at_order_k_the_first_role_looks_back_k_terms(order):
    model = biased(replace(SMALL, n_layers=3, n_heads=3, order=order))
    at = replace(AT, length=10)
    inputs = at.sample(model.config).inputs
    with role(model, at, "previous term", 0, 0):
        found = model.run(inputs, keep=PATTERNS[:1]).pattern(0)
    assert torch.equal(found, previous_token_pattern(9, order=order).expand_as(found))


def test_random_roles_attend_to_one_seen_key_another_in_every_recurrence_layer_number_and_place(model):
    drawn = []
    for number in range(3):
        patterns, _, _ = dealt(model, ("random",) * 3, number)
        for pattern in patterns:
            assert torch.equal(pattern.amax(-1), torch.ones(4, 3, QUERIES))
            assert torch.equal(pattern.sum(-1), torch.ones(4, 3, QUERIES))
            assert pattern.triu(1).abs().max() == 0
            assert torch.equal(pattern, pattern[:, :1].expand_as(pattern))  # heads play one role together
            drawn += [tuple(keys) for keys in pattern[:, 0].argmax(-1).tolist()]
    assert len(drawn) == 3 * 3 * 4
    assert len(set(drawn)) > 30
    again = dealt(biased(model.config), ("random",) * 3, 2)[0]
    assert [tuple(keys) for keys in again[2][:, 0].argmax(-1).tolist()] == drawn[-4:]
    elsewhere = replace(AT, seed=AT.seed + 1)
    with role(model, elsewhere, "random", 0, 0):
        found = model.run(model.intact(AT).recurrences.inputs, keep=PATTERNS[:1]).pattern(0)
    assert [tuple(keys) for keys in found[:, 0].argmax(-1).tolist()] != drawn[:4]


def test_errors_of_deals_are_the_mean_over_them(model):
    found, changed = errors_of(model, AT, *several(CIRCUIT))
    each = [dealt(model, CIRCUIT, number)[2] for number in range(2)]
    assert not torch.allclose(each[0], each[1])
    assert torch.allclose(found, (each[0] + each[1]) / 2, rtol=1e-4)
    assert changed > 1e-2


SUFFICIENT = circuit.test_the_roles_carry_the_behaviour.recint_property
NECESSARY = circuit.test_the_edges_of_the_circuit_are_needed.recint_property
MINIMAL = circuit.test_no_role_can_be_left_out.recint_property


def test_sufficiency_holds_the_circuit_against_the_model_and_against_what_chance_would_do(model):
    seen = SUFFICIENT.measure(model, AT)
    own, deals, random = (
        sum(dealt(model, roles, number)[2] for roles, number in drawn) / 2
        for drawn in (several(CIRCUIT), [(roles, 0) for roles in WRONG], several(("random",) * 3))
    )
    assert np.allclose(seen.values, torch.stack([own, model.intact(AT).errors], dim=-1), rtol=1e-4)
    wrong_name, random_name = (contrast.name for contrast in SUFFICIENT.claim.contrasts)
    assert np.allclose(seen.contrasts[wrong_name], torch.stack([own, deals], dim=-1), rtol=1e-4)
    assert np.allclose(seen.contrasts[random_name], torch.stack([own, random], dim=-1), rtol=1e-4)
    assert not np.allclose(own, deals, rtol=0.05)
    assert not np.allclose(own, random, rtol=0.05)


def test_minimality_leaves_out_one_role_after_the_other(model):
    seen = MINIMAL.measure(model, AT)
    whole = dealt(model, CIRCUIT)[2]
    assert seen.values.shape == (4, 2, 3)
    for layer, left_out in enumerate(
        [("nothing", *CIRCUIT[1:]), (CIRCUIT[0], "nothing", CIRCUIT[2]), (*CIRCUIT[:2], "nothing")]
    ):
        assert np.allclose(seen.values[:, 0, layer], dealt(model, left_out)[2], rtol=1e-4)
        assert np.allclose(seen.values[:, 1, layer], whole, rtol=1e-4)
        assert not np.allclose(seen.values[:, 0, layer], whole, rtol=0.05)
    ratios = seen.values.mean(0)
    assert seen.value == pytest.approx((ratios[0] / ratios[1]).min())


def test_necessity_cuts_the_edges_of_the_circuit_and_as_many_others(model, monkeypatch):
    cuts = []

    def watched(model, *, layer, keys):
        cuts.append((layer, keys))
        return attention_cut(model, layer=layer, keys=keys)

    monkeypatch.setattr(circuit, "attention_cut", watched)
    seen = NECESSARY.measure(model, AT)
    assert [layer for layer, _ in cuts] == [0, 1, 2, 0, 1, 2]
    edges, others = ([keys for _, keys in cuts[start : start + 3]] for start in (0, 3))
    assert edges[0].int().argmax(-1).tolist() == [[0, 0, 1, 2, 3, 4, 5]] * 4
    assert edges[1].int().argmax(-1).tolist() == [[0, 1, 1, 1, 1, 1, 1]] * 4
    residual = model.intact(AT)["blocks.2.hook_resid_pre"]
    for r in range(4):
        for q in range(1, QUERIES):
            alike = [torch.cosine_similarity(residual[r, q], residual[r, key], dim=0).item() for key in range(q)]
            assert edges[2][r, q].nonzero().tolist() == [[int(np.argmax(alike))]]
    for edge, other in zip(edges, others, strict=True):
        assert not (other & edge).any()
        assert not other.triu(1).any()
        assert torch.equal(other[:, 1:].sum(-1), edge[:, 1:].sum(-1))  # as many; the first query sees no other
    targets, inputs = model.intact(AT).recurrences.targets, model.intact(AT).recurrences.inputs
    for column, keys in enumerate((edges, others)):
        with all_of(*(attention_cut(model, layer=layer, keys=keys[layer]) for layer in range(3))):
            expected = prediction_errors(model(inputs), targets, first=2)
        assert np.allclose(seen.values[:, column], expected, rtol=1e-4)


def test_random_other_edges_are_spread_over_all_that_a_query_sees():
    keys = torch.zeros(300, QUERIES, QUERIES, dtype=torch.bool)
    keys[:, :, 1] = torch.arange(QUERIES) >= 1
    others = circuit.as_many_others(keys, torch.Generator().manual_seed(0))
    for query in range(1, QUERIES):
        expected = torch.tensor([float(key <= query and key != 1) / query for key in range(QUERIES)])
        assert (others[:, query].float().mean(0) - expected).abs().max() < 0.12, query


def test_at_order_k_all_edges_to_the_previous_k_terms_are_cut_and_none_of_them_is_another():
    keys = (previous_token_pattern(6, order=3) > 0).expand(50, -1, -1)
    others = circuit.as_many_others(keys, torch.Generator().manual_seed(0))
    assert not (others & keys).any()
    assert others.sum(-1)[0].tolist() == [0, 1, 1, 1, 2, 3]  # as many as there are


def test_nothing_of_a_role_is_left_after_it_was_played(model):
    inputs, before = model.intact(AT).recurrences.inputs, model(model.intact(AT).recurrences.inputs)
    for prop in (SUFFICIENT, NECESSARY, MINIMAL):
        prop.measure(model, AT)
    assert torch.equal(model(inputs), before)
