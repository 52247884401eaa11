"""What a run prints, line by line."""

from recint.pages import terminal

from .test_drift import entry, run


def test_the_opening_says_what_takes_a_while():
    assert terminal.opening(1, [100]) == "1 claim: measured together first, on 100 recurrences; then judged one by one"
    several = terminal.opening(40, [200, 1000, 5000])
    assert several.startswith("40 claims: measured together first, on 200 recurrences, and on 1000 or 5000 where ")


class TestRow:
    def test_it_has_the_verdict_the_claim_and_the_statistic_against_its_threshold(self):
        assert terminal.row(entry("a.b", value=0.79)).split() == ["✓", "supported", "a.b", "0.79", ">=", "0.5"]

    def test_a_counterexample_is_where_the_claim_breaks(self):
        found = {"counterexample": {"where": "c=0.1"}, "conditions": 3, "examples": 3}
        assert terminal.row(entry("a.b", "refuted", search=found, quantifier="everywhere")).endswith("broken at c=0.1")
        assert terminal.row(entry("a.b", search=found)).endswith("stops holding at c=0.1")

    def test_a_claim_without_a_statistic_has_none(self):
        assert terminal.row(entry("a.b", "not_applicable", None, None)).split() == ["–", "not_applicable", "a.b"]

    def test_what_holm_s_correction_may_still_decide_is_not_final(self):
        assert "inconclusive so far" in terminal.row(entry("a.b", "inconclusive"))


def test_the_verdicts_are_counted_and_what_departed_is_named():
    judged = run(entry("a.b", question="a.b"))
    judged |= {
        "against": {"name": "old", "sha256": "ab"},
        "drift": [
            {"claim": "a.b", "sentence": "a.b: may", "allowed": True},
            {"claim": "a.c", "sentence": "a.c: not", "allowed": False},
        ],
        "incomparable": ["a.d: new"],
        "judged_otherwise": ["other draws"],
    }
    told = [*terminal.verdicts(judged, ["a.c: not"])]
    assert told[0].startswith("1 of 1 claims about base are supported; ")
    assert told[1].startswith("1 claim asks 1 question")
    assert told[2:] == [
        "  a.c: not",
        "  allowed: a.b: may",
        "  not compared: a.d: new",
        "  judged otherwise: other draws",
    ]
