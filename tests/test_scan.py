"""Every condition of the grid is visited once, by all claims together; a single one that fails is found."""

import numpy as np
import pytest
import torch

from recint.claim import statistic
from recint.domain import Condition, Domain
from recint.judging.evaluate import evaluate
from recint.judging.scan import POINTS, VISIT, Scan, conditions_of, scan, simplicity, suspects

from .test_evaluate import claim, constant, model, prop


def test_every_coefficient_is_visited_at_every_length_and_each_once():
    visited = [(at.c, at.length) for at in conditions_of(Domain(), order=1, batch=2, seed=0)]
    assert sorted(visited) == sorted((tick / 10, length) for tick in range(-20, 21) for length in range(5, 15))


def test_of_either_sign_both_are_visited_and_sequences_are_long_enough_for_the_order():
    own = Domain(c=(3.0, 3.2), either_sign=True, length=(3, 5))
    assert {at.c for at in conditions_of(own, order=1, batch=2, seed=0)} == {3.0, 3.1, 3.2, -3.0, -3.1, -3.2}
    assert {at.length for at in conditions_of(own, order=1, batch=2, seed=0)} == {4, 5}


@pytest.mark.parametrize("order", [2, 4])
def test_of_a_larger_order_points_fill_the_grid_evenly(order):
    points = conditions_of(Domain(), order=order, batch=2, seed=0)
    assert 0.9 * POINTS <= len({(at.c, at.length) for at in points}) == len(points) <= POINTS
    for which in range(order):
        counts = np.histogram([at.c[which] for at in points], bins=4, range=(-2, 2))[0]
        assert counts.min() > 0.8 * len(points) / 4
    assert {at.length for at in points} == set(range(max(5, 2 * order + 2), 15))


def test_a_grid_of_tenths_has_no_other_bounds():
    with pytest.raises(ValueError, match=r"c=\(0.25, 0.75\) must have bounds that are multiples of 0.1"):
        conditions_of(Domain(c=(0.25, 0.75)), order=1, batch=2, seed=0)


def test_claims_share_the_recurrences_and_each_has_those_of_its_domain():
    wide, narrow = prop(claim()), prop(claim(id="test.narrow", domain=Domain(c=(-0.2, 0.3), length=(14, 14))))
    seen = model(lambda c: c, noise=0.3)
    found = scan([wide, narrow, prop(claim(id="test.average", quantifier="average"))], seen, seed=0)
    assert set(found) == {"test.claim", "test.narrow"}
    assert {(visit.at.c, visit.at.length) for visit in found["test.narrow"].visits} == {
        (tick / 10, 14) for tick in range(-2, 4)
    }
    assert len(found["test.claim"].visits) == 410
    for visit in found["test.claim"].visits:
        assert visit.values.shape == (VISIT,)
        assert visit.values == pytest.approx(visit.at.c, abs=2.0)


def test_one_that_cannot_be_measured_leaves_the_others():
    class Broken(Exception):
        pass

    def breaks(c):
        raise Broken("no such thing")

    found = scan([prop(claim())], model(breaks), seed=0)
    assert isinstance(found["test.claim"], Broken)
    with pytest.raises(Broken):
        evaluate(prop(claim()), model(constant(0.5)), stages=(100,), scanned=found["test.claim"])


@pytest.mark.parametrize("c", [-2.0, -0.7, 0.0, 1.3])
def test_a_single_coefficient_that_fails_by_four_standard_errors_is_always_found(c):
    """Standard errors of a visit; everywhere else the claim holds by as much."""
    spread = 0.1
    by = 4 * spread / VISIT**0.5
    breaks = model(lambda drawn: 1.0 + by * torch.where((drawn - c).abs() < 0.01, 1.0, -1.0), noise=spread)
    for seed in range(5):
        found = evaluate(prop(claim()), breaks, seed=seed, stages=(200,), family=100).search
        assert found.counterexample
        assert found.counterexample.at.c == c
        assert found.counterexample.at.length == 5, "the simplest of those that fail"


def test_suspects_are_the_simplest_that_surely_fails_and_then_the_worst():
    breaks = model(lambda c: torch.where(c > 0.95, 1.0 + c, 0.5), noise=0.1)
    scanned = scan([prop(claim())], breaks, seed=0)["test.claim"]
    found = suspects(prop(claim()), breaks, scanned, most=4, seed=0)
    assert len(found) == 4
    assert (found[0].c, found[0].length) == (1.0, 5)
    assert all(at.c >= 1.8 for at in found[1:])
    assert suspects(prop(claim()), model(constant(0.5), noise=0.1), scan_of(constant(0.5)), most=4, seed=0) == []


def scan_of(truth):
    found = scan([prop(claim())], model(truth, noise=0.1), seed=0)["test.claim"]
    assert isinstance(found, Scan)
    return found


def test_small_coefficients_come_first_then_positive_ones_then_few_terms():
    places = [Condition(c=c, length=length) for c in (-0.1, 0.1, 0.0, 2.0) for length in (14, 5)]
    assert [(at.c, at.length) for at in sorted(places, key=simplicity)] == [
        (0.0, 5), (0.0, 14), (0.1, 5), (0.1, 14), (-0.1, 5), (-0.1, 14), (2.0, 5), (2.0, 14),
    ]  # fmt: skip


def test_values_are_the_statistic_of_the_claim():
    scanned = scan_of(constant(0.5))
    for (at, value), visit in zip(scanned.values(claim()), scanned.visits, strict=True):
        assert at == visit.at
        assert value == statistic(claim(), visit.values)
