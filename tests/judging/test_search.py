"""What the search finds, what it takes to confirm it, and over how much it looked."""

import numpy as np
import pytest
import torch
from hypothesis import given

from recint.catalogue import SHIPPED, find
from recint.checkpoint import ModelConfig, load
from recint.domain import Condition, Recurrence, Several, Vector
from recint.judging import entries
from recint.judging.claim import POINTWISE
from recint.judging.evaluate import evaluate
from recint.judging.search import RETEST, TRIES, confirm, search
from recint.model import Model
from recint.strategies import recurrences
from recint.verdict import refutation_level

from ..made_up import StandIn, claim, constant, model, prop

FAMILIES = (1, 46, 125, 500)
PLACE = Condition(c=0.5)


def level_of_a_try(family, made):
    return refutation_level(family=family, routes=made.routes) / 2 / TRIES


class Skewed(StandIn):
    """A stand-in whose statistic is lognormal with skewness 8, like errors at one coefficient; of this mean."""

    def __init__(self, mean):
        self.mean = mean

    @property
    def truth(self):
        rng = np.random.default_rng(0)
        return lambda c: self.mean * torch.tensor(np.exp(1.1 * rng.standard_normal(len(c)) - 1.1**2 / 2))

    noise = 0.0


@pytest.mark.parametrize("family", FAMILIES)
def test_a_failure_far_beyond_the_bar_is_confirmed_at_every_try(family):
    """Every try has the same share of the level: the last can confirm what the first can."""
    made = claim()
    for seed in range(TRIES):
        assert confirm(prop(made), Skewed(6.5), PLACE, seed=seed, level=level_of_a_try(family, made)), seed


@pytest.mark.parametrize("family", FAMILIES)
def test_what_lies_on_the_bar_is_not_confirmed(family):
    made = claim()
    for seed in range(30):
        assert not confirm(prop(made), Skewed(1.0), PLACE, seed=seed, level=level_of_a_try(family, made)), seed


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("c", [-1.7, 0.3, 1.2])
def test_failures_by_luck_near_the_bar_do_not_use_up_the_tries(c, family):
    """Everywhere just below the bar, so that every second batch fails by luck; far beyond it at one coefficient."""
    breaks = model(lambda drawn: 0.99 + 5 * ((drawn - c).abs() < 0.05).double(), noise=0.02)
    found = evaluate(prop(claim()), breaks, stages=(2000,), family=family).search
    assert found.counterexample
    assert found.counterexample.at.c == c


def test_a_retest_is_of_recurrences_of_its_own():
    found = confirm(prop(claim()), model(constant(2.0), noise=0.1), PLACE, seed=3, level=0.01)
    assert (found.at.batch, found.at.c) == (RETEST, PLACE.c)
    assert found.at.seed != PLACE.seed


class TestFurtherCounterexamples:
    """A claim that fails at the two ends of the coefficients, at every length."""

    BREAKS = staticmethod(lambda: model(lambda c: 0.5 + 2.0 * (c.abs() > 1.5).double(), noise=0.1))

    def searched(self, **how):
        return search(prop(claim()), self.BREAKS(), seed=0, family=100, **how)

    def test_they_fail_elsewhere_and_are_confirmed_on_fresh_draws(self):
        found = self.searched()
        first, (other_c, other_length) = found.counterexample.at, found.further
        assert abs(other_c.at.c - first.c) > 3
        assert (other_length.at.c, other_length.at.length) != (first.c, first.length)
        assert other_length.at.length != first.length
        for one in found.further:
            assert one.at.batch == RETEST
            assert one.value > 1
        assert len({one.at.seed for one in (found.counterexample, *found.further)}) == 3

    def test_the_first_one_does_not_depend_on_them(self):
        alone = self.searched(one_is_enough=True)
        assert alone.further == ()
        assert alone.counterexample == self.searched().counterexample

    def test_places_that_fail_by_luck_are_none(self):
        """Just below the bar everywhere but at one coefficient: half of all visits fail by luck, and none is confirmed."""
        breaks = model(lambda c: 0.995 + 5 * ((c - 0.3).abs() < 0.05).double(), noise=0.01)
        found = search(prop(claim()), breaks, seed=0, family=100)
        assert found.counterexample.at.c == 0.3
        assert {one.at.c for one in found.further} <= {0.3}

    def test_single_recurrences_have_them_too(self):
        made = claim(quantifier="pointwise", reduction="all but 1 %")
        found = search(prop(made), self.BREAKS(), seed=0, family=100)
        assert found.further
        for one in found.further:
            assert one.value > 1
            assert one.at != found.counterexample.at


