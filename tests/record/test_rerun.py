"""A run that is judged again is compared with the log verdict by verdict and value by value."""

from dataclasses import replace

import pytest

from recint.judging.entry import Counterexample, Estimate, SearchSummary
from recint.record.rerun import otherwise, versions

from ..entries import entry, run

BEFORE = run(entry("a.one", search=SearchSummary(examples=3, worst=0.1)), entry("a.two"))
ONE, TWO = BEFORE.claims


def again(*entries):
    return replace(BEFORE, claims=entries)


def test_the_same_run_says_nothing_otherwise():
    later = replace(ONE, seconds=99.0, expected="refuted", standing="exploratory")
    assert list(otherwise(BEFORE, again(later, TWO))) == []


def test_a_last_digit_is_no_difference():
    assert list(otherwise(BEFORE, again(replace(ONE, value=ONE.value * (1 + 1e-7)), TWO))) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "refuted"}, "verdict was supported, now refuted"),
        ({"value": 0.25}, "value was "),
        ({"estimate": Estimate(ci=(0.0, 0.5), n=7)}, "estimate.n was "),
        ({"search": SearchSummary(examples=3, worst=0.2)}, "search.worst was 0.1, now 0.2"),
    ],
)
def test_each_claim_that_differs_has_a_sentence(change, said):
    (sentence,) = otherwise(BEFORE, again(replace(ONE, **change), TWO))
    assert sentence.startswith("a.one: ")
    assert said in sentence


def test_a_claim_that_is_in_one_run_only_is_named():
    assert list(otherwise(BEFORE, again(ONE))) == ["a.two: was not judged again"]
    assert list(otherwise(again(ONE), BEFORE)) == ["a.two: is not in the run of the log"]


def test_a_search_that_is_not_repeated_is_not_compared():
    moved = replace(ONE, search=SearchSummary(examples=9, worst=0.7))
    assert list(otherwise(replace(BEFORE, profile="nightly"), again(moved, TWO))) == []
    assert list(otherwise(replace(BEFORE, profile="default"), again(moved, TWO)))


def test_a_line_from_before_there_were_further_counterexamples_is_compared_without_them():
    first, other = (Counterexample(value=0.1, where=where) for where in ("c = 1", "c = -1"))
    alone, both = SearchSummary(counterexample=first), SearchSummary(counterexample=first, further=(other,))
    early, late = (replace(BEFORE, claims=(replace(ONE, search=search),)) for search in (alone, both))
    assert list(otherwise(early, late)) == []
    assert len(list(otherwise(late, early))) == 1


def test_other_versions_are_noted():
    was, now = (replace(BEFORE, environment={"torch": torch, "device": "cpu"}) for torch in ("1.0", "2.0"))
    assert list(versions(was, now)) == ["torch was 1.0, now 2.0"]


def test_where_the_claims_and_the_checkpoint_lie_is_no_difference():
    def found(folder):
        one, other = (Counterexample(value=0.1, where=where, code=f"find('a.one', {folder!r})") for where in ("1", "2"))
        return again(replace(ONE, search=SearchSummary(counterexample=one, further=(other,))), TWO)

    assert list(otherwise(found("here"), found("there"))) == []
