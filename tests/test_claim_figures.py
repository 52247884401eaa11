"""Figures that claims share: they show the finding, and the place where the statistic is at its worst."""

import re

import pytest

from recint.claim_figures import against_c, with_attention, with_attribution, with_heads
from recint.judging.evaluate import evaluate
from recint.model import Model
from recint.model.untrained import untrained

from .conftest import SMALL
from .made_up import claim, constant, model, prop


def words(svg):
    return " ".join(re.findall(r"<text[^>]*>([^<]*)<", svg))


@pytest.mark.parametrize(
    ("truth", "told"),
    [
        (constant(0.5), "statistic is 0.5 on average, and &lt;= 1 wherever it was tried"),
        (constant(2.0), "statistic is 2 on average, but not &lt;= 1 at c = 0"),
        (lambda c: 0.5 + (c < -1.55).double(), "on average, but not &lt;= 1 at c = -1.6"),
    ],
)
def test_the_finding_is_the_title_and_every_condition_is_on_the_map(truth, told):
    stand_in = model(truth)
    shown = against_c(stand_in, evaluate(prop(claim()), stand_in, stages=(200,)))
    assert told in words(shown)
    assert "conditions" in words(shown)
    assert shown.count("<svg ") == 2  # the curve and the map


@pytest.fixture(scope="module")
def small_model():
    return Model(untrained(SMALL, seed=0))


def evidence_on(small_model, **fields):
    from hypothesis import given

    from recint.strategies import conditions

    made = claim(quantifier="average", relation=">=", threshold=0.5, **fields)

    @made(figure=lambda model, evidence: "")
    @given(at=conditions(made.domain))
    def test(model, at):
        made.check(model.intact(at)["blocks.1.attn.hook_pattern"].mean((2, 3)), at)

    return evaluate(test.recint_property, small_model, stages=(200,))


def test_beside_the_curve_stands_each_head_attention_at_the_worst_place_or_attribution(small_model):
    evidence = evidence_on(small_model, reduction="majority of heads")
    heads = words(with_heads(small_model, evidence))
    assert "head 0" in heads
    assert "head 1" in heads
    assert "should be &gt;= 0.5" in heads
    attention = with_attention(1, by_parity=True)(small_model, evidence)
    assert attention.count("<svg ") == 3
    assert "the coefficient around which it is worst" in attention
    assert "all components add up to the prediction" in words(with_attribution(small_model, evidence))
