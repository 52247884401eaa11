"""What a run prints, line by line."""

from dataclasses import replace

from recint.judging.entry import Baseline, Counterexample, Drift, Estimate, Measurement, SearchSummary
from recint.judging.told import Departure
from recint.pages import progress

from ..entries import entry, run


def test_the_opening_says_what_takes_a_while():
    assert (
        progress.opening(1, [100], noun="throw")
        == "1 claim: measured together on 100 throws first, then judged one by one"
    )
    several = progress.opening(40, [200, 1000, 5000], noun="recurrence")
    assert several.startswith("40 claims: measured together on 200 recurrences first (on 1000 or 5000 if ")


class TestRow:
    def test_it_has_the_verdict_the_claim_and_the_statistic_against_its_threshold(self):
        assert progress.row(entry("a.b", value=0.79)).split() == ["✓", "supported", "a.b", "0.79", ">=", "0.5"]

    def test_a_counterexample_is_where_the_claim_breaks(self):
        found = SearchSummary(counterexample=Counterexample(value=0.1, where="c=0.1"), conditions=3, examples=3)
        assert progress.row(entry("a.b", "refuted", search=found, quantifier="everywhere")).endswith("broken at c=0.1")
        assert progress.row(entry("a.b", search=found)).endswith("stops holding at c=0.1")

    def test_a_contrast_that_refutes_the_claim_is_named(self):
        fails = Measurement(
            statistic="it",
            value=0.2,
            relation=">=",
            threshold=0.5,
            estimate=Estimate(ci=(0.1, 0.3), n=100, p_against=1e-9),
        )
        row = progress.row(entry("a.b", "refuted", value=0.8, contrast={"random heads": fails}))
        assert row.endswith("0.8 >= 0.5               a contrast fails: random heads: 0.2, should be >= 0.5")
        assert "contrast" not in progress.row(entry("a.b", value=0.8, contrast={"random heads": fails}))

    def test_a_claim_without_a_statistic_has_none(self):
        assert progress.row(entry("a.b", "not_applicable", None, None)).split() == ["–", "not_applicable", "a.b"]

    def test_what_holm_s_correction_may_still_decide_is_not_final(self):
        assert "inconclusive so far" in progress.row(entry("a.b", "inconclusive"))


def test_the_verdicts_are_counted_and_what_departed_is_named():
    judged = replace(
        run(entry("a.b")),
        against=Baseline(name="old", sha256="ab", started="2026"),
        drift=(
            Drift(claim="a.b", kind="verdict", happened="may", allowed=True),
            Drift(claim="a.c", kind="verdict", happened="not", allowed=False),
        ),
        incomparable=("a.d: new",),
        judged_otherwise=("other draws",),
    )
    told = [*progress.verdicts(judged, [Departure(claim="a.c", happened="not")])]
    assert told[0].startswith("1 of 1 claims about base are supported; ")
    assert told[1].startswith("1 claim asks 1 question")
    assert told[2:] == [
        "  a.c: not",
        "  allowed: a.b: may",
        "  not compared: a.d: new",
        "  judged otherwise: other draws",
    ]
