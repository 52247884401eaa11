"""Both arms of the evidence, on models whose truth is known by construction."""

import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given

from recint.calibration.solver import Solver
from recint.checkpoint import ModelConfig
from recint.claim import Contrast
from recint.domain import Domain
from recint.judging import entries as record
from recint.judging.evaluate import evaluate
from recint.model.preconditions import unmet
from recint.strategies import conditions

from ..made_up import WORSE, claim, constant, model, prop


def test_a_claim_that_holds_everywhere_is_supported_and_searched():
    evidence = evaluate(prop(claim()), model(constant(0.5), noise=0.1), stages=(400,))
    entry = record.entry(evidence, family=1)
    assert entry.verdict == "supported"
    assert entry.search.counterexample is None
    assert entry.search.examples >= 50
    assert entry.search.conditions < entry.search.examples  # places, not trials
    low, high = entry.estimate.ci
    assert low <= entry.value <= high
    assert entry.estimate.n == 400


def test_a_claim_that_breaks_somewhere_is_refuted_where_it_begins_to():
    evidence = evaluate(prop(claim()), model(lambda c: 0.5 + (c < -1.55).double()), stages=(400,))
    entry = record.entry(evidence, family=1)
    assert entry.estimate.p < 0.05  # it holds on average
    assert entry.verdict == "refuted"
    assert entry.search.counterexample.where == "c = -1.6, 5 terms"
    assert entry.message.startswith("test.claim: statistic = 1.5, but should be <= 1 [")


def test_a_failure_that_was_luck_is_not_a_counterexample():
    at_edge = model(constant(0.995), noise=0.1)  # the mean of any batch is 0.995, give or take
    evidence = evaluate(prop(claim()), at_edge, stages=(400,))
    assert any(value > 1 for _, value in evidence.search.trials)
    assert evidence.search.counterexample is None
    assert evidence.search.unconfirmed > 0
    assert record.entry(evidence, family=10).verdict != "refuted"


def test_a_lucky_failure_does_not_hide_a_real_one():
    """Failures of a noisy claim near its threshold come first; the one coefficient at which it truly breaks comes later."""
    for c in (-1.0, 0.4, 0.8, 1.2):
        breaks = model(lambda drawn, c=c: 0.985 + 2 * ((drawn - c).abs() < 0.05).double(), noise=0.3)
        evidence = evaluate(prop(claim()), breaks, stages=(2000,))
        assert evidence.search.counterexample, c
        assert evidence.search.counterexample.at.c == c


@pytest.mark.parametrize("tick", range(-20, 21))
def test_no_coefficient_of_the_grid_is_a_blind_spot(tick):
    breaks = model(lambda drawn: 0.5 + 2 * ((drawn - tick / 10).abs() < 0.05).double())
    entry = record.entry(evaluate(prop(claim()), breaks), family=10)
    assert entry.verdict == "refuted"
    assert entry.search.counterexample.where.startswith(f"c = {tick / 10:g},")


def test_a_draw_that_defeats_the_model_refutes_a_claim_about_every_recurrence():
    breaks = model(lambda c: 0.5 + ((c - 0.546).abs() < 0.006).double())  # between the ticks of the search's grid
    evidence = evaluate(prop(claim(quantifier="pointwise", reduction="all but 1 %")), breaks, stages=(2000,))
    assert evidence.estimate.p < 0.01  # 99 % of recurrences are fine
    entry = record.entry(evidence, family=1)
    assert entry.verdict == "refuted"
    code = entry.search.counterexample.code
    assert "DrawnRecurrence(Condition(c=Between(low=-2.0, high=2.0" in code.replace("batch=", "")


def test_another_majority_at_each_coefficient_is_not_refuted_by_the_average():
    made = claim(relation=">=", threshold=0.5, reduction="majority of heads")

    @made(figure=lambda model, evidence: "")
    @given(at=conditions(made.domain))
    def test(model, at):
        negative = (at.sample(model.config).coefficients < 0).double()
        low, high = torch.tensor([0.9] * 5 + [0.0] * 3), torch.tensor([0.0] * 3 + [0.6] * 5)
        made.check(negative * low + (1 - negative) * high, at)

    entry = record.entry(evaluate(test.recint_property, model(constant(0.0)), stages=(500,)), family=1)
    assert entry.value < 0.5
    assert entry.search.counterexample is None
    assert entry.verdict == "inconclusive"


