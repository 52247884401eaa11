"""The decision rule: every word has its evidence, and no evidence can be left out."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recint.verdict import LEAST_DRAWS, LEVEL, Findings, decide, refutation_level, require_draws, tally

P = st.floats(0, 1)
FINDINGS = st.builds(
    Findings,
    error=st.booleans(),
    unmet=st.booleans(),
    holds=st.sampled_from([None, True, False]),
    p_holm=P,
    p_against=P,
    counterexample=st.booleans(),
    vacuous=st.booleans(),
)
FAMILY, ROUTES = st.integers(1, 40), st.integers(1, 4)
GOOD = Findings(p_holm=0.001, p_against=0.999)


@given(found=FINDINGS, family=FAMILY, routes=ROUTES)
def test_one_rule_in_other_words(found, family, routes):
    """A second, declarative writing of the rule: each verdict by its own condition, and just one of them true."""
    judged = not found.error and not found.unmet
    against = found.holds is False or found.counterexample or found.p_against * family * routes <= LEVEL
    in_favour = found.holds is True or found.p_holm <= LEVEL
    conditions = {
        "error": found.error,
        "not_applicable": found.unmet and not found.error,
        "refuted": judged and against,
        "inconclusive": judged and not against and not in_favour,
        "vacuous": judged and not against and in_favour and found.vacuous,
        "supported": judged and not against and in_favour and not found.vacuous,
    }
    assert [verdict for verdict, holds in conditions.items() if holds] == [decide(found, family=family, routes=routes)]


@given(found=FINDINGS, family=FAMILY, routes=ROUTES, larger=P)
def test_weaker_support_never_turns_a_claim_into_a_supported_one(found, family, routes, larger):
    if decide(found, family=family, routes=routes) != "supported":
        weaker = replace(found, p_holm=max(found.p_holm, larger))
        assert decide(weaker, family=family, routes=routes) != "supported"


@given(found=FINDINGS, family=FAMILY, routes=ROUTES)
def test_an_error_is_never_a_refutation(found, family, routes):
    assert decide(replace(found, error=True), family=family, routes=routes) == "error"


@given(found=FINDINGS, family=FAMILY, routes=ROUTES)
def test_a_larger_run_refutes_no_more(found, family, routes):
    if decide(found, family=family, routes=routes) != "refuted":
        assert decide(found, family=family + 1, routes=routes) != "refuted"


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "supported"),
        ({"counterexample": True}, "refuted"),
        ({"p_against": 0.002}, "refuted"),
        ({"p_holm": 0.06}, "inconclusive"),
        ({"p_holm": 1.0, "holds": True}, "supported"),
        ({"p_holm": 1.0, "holds": False}, "refuted"),
        ({"vacuous": True}, "vacuous"),
        ({"vacuous": True, "counterexample": True}, "refuted"),
        ({"unmet": True}, "not_applicable"),
        ({"unmet": True, "error": True}, "error"),
    ],
)
def test_each_piece_of_evidence_decides(change, verdict):
    assert decide(replace(GOOD, **change), family=10, routes=2) == verdict


@given(family=FAMILY, routes=ROUTES)
def test_a_run_of_true_claims_spends_no_more_than_its_level_on_refutations(family, routes):
    assert refutation_level(family=family, routes=routes) * family * routes == pytest.approx(LEVEL)


def test_estimates_of_too_few_draws_are_refused():
    require_draws(LEAST_DRAWS)
    with pytest.raises(ValueError, match="draws=99 must be at least 100: of fewer, no test keeps its error rate"):
        require_draws(99)


def test_a_tally_has_the_order_of_the_symbols_and_no_zeros():
    assert tally(["error", "refuted", "supported", "refuted"]) == [("supported", 1), ("refuted", 2), ("error", 1)]
    assert tally([]) == []
