"""What an entry says of itself, by what was measured."""

import subprocess
import sys
from dataclasses import replace

import pytest

from recint.judging.entry import Counterexample, Estimate, Measurement, SearchSummary

from ..entries import entry

AGAINST = Estimate(ci=(0.1, 0.3), n=100, p=1.0, p_against=0.001)
WORSE = Measurement(statistic="cost", value=1.0, relation=">=", threshold=1.5, estimate=AGAINST)
BROKEN = SearchSummary(counterexample=Counterexample(value=0.2, where="c = 1", text="a_i = a_(i-1)"))


def test_entries_are_read_without_the_model_s_stack():
    code = (
        "import sys, recint.judging.entry, recint.record.verdict_file, recint.record.log_file, recint.words;"
        "print([name for name in ('torch', 'scipy', 'numpy', 'hypothesis') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_only_an_inconclusive_claim_may_change_its_word_when_all_are_settled():
    assert entry("a", "inconclusive").is_open
    assert not entry("a", "inconclusive", estimate=Estimate(ci=(0.9, 1.1), p=0.06)).is_open
    undecided = Measurement(statistic="it", relation=">=", threshold=1.0, estimate=Estimate(ci=(0.9, 1.1), p=0.2))
    assert not entry("a", "inconclusive", contrast={"worse": undecided}).is_open
    assert not entry("a").is_open


def test_all_that_was_estimated_has_to_hold():
    claim = entry("a", contrast={"worse": WORSE})
    assert list(claim.estimates) == ["a", "worse"]
    assert claim.p == 1.0
    assert list(entry("a", contrast={"worse": WORSE}, estimate_refutes=False).deciding) == ["worse"]
    assert entry("a", ci=None).estimates == {}


def test_nothing_that_was_not_measured_holds():
    assert entry("a", value=0.5).holds
    assert not entry("a", value=0.4).holds
    assert not entry("a", value=None, ci=None).holds


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (entry("a", value=0.2, estimate=AGAINST), "it = 0.2, but should be >= 0.5 [reference distribution]"),
        (entry("a", contrast={"worse": WORSE}), "cost = 1, but should be >= 1.5 [contrast: worse]"),
        (entry("a", value=0.2, ci=None), "it = 0.2, but should be >= 0.5 [weights]"),
        (
            entry("a", search=BROKEN, quantifier="everywhere"),
            "it = 0.2, but should be >= 0.5 [a_i = a_(i-1)]",
        ),
        # One place does not decide about an average.
        (
            entry("a", value=0.3, estimate=AGAINST, search=BROKEN),
            "it = 0.3, but should be >= 0.5 [reference distribution]",
        ),
    ],
)
def test_what_refutes_a_claim_is_told_by_what_was_measured(claim, said):
    assert claim.refutation == said


def test_why_a_verdict_is_what_it_is_does_not_name_the_claim_again():
    refuted = entry("a", "refuted", value=0.2, estimate=AGAINST)
    assert replace(refuted, message=f"a: {refuted.refutation}").why == refuted.refutation
    assert entry("a", "inconclusive", message="200 draws do not decide").why == "200 draws do not decide"
    assert entry("a", "error", value=None, message="a: it: a value is not finite").why == "it: a value is not finite"
    assert entry("a").why == ""


def test_the_name_is_what_all_versions_have_in_common():
    assert entry("a.b@2").name == entry("a.b").name == "a.b"
