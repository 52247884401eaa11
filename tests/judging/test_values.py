"""Verdicts follow from the values of the draws: what is derived again is what was said, and what was changed is named."""

from dataclasses import replace

import numpy as np
import pytest

from recint.judging import entries
from recint.judging.entry import UntrainedAnswer
from recint.judging.evaluate import evaluate
from recint.judging.values import DrawnValues, departures, derived

from ..entries import run
from ..made_up import WORSE, claim, constant, model, prop


@pytest.fixture(scope="module")
def judged():
    """A run on two claims, its values, and its claims."""
    asked = claim()
    evidence = evaluate(prop(asked), model(constant(0.5), noise=0.1), stages=(400,))
    entry = entries.with_untrained(entries.entry(evidence, family=1), UntrainedAnswer(passed=0, of=20), family=1)
    found = replace(run(*entries.settle([entry], {asked.id: "supported"}), draws=400), stages=(400,))
    return found, {asked.id: DrawnValues.of(evidence)}, {asked.id: asked}


def test_all_that_was_said_follows(judged):
    found, kept, claims = judged
    follows = derived(found, kept, claims)
    assert follows == found.claims
    assert list(departures(found.claims, follows, kept)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "refuted"}, "verdict is refuted, but the values give supported"),
        ({"value": 0.9}, "value is 0.9, but the values give 0.5"),
        ({"threshold": 0.4}, "threshold is 0.4, but the values give 1"),
        ({"n": 300}, "estimate.n is 300, but the values give 400"),
        ({"ci": (0.1, 0.2)}, "estimate.ci.0 is 0.1, but the values give 0."),
        ({"p": 0.04}, "estimate.p is 0.04, but the values give"),
        ({"p_holm": 0.04}, "estimate.p_holm is 0.04, but the values give"),
    ],
)
def test_what_does_not_follow_is_named(judged, change, said):
    found, kept, claims = judged
    (entry,) = found.claims
    (name,) = change
    own = name in ("verdict", "value", "threshold")
    entry = replace(entry, **change) if own else replace(entry, estimate=replace(entry.estimate, **change))
    changed = replace(found, claims=(entry,))
    (sentence,) = departures(changed.claims, derived(changed, kept, claims), kept)
    assert sentence.startswith(f"{entry.id}: ")
    assert said in sentence


def test_an_edited_value_is_noticed(judged):
    found, kept, claims = judged
    (name,) = kept
    values = kept[name].own.copy()
    values[7] += 10
    (sentence,) = departures(found.claims, derived(found, {name: DrawnValues(values)}, claims), kept)
    assert "value is 0.5" in sentence


def test_a_claim_that_nobody_has_or_that_is_another_now_stays_as_it_was(judged):
    found, kept, claims = judged
    (name,) = kept
    assert derived(found, kept, {}) == found.claims
    assert derived(found, {}, claims) == found.claims
    assert derived(found, kept, {name: replace(claims[name], threshold=0.1)}) == found.claims


def test_what_was_not_estimated_from_draws_has_no_values(judged):
    _, kept, _ = judged
    assert isinstance(next(iter(kept.values())).own, np.ndarray)
    missing = evaluate(prop(claim()), model(constant(0.5), noise=0.1), stages=(100,))
    assert DrawnValues.of(replace(missing, estimate=None)) is None


def test_what_was_not_kept_or_not_judged_is_named(judged):
    found, kept, _ = judged
    (name,) = kept
    assert list(departures(found.claims, found.claims, [])) == [
        f"{name}: has an estimate, but its values were not kept"
    ]
    assert list(departures((), (), kept)) == [f"{name}: its values were kept, but no verdict"]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (
            np.ones((400, 2)),
            r"the values have shape \(400, 2\), but reduction='mean' takes one value for each of \(draw\)",
        ),
        (np.array([1.0, np.nan]), "1 of 2 values are not finite"),
        (np.ones(1), "draws"),
    ],
)
def test_values_that_are_none_of_the_claim_are_refused(judged, own, said):
    found, kept, claims = judged
    with pytest.raises(ValueError, match=said):
        derived(found, dict.fromkeys(kept, DrawnValues(own)), claims)


def test_values_of_a_contrast_that_are_missing_are_named(judged):
    found, kept, _ = judged
    asked = claim(contrasts=(WORSE,))
    found = replace(found, claims=tuple(replace(entry, hash=asked.hash) for entry in found.claims))
    with pytest.raises(ValueError, match="there are no values of the contrast 'worse', but they are expected"):
        derived(found, kept, {asked.id: asked})
