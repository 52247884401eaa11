"""Filters against loops with one pass for each weight, against exact derivatives, and of models that are filters."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recint.domain import Between, Condition, Domain
from recint.judging.claim import Unmet
from recint.judging.subject import CHUNK
from recint.model.interventions import edited
from recint.model.linear_filter import (
    BANK,
    STEP,
    directions,
    filter_at,
    filter_weights,
    filtered,
    mean_weights,
    responses,
    rule_weights,
)
from recint.recurrence import Distribution, build
from recint.statistics.differences import least_squares_c
from recint.system.memo import Once

from ..conftest import SMALL
from ..passes import biased, plain

FIVE = Distribution(dim=5)
AT = Condition(c=Between(-2.0, 2.0), seed=4, batch=6)
Z = "blocks.0.attn.hook_z"


def weights_of(c, positions):
    """Weights that are linear in c, with slopes between -1 and 1."""
    slopes = torch.sin(torch.arange(positions**2.0)).view(positions, positions).tril()
    return 1.0 + c[:, None, None] * slopes


class Filter(Once):
    """A model that is a filter: its prediction at i is sum_k w_ik a_k, where the weights are a function of the c it sees."""

    device, config = torch.device("cpu"), SMALL

    def __init__(self, weights):
        super().__init__()
        self.weights, self.batches = weights, []

    def __call__(self, inputs):
        self.batches.append(len(inputs))
        return self.weights(least_squares_c(inputs), inputs.shape[1]).to(inputs) @ inputs

    def unedited(self):
        return torch.no_grad()  # there is nothing to edit


def fixed(c, positions):
    return torch.cos(torch.arange(positions**2.0)).view(positions, positions).tril().expand(len(c), -1, -1)


@pytest.fixture(scope="module")
def model():
    return biased()


@given(
    order=st.integers(1, 3),
    seed=st.integers(0, 999),
    degenerate=st.sampled_from(("", "d is zero", "d is a start", "a start is zero")),
)
def test_a_direction_is_a_unit_vector_at_right_angles_to_every_term(order, seed, degenerate):
    drawn = torch.randn(4, order + 1, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    start, offset = drawn[:, :order], drawn[:, order]
    if degenerate == "d is zero":
        offset = torch.zeros_like(offset)
    elif degenerate == "d is a start":
        offset = start[:, 0]
    elif degenerate:
        start = torch.cat([torch.zeros(4, 1, 6), start[:, 1:]], dim=1)
    c, cap = torch.full((4, order), 0.7), torch.ones(4)
    recurrences = build(coefficients=c, offset=offset + 1e-3 * (order == 1), start=start, cap=cap, length=9)
    e = directions(recurrences, seed=seed)
    assert e.shape == (4, 6)
    for number in range(4):
        assert e[number].norm().item() == pytest.approx(1, abs=1e-5)
        for term in [*recurrences.terms[number], recurrences.offset[number]]:
            assert abs((e[number] @ term).item()) < 1e-5


def test_directions_are_random_and_those_of_the_seed():
    recurrences = FIVE.sample(400, seed=0)
    first, again, other = (directions(recurrences, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert (first - other).norm(dim=-1).min() > 1e-3
    assert first.mean(0).norm() < 4 / 400**0.5


def test_where_a_recurrence_may_fill_the_space_there_is_no_direction():
    with pytest.raises(Unmet, match="dim=2 must be at least 3: else no direction is at right angles"):
        directions(Distribution(dim=2).sample(3, seed=0), seed=0)
    assert directions(Distribution(dim=3).sample(3, seed=0), seed=0).shape == (3, 3)


def test_responses_agree_with_a_loop_of_single_passes(model):
    recurrences = FIVE.at(length=7).sample(3, seed=0)
    e = directions(recurrences, seed=0)
    found = responses(model, recurrences, e)
    weights = filter_weights(model, recurrences, seed=0)
    assert found.shape == (3, 6, 6, 5)
    for recurrence in range(3):
        for term in range(6):
            ahead, behind = recurrences.inputs[recurrence].clone(), recurrences.inputs[recurrence].clone()
            ahead[term] += STEP * e[recurrence]
            behind[term] -= STEP * e[recurrence]
            slope = (model(ahead[None])[0] - model(behind[None])[0]) / (2 * STEP)
            for query in range(6):
                assert torch.allclose(found[recurrence, query, term], slope[query], atol=2e-4)
                expected = sum(a * b for a, b in zip(slope[query].tolist(), e[recurrence].tolist(), strict=True))
                assert weights[recurrence, query, term].item() == pytest.approx(expected, abs=2e-4)


def test_responses_are_the_derivatives_of_the_model(model):
    recurrences = FIVE.at(length=7).sample(4, seed=0)
    e = directions(recurrences, seed=0)
    found, e = responses(model, recurrences, e).double(), e.double()
    inputs = recurrences.inputs.double()
    for term in range(6):
        tangent = torch.zeros_like(inputs)
        tangent[:, term] = e
        _, exact = torch.autograd.functional.jvp(lambda x: plain(model, x)[0], inputs, tangent)
        # What a central difference leaves is of the order of the step squared.
        assert (found[:, :, term] - exact).norm() < 0.01 * exact.norm() + 1e-3
    assert exact.norm() > 0.1


def test_no_prediction_moves_with_a_later_term(model):
    assert not filter_weights(model, FIVE.sample(3, seed=0), seed=0).triu(1).any()


def test_of_a_filter_its_weights_are_found():
    recurrences = FIVE.sample(8, seed=0)
    model = Filter(fixed)
    expected = fixed(recurrences.coefficients[:, 0], 13)
    assert torch.allclose(filter_weights(model, recurrences, seed=0), expected, atol=1e-4)
    e = directions(recurrences, seed=0)
    assert torch.allclose(
        responses(model, recurrences, e), expected[..., None] * e[:, None, None], atol=1e-4
    )  # a filter moves along the step alone
    assert torch.allclose(filtered(expected, recurrences.inputs), model(recurrences.inputs), atol=1e-5)


def test_of_a_filter_that_c_sets_the_weights_at_this_c_are_found():
    recurrences = FIVE.sample(50, seed=0)
    c = recurrences.coefficients[:, 0]
    far = (filter_weights(Filter(weights_of), recurrences, seed=0) - weights_of(c, 13)).abs().amax((1, 2))
    # A step of one term adds 2 h^2 to the sum of |D_j|^2, and -h^2 to that of D_j . D_(j+1): c moves to second order.
    moved = STEP**2 * (1 + 2 * c.abs()) / recurrences.inputs[:, :-1].diff(dim=1).square().sum((1, 2))
    assert (far <= moved + 1e-4).all()
    assert moved.max() < 0.05  # while weights differ by up to 4 between these recurrences
    assert weights_of(c, 13).var(0).max() > 0.1


def test_only_the_terms_that_are_asked_for_are_moved():
    recurrences, model = FIVE.sample(30, seed=0), Filter(fixed)
    every, some = (filter_weights(model, recurrences, seed=0, terms=terms) for terms in (None, (7, 2)))
    assert torch.allclose(some, every[:, :, [7, 2]], atol=1e-4)
    assert sum(model.batches) == 2 * 30 * (13 + 2)
    assert max(model.batches) <= CHUNK


def test_the_filter_of_a_place_is_measured_once_and_of_the_unchanged_model(model):
    untouched = biased()
    with edited(model, Z, torch.zeros_like):
        found = filter_at(model, AT)
    assert filter_at(model, AT) is found
    expected = filter_weights(untouched, untouched.intact(AT).recurrences, seed=AT.seed)
    assert torch.equal(found, expected)
    with edited(model, Z, torch.zeros_like):
        assert not torch.allclose(filter_weights(model, untouched.intact(AT).recurrences, seed=AT.seed), found)


def test_the_mean_filter_is_that_of_the_domain_and_measured_once():
    model = Filter(weights_of)
    everywhere, domain = Domain(length=(14, 14)), Domain(c=(1.0, 2.0), length=(14, 14))
    found = mean_weights(model, domain)
    passes = len(model.batches)
    assert mean_weights(model, domain) is found
    assert len(model.batches) == passes
    assert sum(model.batches) == 2 * 13 * BANK
    # c ~ U(1, 2): its mean over BANK recurrences lies within four standard errors of 1.5.
    assert (found - weights_of(torch.tensor([1.5]), 13)[0]).abs().max() < 4 * 12**-0.5 / BANK**0.5 + 0.01
    assert (mean_weights(model, everywhere) - found).abs().max() > 1
    assert torch.allclose(mean_weights(model, domain, terms=(7, 2)), found[:, [7, 2]], atol=1e-4)


def test_the_mean_filter_is_of_the_unchanged_model():
    model, untouched, domain = biased(), biased(), Domain(length=(14, 14))
    with edited(model, Z, torch.zeros_like):
        found = mean_weights(model, domain)
    assert torch.equal(found, mean_weights(untouched, domain))


def test_what_filters_predict_is_a_loop_over_terms():
    weights, terms = torch.randn(2, 4, 4), torch.randn(2, 4, 3)
    found = filtered(weights, terms)
    for recurrence in range(2):
        for query in range(4):
            expected = torch.zeros(3)
            for term in range(4):
                expected += weights[recurrence, query, term] * terms[recurrence, term]
            assert torch.allclose(found[recurrence, query], expected, atol=1e-5)


@given(seed=st.integers(0, 999), length=st.integers(3, 14))
def test_the_filter_of_the_rule_is_the_rule(seed, length):
    drawn = FIVE.at(length=length).sample(4, seed=seed)
    predicted = filtered(rule_weights(drawn.coefficients[:, 0], length - 1), drawn.inputs)
    assert torch.allclose(predicted[:, 1:], drawn.targets[:, 1:], atol=1e-5)
    assert torch.equal(predicted[:, 0], drawn.terms[:, 0])