def test_a_ranked_head_that_fails_alike_everywhere_is_refuted_by_the_search():
    made = claim(relation=">=", threshold=0.5, reduction="majority of heads")

    @made(figure=lambda model, evidence: "")
    @given(at=conditions(made.domain))
    def test(model, at):
        made.check(torch.full((len(at.sample(model.config)), 8), 0.2), at)

    entry = record.entry(evaluate(test.recint_property, model(constant(0.0)), stages=(200,)), family=15)
    assert entry.verdict == "refuted"


def test_an_average_on_the_wrong_side_is_refuted_and_an_undecided_one_is_not():
    average = claim(quantifier="average")
    wrong = record.entry(evaluate(prop(average), model(constant(1.5), noise=1.0), stages=(200,)), family=1)
    assert wrong.verdict == "refuted"
    undecided = record.entry(evaluate(prop(average), model(constant(1.0), noise=1.0), stages=(200,)), family=1)
    assert undecided.verdict == "inconclusive"


def test_one_recurrence_can_refute_a_pointwise_claim():
    made = claim(quantifier="pointwise", reduction="all but 1 %")
    entry = record.entry(evaluate(prop(made), model(lambda c: 0.5 + (c > 1.65).double()), stages=(200,)), family=1)
    assert entry.verdict == "refuted"
    # Which of the simplest vectors is left depends on the literals that Hypothesis reads in the source.
    simple = r"(zero( but \S+ at \d+)?|random coordinates \(seed 0\))"
    assert re.match(rf"c = 1\.7, 5 terms, d = {simple}, a_0 = {simple}(,|$)", entry.search.counterexample.where)


def test_the_same_seed_gives_the_same_evidence_another_seed_other_draws():
    first, again, other = (
        record.entry(evaluate(prop(claim()), model(lambda c: c / 4, noise=0.1), seed=seed, stages=(100,)), family=1)
        for seed in (1, 1, 2)
    )
    assert replace(first, seconds=0.0) == replace(again, seconds=0.0)
    assert first.value != other.value


def doubled(made, changed=1.0, beside=2.0):
    """A property with an intervention and a contrast that costs `beside` times as much."""

    @made(figure=lambda model, evidence: "<svg/>")
    @given(at=conditions(made.domain))
    def test(model, at):
        drawn = at.sample(model.config)
        noise = 1 + 0.1 * (drawn.terms[:, 0, 0] * 1e4).frac()
        values = torch.stack([model.truth(drawn.coefficients[:, 0].double()) * noise, noise], dim=-1)
        worse = torch.stack([values[:, 0] * beside, values[:, 0]], dim=-1)
        made.check(values, at, contrasts={"worse": lambda: worse} if made.contrasts else {}, changed=changed)

    return test.recint_property


RATIO = {"quantifier": "average", "reduction": "ratio of means"}


