"""Draws that come in stages are those that come at once, and a claim takes no more of them than decide it."""

import numpy as np
import pytest
import torch

from recint.draws import CHUNK, draw, draw_until_decided
from recint.evaluate import draw_together, evaluate
from recint.model import Model
from recint.training import untrained
from recint.verdict import STAGES

from .conftest import SMALL
from .test_intact import claimed


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
    assert np.array_equal(then.coefficients, at_once.coefficients)
    assert then.places == at_once.places


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


def test_a_claim_that_200_draws_decide_takes_200_and_one_on_the_threshold_all(model):
    easy = claimed("easy", lambda model, at: torch.rand(len(model.intact(at).errors)) - 5)
    # The sign of a coordinate: its mean is zero, and so is the threshold.
    hard = claimed("hard", lambda model, at: model.intact(at).recurrences.terms[:, 0, 0].sign())
    found = draw_together([easy, hard], model, seed=0, stages=STAGES, family=87)
    assert [len(found[name].values) for name in ("easy", "hard")] == [STAGES[0], STAGES[-1]]


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