class TestSingleRecurrences:
    MADE = claim(quantifier="pointwise", reduction="all but 1 %")

    @pytest.mark.parametrize("draws", [100, 300])
    def test_as_many_are_tried_whatever_the_draws(self, draws):
        entry = entries.entry(evaluate(prop(self.MADE), model(constant(0.5)), stages=(draws,)), family=1)
        assert entry.search.examples >= 0.9 * POINTWISE  # Hypothesis may draw one twice
        assert entry.search.counterexample is None
        tried = entry.search.examples + draws
        high = entry.failing.ci[1]
        assert entries.settle([entry], {})[0].verdict in ("supported", "inconclusive")
        if entry.verdict == "supported":
            assert entry.message == (
                f"no counterexample in {tried} recurrences; at most {high:.2g} of all recurrences fail, with 95 % confidence"
            )
        assert (entry.failing.count, entry.failing.of) == (0, draws)
        assert entry.failing.ci == (0.0, pytest.approx(1 - 0.025 ** (1 / draws)))

    def test_one_in_two_hundred_is_found(self):
        """Where no draw of the estimate fails: recurrences break the claim whose offset has a slot 13."""

        def values(at):
            places = at.places if isinstance(at, Several) else [at] * (1 if isinstance(at, Recurrence) else at.batch)
            return (
                0.5 + torch.tensor([isinstance(one, Recurrence) and 13 in dict(one.d.slots) for one in places]).double()
            )

        made = self.MADE

        @made(figure=lambda model, evidence: "<svg/>")
        @given(at=recurrences(made.domain))
        def test(model, at):
            made.check(values(at), at)

        stand_in = model(constant(0.5))
        stand_in.config = ModelConfig()  # of 40 dimensions, which have a slot 13
        evidence = evaluate(test.recint_property, stand_in, stages=(200,))
        assert evidence.failing == 0
        found = evidence.search.counterexample
        assert 13 in dict(found.at.d.slots)
        assert found.at.c == 0, "it is shrunk"
        assert entries.entry(evidence, family=1).verdict == "refuted"

    def test_a_draw_that_fails_counts_in_the_share(self):
        breaks = model(lambda c: 0.5 + (c > 1.9).double())
        evidence = evaluate(prop(self.MADE), breaks, stages=(400,))
        assert evidence.failing == (evidence.values > 1).sum() > 0

    def test_several_side_by_side_are_what_each_is_alone(self):
        config = model(constant(0)).config
        places = (Recurrence(c=0.5, d=Vector(seed=1)), Recurrence(c=-1.5, d=Vector(fill=0.5), cap=2.0))
        together = Several(places).sample(config)
        for index, at in enumerate(places):
            assert torch.equal(together.terms[index], at.sample(config).terms[0])

    def test_a_statistic_that_is_no_number_is_an_error(self):
        with pytest.raises(ValueError, match=r"test\.claim: statistic: \d+ of \d+ values are not finite"):
            search(prop(claim()), model(lambda c: c * float("nan")), seed=0, family=1)


@pytest.fixture(scope="module")
def reference():
    return Model(load(SHIPPED.parent / "fixtures" / "checkpoints" / "affine3-seed0"))


def test_the_shipped_model_is_defeated_by_a_recurrence_of_two_alternating_terms(reference):
    at = Recurrence(c=-1.0, d=Vector(seed=5), along=1.0, length=14, cap=2.0)
    assert find("model.predicts-every-recurrence@2").measure(reference, at).value == pytest.approx(0.0117, abs=1e-4)


@pytest.mark.slow
def test_the_search_finds_that_single_recurrences_defeat_the_shipped_model(reference):
    prop = find("model.predicts-every-recurrence@2")
    found = search(prop, reference, seed=0, family=79)
    assert found.counterexample
    assert prop.measure(reference, found.counterexample.at).value > 2e-3