class TestContrast:
    def judged(self, beside, **model_and_run):
        made = claim(**RATIO, contrasts=(WORSE,))
        return record.entry(evaluate(doubled(made, beside=beside), model(constant(0.5)), stages=(300,)), family=2)

    def test_a_contrast_that_holds_leaves_the_claim_supported(self):
        entry = self.judged(beside=2.0)
        assert entry.verdict == "supported"
        assert entry.contrast["worse"].value == pytest.approx(2.0)

    def test_without_its_contrast_the_claim_is_refuted_however_good_its_estimate(self):
        entry = self.judged(beside=1.0)
        assert entry.estimate.p < 0.001
        assert entry.verdict == "refuted"
        assert entry.message == "test.claim: cost = 1, but should be >= 1.5 [contrast: worse]"

    def test_a_contrast_in_another_domain_measures_the_claim_s_own_statistic_there(self):
        elsewhere = Contrast(
            name="c > 0", statistic="statistic", relation=">=", threshold=1.0, domain=Domain(c=(0.5, 2.0))
        )
        made = claim(domain=Domain(c=(-2.0, -0.5)), contrasts=(elsewhere,))
        there = record.entry(evaluate(prop(made), model(lambda c: 1 + c / 4), stages=(300,)), family=2)
        assert there.verdict == "supported"
        assert there.contrast["c > 0"].value == pytest.approx(1 + 1.25 / 4, abs=0.05)
        flat = record.entry(evaluate(prop(made), model(constant(0.5)), stages=(300,)), family=2)
        assert flat.verdict == "refuted"

    def test_an_undecided_contrast_leaves_the_claim_inconclusive(self):
        made = claim(contrasts=(Contrast(name="edge", statistic="s", relation=">=", threshold=0.0, domain=Domain()),))
        entry = record.entry(evaluate(prop(made), model(constant(0.0), noise=1.0), stages=(300,)), family=2)
        assert entry.verdict == "inconclusive"
        assert "of the contrast 'edge' do not decide" in entry.message


def test_an_intervention_that_changed_nothing_is_not_judged():
    evidence = evaluate(doubled(claim(**RATIO), changed=0.0), model(constant(0.5)), stages=(100,))
    entry = record.entry(evidence, family=1)
    assert entry.verdict == "not_applicable"
    assert entry.message == "test.claim: the intervention changed nothing in 100 recurrences"


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ({"layers": (0, 3)}, "test.claim: speaks of layer 3, but the model has 3 of them"),
        ({"heads": (8,)}, "test.claim: speaks of head 8, but the model has 8 of them"),
    ],
)
def test_a_claim_about_what_the_model_lacks_does_not_apply(needs, said):
    entry = record.entry(evaluate(prop(claim(**needs)), model(constant(0.0))), family=1)
    assert (entry.verdict, entry.message) == ("not_applicable", said)


def test_one_head_cannot_be_ahead_of_others():
    alone = Solver(config=ModelConfig(d_vocab=3, n_heads=1), mse=1e-4)
    ahead = claim(reduction="largest over median head")
    assert unmet(ahead, alone) == "test.claim: compares the heads of a layer, but the model has 1 of them"
    assert unmet(ahead, Solver(config=ModelConfig(d_vocab=3), mse=1e-4)) == ""


class Repeats(Solver):
    def __call__(self, inputs):
        return inputs


@pytest.mark.parametrize(("predictor", "applies"), [(Solver, True), (Repeats, False)])
def test_ratios_of_errors_say_nothing_of_a_model_that_only_repeats_the_last_term(predictor, applies):
    found = unmet(claim(mse_ratio=True), predictor(config=ModelConfig(d_vocab=3), mse=1e-4))
    assert (found == "") == applies
    if not applies:
        assert re.fullmatch(
            r"test\.claim: speaks of ratios of MSEs, but the model's MSE of (\S+) does not beat the \1 of predicting a_i",
            found,
        )


def test_an_average_claim_is_not_searched_and_no_single_condition_decides_it():
    breaks = model(lambda c: 0.5 + (c < -1.55).double())
    entry = record.entry(evaluate(prop(claim(quantifier="average")), breaks, stages=(400,)), family=1)
    assert (entry.verdict, entry.search) == ("supported", None)


def test_a_control_is_not_searched_where_the_estimate_already_refutes():
    wrong, right = model(constant(1.5), noise=0.1), model(constant(0.5), noise=0.1)
    assert evaluate(prop(claim()), wrong, stages=(100,), thorough=False).search is None
    assert evaluate(prop(claim()), right, stages=(100,), thorough=False).search is not None


def test_a_figure_about_weights_that_is_no_number_is_an_error_not_a_verdict():
    made = claim(quantifier="weights")

    @made(figure=lambda model, evidence: "")
    def test(model):
        made.check(float("nan"))

    with pytest.raises(ValueError, match=r"test\.claim: statistic: 1 of 1 values are not finite"):
        evaluate(test.recint_property, model(constant(0.0)))
