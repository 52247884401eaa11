"""Both arms of the evidence, on models whose truth is known by construction."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given

from recint import record
from recint.checkpoint import ModelConfig
from recint.claim import Claim, Refuted
from recint.domain import Domain
from recint.evaluate import evaluate
from recint.expected import Expectation
from recint.strategies import conditions, recurrences
from recint.verdict import decide, decide_weights


def model(truth, noise=0.0):
    """A stand-in whose statistic at a recurrence is truth(c) plus noise; the properties below read it off directly."""
    return SimpleNamespace(
        config=ModelConfig(d_vocab=3), truth=truth, noise=noise, checkpoint=SimpleNamespace(path="model.pth")
    )


def claim(**changes):
    fields = {
        "id": "test.claim",
        "statement": "The statistic is at most 1.",
        "quantifier": "everywhere",
        "statistic": "statistic",
        "relation": "<=",
        "threshold": 1.0,
        "source": "made up",
    }
    return Claim(**(fields | changes))


def prop(made):
    strategy = recurrences if made.quantifier == "pointwise" else conditions

    def values(model, at):
        drawn = at.sample(model.config)
        noise = (drawn.terms[:, 0, 0] * 1e4).frac() * model.noise
        return model.truth(drawn.coefficients[:, 0].double()) + noise

    @made(figure=lambda model, evidence: "<svg/>")
    @given(at=strategy(made.domain))
    def test(model, at):
        made.check(values(model, at), at)

    return test.recint_property


def constant(value):
    return lambda c: torch.full_like(c, value)


def test_a_claim_that_holds_everywhere_is_supported_and_searched():
    evidence = evaluate(prop(claim()), model(constant(0.5), noise=0.1), draws=400)
    entry = record.entry(evidence, family=1)
    assert entry["verdict"] == "supported"
    assert entry["search"]["counterexample"] is None
    assert entry["search"]["examples"] >= 50
    low, high = entry["estimate"]["ci"]
    assert low <= entry["value"] <= high
    assert entry["estimate"]["n"] == 400


def test_a_claim_that_breaks_somewhere_is_refuted_where_it_begins_to():
    evidence = evaluate(prop(claim()), model(lambda c: 0.5 + (c < -1.55).double()), draws=400)
    entry = record.entry(evidence, family=1)
    assert entry["estimate"]["p"] < 0.05  # it holds on average
    assert entry["verdict"] == "refuted"
    assert entry["search"]["counterexample"]["where"] == "c = -1.6, 5 terms"
    assert entry["message"].startswith("test.claim: statistic = 1.5, but should be <= 1 [")


def test_a_failure_that_was_luck_is_not_a_counterexample():
    at_edge = model(constant(0.995), noise=0.1)  # the mean of any batch is 0.995, give or take
    evidence = evaluate(prop(claim()), at_edge, draws=400)
    assert any(value > 1 for _, value in evidence.search.trials)
    assert evidence.search.counterexample is None
    assert evidence.search.unconfirmed > 0
    assert record.entry(evidence, family=10)["verdict"] != "refuted"


def test_an_average_on_the_wrong_side_is_refuted_and_an_undecided_one_is_not():
    average = claim(quantifier="average")
    wrong = record.entry(evaluate(prop(average), model(constant(1.5), noise=1.0), draws=200), family=1)
    assert wrong["verdict"] == "refuted"
    assert wrong["search"] is None
    undecided = record.entry(evaluate(prop(average), model(constant(1.0), noise=1.0), draws=200), family=1)
    assert undecided["verdict"] == "inconclusive"


def test_one_recurrence_can_refute_a_pointwise_claim():
    made = claim(quantifier="pointwise", reduction="all but 1 %")
    entry = record.entry(evaluate(prop(made), model(lambda c: 0.5 + (c > 1.65).double()), draws=200), family=1)
    assert entry["verdict"] == "refuted"
    assert entry["search"]["counterexample"]["where"].startswith("c = 1.7, 5 terms, d = zero")


def test_the_same_seed_gives_the_same_evidence_another_seed_other_draws():
    first, again, other = (
        record.entry(evaluate(prop(claim()), model(lambda c: c / 4, noise=0.1), seed=seed, draws=100), family=1)
        for seed in (1, 1, 2)
    )
    for entry in (first, again, other):
        del entry["seconds"]
    assert first == again
    assert first["value"] != other["value"]


def test_outside_a_run_a_check_raises_one_sentence():
    with pytest.raises(Refuted, match=r"test.claim: statistic = 2, but should be <= 1 \[weights\]"):
        claim(quantifier="weights").check(2.0)


def test_a_property_must_check_exactly_once():
    made = claim(quantifier="weights")

    @made(figure=lambda model, evidence: "")
    def test(model):
        pass

    with pytest.raises(RuntimeError, match="called check 0 times, but must do so once"):
        evaluate(test.recint_property, model(constant(0.0)))


@pytest.mark.parametrize(
    "moved",
    [{"version": 2}, {"statement": "x"}, {"threshold": 2.0}, {"relation": ">="}, {"domain": Domain(c=(-1.0, 1.0))}],
)
def test_moving_the_goalposts_changes_the_hash(moved):
    assert claim(**moved).hash != claim().hash == claim().hash


class TestVerdict:
    def test_a_confirmed_counterexample_beats_a_good_average(self):
        assert decide(p_holm=0.001, p_against=1.0, family=1, counterexample=True) == "refuted"
        assert decide(p_holm=0.001, p_against=1.0, family=1, counterexample=False) == "supported"

    def test_refutation_by_estimate_is_corrected_for_the_family(self):
        assert decide(p_holm=1.0, p_against=0.01, family=1, counterexample=False) == "refuted"
        assert decide(p_holm=1.0, p_against=0.01, family=10, counterexample=False) == "inconclusive"

    def test_weights_hold_or_do_not(self):
        assert decide_weights(holds=True) == "supported"
        assert decide_weights(holds=False) == "refuted"

    def test_holm_over_the_run_can_take_support_away(self):
        def entry(name, p):
            verdict = "supported" if p <= 0.05 else "inconclusive"
            return record.blank(claim(id=name)) | {"verdict": verdict, "estimate": {"p": p, "p_holm": p}}

        alone = record.settle([entry("a", 0.04)], {})
        assert [item["verdict"] for item in alone] == ["supported"]
        together = record.settle([entry("a", 0.04), entry("b", 0.04)], {})
        assert [item["verdict"] for item in together] == ["inconclusive", "inconclusive"]
        assert [item["estimate"]["p_holm"] for item in together] == [0.08, 0.08]

    def test_departures_are_named_in_both_directions(self):
        def entry(name, verdict):
            return record.blank(claim(id=name)) | {"verdict": verdict}

        expected = {"a": Expectation("refuted", "why"), "b": Expectation("supported", "why")}
        entries = [entry("a", "supported"), entry("b", "refuted"), entry("c", "inconclusive"), entry("d", "supported")]
        assert record.departures(record.settle(entries, expected)) == [
            "a: expected refuted, now supported",
            "b: expected supported, now refuted",
            "c: inconclusive",
        ]
