"""Controls are judged as their truth is known."""

import pytest

from recint.calibration.calibrate import controls
from recint.calibration.ladder import Rung
from recint.calibration.roles import SMALL, combinations
from recint.calibration.truth import truth
from recint.catalogue import properties
from recint.judging.judge import judge
from recint.model.untrained import untrained

PROPS = properties()


def verdicts_against_truth(name, roles, **variant):
    """(claim, truth, verdict) of a planted model, all claims that it settles judged together."""
    model = Rung(claim="", strength="strong", holds=True, roles=roles).model(**variant)
    settled = truth(roles, [prop.claim for prop in PROPS])
    entries = judge([prop for prop in PROPS if prop.claim.id in settled], model, stages=(200,), thorough=False)
    return [(f"{name}: {entry.id}", settled[entry.id], entry.verdict) for entry in entries]


WRONG = {True: "refuted", False: "supported"}
COMBINATIONS = dict(combinations())


def no_wrong_verdict(told):
    return [case for case in told if case[2] in (WRONG[case[1]], "error")] == []


@pytest.mark.parametrize("name", ["all present", "all absent", "without previous_token"])
def test_strongly_planted_truths_are_told(name):
    told = verdicts_against_truth(name, COMBINATIONS[name], seed=3, heads="split", folded=False)
    assert len(told) >= 50
    assert no_wrong_verdict(told), told
    assert {verdict for _, truth, verdict in told if truth} <= {"supported"}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMBINATIONS)
def test_no_verdict_is_wrong_on_any_combination_of_roles(name):
    told = verdicts_against_truth(name, COMBINATIONS[name], seed=5)
    assert no_wrong_verdict(told), told


def test_every_mutant_names_claims_that_there_are(small):
    known = {prop.claim.id for prop in PROPS}
    every = controls(untrained(SMALL, seed=0), PROPS)
    assert {claim for control in every for claim in control.made_for} <= known
    assert all(set(control.truth) <= known for control in every)
    assert len({control.name for control in every}) == len(every)
    assert sum(control.group == "planted" for control in every) >= 12
    assert sum(control.group == "planted mutant" for control in every) >= 10
