"""Every condition of the grid is visited once, by all claims together; a single one that fails is found."""

import pytest
import torch

from recint.domain import Domain
from recint.judging import scan as scan_module
from recint.judging.evaluate import evaluate
from recint.judging.scan import AGAIN, VISIT, WIDE, Scan, scan, suspects
from recint.judging.statistic import statistic

from ..made_up import claim, constant, model, prop


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
    found = suspects(claim(), scanned, most=4)
    assert len(found) == 4
    assert (found[0].c, found[0].length) == (1.0, 5)
    assert all(at.c >= 1.8 for at in found[1:])
    assert suspects(claim(), scan_of(constant(0.5)), most=4) == []


def scan_of(truth):
    found = scan([prop(claim())], model(truth, noise=0.1), seed=0)["test.claim"]
    assert isinstance(found, Scan)
    return found


def test_values_are_the_statistic_of_the_claim():
    scanned = scan_of(constant(0.5))
    for (at, value), visit in zip(scanned.values(claim()), scanned.visits, strict=True):
        assert at == visit.at
        assert value == statistic(claim(), visit.values)


def test_claims_share_the_second_visit_too():
    """Two claims that doubt the same conditions are measured on the same draws, each place in one pass."""
    breaks = model(lambda c: torch.where(c > 0.95, 2.0, 0.5), noise=0.1)
    made = [prop(claim(id=name, threshold=threshold)) for name, threshold in (("test.one", 1.0), ("test.other", 1.2))]
    prepared = []
    breaks.prepare = prepared.append
    one, other = scan(made, breaks, seed=0).values()
    shared = {visit.at: visit.values for visit in one.again}.keys() & {visit.at for visit in other.again}
    assert len(shared) > WIDE / 2
    values = {visit.at: visit.values.tolist() for visit in one.again}
    assert all(visit.values.tolist() == values[visit.at] for visit in other.again if visit.at in shared)
    assert all(visit.values.shape == (VISIT + AGAIN,) for visit in one.again)
    assert len([at for at in prepared if at.size == AGAIN]) == len(shared), (
        "a place that one claim visits needs no pass"
    )


def test_the_second_visit_is_of_fresh_draws():
    breaks = model(lambda c: torch.where(c > 0.95, 2.0, 0.5), noise=0.1)
    scanned = scan([prop(claim())], breaks, seed=0)["test.claim"]
    first = {(visit.at.c, visit.at.length): visit for visit in scanned.visits}
    for visit in scanned.again:
        before = first[visit.at.c, visit.at.length]
        assert visit.values[:VISIT].tolist() == before.values.tolist()
        assert visit.at.seed != before.at.seed
        assert visit.values[VISIT : 2 * VISIT].tolist() != before.values.tolist()


def test_what_fails_between_the_visits_is_the_error_of_its_claim(monkeypatch):
    def no_statistic(claim, values):
        if claim.id == "test.bad":
            raise ArithmeticError("no such statistic")
        return 1.0, 1.0

    monkeypatch.setattr(scan_module, "both_p_values", no_statistic)
    found = scan([prop(claim(id="test.bad")), prop(claim(id="test.good"))], model(constant(0.5)), seed=0)
    assert isinstance(found["test.bad"], ArithmeticError)
    assert len(found["test.good"].again) == WIDE
