"""Draws that come in stages are those that come at once, and a claim takes no more of them than decide it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy import stats

from recint.claim import Contrast
from recint.judging.draws import CHUNK, draw, draw_until_decided
from recint.judging.evaluate import draw_together, evaluate
from recint.judging.means import p_positive
from recint.model import Model
from recint.model.untrained import untrained
from recint.strategies import conditions
from recint.verdict import STAGES, SUPPORT_FROM

from ..conftest import SMALL
from ..made_up import claim
from ..model.test_intact import claimed


def errors(name="errors"):
    return claimed(name, lambda model, at: model.intact(at).errors)


@pytest.fixture(scope="module")
def model():
    return Model(untrained(SMALL, seed=0))


def test_stages_after_another_are_what_one_would_be(model):
    prop = errors()
    at_once = draw([prop], model, seed=3, draws=450)["errors"]
    first = draw([prop], model, seed=3, draws=2 * CHUNK)["errors"]
    then = first.extended(draw([prop], model, seed=3, draws=450, start=2 * CHUNK)["errors"])
    assert np.array_equal(then.values, at_once.values)
    assert then.places == at_once.places


def test_a_contrast_may_have_any_name(model):
    beside = Contrast(name="values", statistic="none", relation="<=", threshold=1.0)
    made = claim(quantifier="average", contrasts=(beside,))

    @made(figure=str)
    @given(at=conditions(made.domain))
    def test(model, at):
        errors = model.intact(at).errors
        made.check(errors, at, contrasts={"values": lambda: torch.zeros_like(errors)})

    drawn = draw([test.recint_property], model, seed=0, draws=CHUNK)[made.id]
    assert (drawn.values > 0).all()
    assert (drawn.contrasts["values"] == 0).all()


def test_only_what_is_not_decided_is_drawn_again(model):
    asked = []

    def decided(claim, drawn):
        asked.append((claim.id, len(drawn.values)))
        return claim.id == "early" or len(drawn.values) >= 300

    found = draw_until_decided(
        [errors("early"), errors("late")], model, seed=0, stages=(100, 300, 500), decided=decided
    )
    assert {name: len(drawn.values) for name, drawn in found.items()} == {"early": 100, "late": 300}
    assert asked == [("early", 100), ("late", 100), ("early", 100), ("late", 300)]


def test_200_draws_may_refute_and_1000_support_and_on_the_threshold_all_are_taken(model):
    wrong = claimed("wrong", lambda model, at: torch.rand(len(model.intact(at).errors)) - 5)
    right = claimed("right", lambda model, at: torch.rand(len(model.intact(at).errors)) + 5)
    # The sign of a coordinate: its mean is zero, and so is the threshold.
    hard = claimed("hard", lambda model, at: model.intact(at).recurrences.terms[:, 0, 0].sign())
    found = draw_together([wrong, right, hard], model, seed=0, stages=STAGES, family=87)
    assert [len(found[name].values) for name in ("wrong", "right", "hard")] == [200, SUPPORT_FROM, 5000]


def test_a_mean_that_rare_recurrences_carry_is_not_called_positive():
    """Its mean is 0: 1.5 % of recurrences lie so far down. Of 200 draws every twentieth sample has none of them."""
    rng, wrong, runs, looks, level = np.random.default_rng(0), 0, 2000, len(STAGES), 0.05 / 60
    for _ in range(runs):
        rare = rng.random(SUPPORT_FROM) < 0.015
        values = np.where(rare, -1 / 0.015 + 1, 1.0) + 0.3 * rng.standard_normal(SUPPORT_FROM)
        wrong += looks * p_positive(values) <= level
    assert wrong <= stats.binom.ppf(0.999, runs, level)


def test_what_fails_on_the_way_is_the_claim_s_exception(model):
    def fails(model, at):
        if at.batch < CHUNK:
            raise RuntimeError("no more")
        return model.intact(at).recurrences.terms[:, 0, 0].sign()

    found = draw_until_decided([claimed("breaks", fails)], model, seed=0, stages=(100, 150), decided=lambda *_: False)
    assert isinstance(found["breaks"], RuntimeError)


def test_each_look_has_its_share_of_the_level(model):
    once = evaluate(errors(), model, stages=(200,), thorough=False).estimate
    thrice = evaluate(errors(), model, stages=(200, 400, 600), thorough=False).estimate
    assert (once.looks, thrice.looks) == (1, 3)
