"""What changed between a baseline and a run, and how it is told: in words, JSON, JUnit XML and Markdown."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from recint.judging.entry import Departure, Entry, Estimate, Run
from recint.pages import board, junit
from recint.pages.findings import headline
from recint.record import drift, expected, log
from recint.record.expected import Expectation


def entry(claim, verdict="supported", value=1.0, ci=(0.9, 1.1), **more):
    usual = {
        "id": claim, "hash": f"hash of {claim}", "verdict": verdict, "statement": f"{claim} is claimed.", "statistic": "it",
        "value": value, "relation": ">=", "threshold": 0.5, "quantifier": "average", "question": claim,
        "estimate": Estimate(ci=ci, n=100, p=0.01) if ci else None, "seconds": 0.5,
    }  # fmt: skip
    return Entry(**usual | more)


def run(*entries, name="base", sha256="ab" * 32, draws=1000):
    return Run(
        checkpoint={"name": name, "sha256": sha256, "config": {}}, seed=0, draws=draws, profile="default",
        started="2026-01-01T00:00:00+00:00", seconds=3.0, claims=entries,
    )  # fmt: skip


class TestDrift:
    def test_the_same_run_has_none(self):
        claims = [entry("a.a"), entry("a.b", "refuted"), entry("a.c", "not_applicable", None, None)]
        assert drift.drift(run(*claims), claims) == []

    def test_a_changed_verdict_is_told_with_both_figures(self):
        (found,) = drift.drift(run(entry("a.a")), [entry("a.a", "refuted", 0.1, (0.05, 0.15))])
        assert (found.claim, found.kind, found.allowed) == ("a.a", "verdict", False)
        said = "a.a: supported in base, now refuted (1 [0.9, 1.1] -> 0.1 [0.05, 0.15], should be >= 0.5)"
        assert found.sentence == said

    @pytest.mark.parametrize(
        ("before", "now", "apart"),
        [
            ((0.9, 1.1), (1.05, 1.2), False),
            ((0.9, 1.1), (1.1, 1.2), False),  # they have an end in common
            ((0.9, 1.1), (1.11, 1.2), True),
            ((0.9, 1.1), (0.7, 0.89), True),
            ((0.9, None), (1.2, 1.3), False),  # open above
            ((None, 0.9), (1.0, 1.1), True),
        ],
    )
    def test_a_statistic_drifts_when_the_intervals_have_nothing_in_common(self, before, now, apart):
        found = drift.drift(run(entry("a.a", ci=before)), [entry("a.a", ci=now)])
        assert [one.kind for one in found] == (["statistic"] if apart else [])
        if apart:
            assert "supported as in base, but with another value" in found[0].sentence

    def test_of_a_claim_about_weights_only_the_verdict_drifts(self):
        before = run(entry("a.a", value=1.0, ci=None), entry("a.b", value=1.0, ci=None))
        found = drift.drift(before, [entry("a.a", value=9.0, ci=None), entry("a.b", "refuted", 0.1, None)])
        assert [one.claim for one in found] == ["a.b"]

    def test_a_claim_named_by_allow_may(self):
        before, now = run(entry("a.a"), entry("a.b")), [entry("a.a", "refuted"), entry("a.b", "refuted")]
        assert [one.allowed for one in drift.drift(before, now, allow=["a.b"])] == [False, True]

    def test_what_cannot_be_compared_is_told_and_is_no_drift(self):
        before = run(entry("a.a"), entry("a.gone"))
        now = [entry("a.a", "refuted", hash="another"), entry("a.new", "refuted")]
        assert drift.drift(before, now) == []
        assert drift.incomparable(before, now) == [
            "a.new: not judged in the baseline, base",
            "a.a: another claim in the baseline, base",
        ]


class TestBaseline:
    def logged(self):
        def line(number, when):
            how = dict.fromkeys(("environment", "seed", "draws", "profile"))
            return {"run": number, "when": when, "checkpoint": {"name": "m", "sha256": "ab" * 32, "config": {}}, **how}

        runs = (line("r1", "1"), line("r2", "2"), line("r3", "3"))
        verdicts = [log.Settled(number, entry(claim)) for number in ("r1", "r2") for claim in ("a.a", "a.b")]
        return log.Log(runs=runs, verdicts=(*verdicts, log.Settled("r3", entry("a.a"))))

    @pytest.mark.parametrize("name", ["m", "abababab", "ab" * 32])
    def test_a_logged_checkpoint_is_the_last_run_that_judged_most(self, name):
        found = drift.baseline(name, self.logged())
        assert found.started == "2"
        assert [claim.id for claim in found.claims] == ["a.a", "a.b"]

    def test_a_run_can_be_named(self):
        assert drift.baseline("r3", self.logged()).started == "3"

    @pytest.mark.parametrize("name", ["abab", "nothing", "gone.json"])
    def test_anything_else_is_one_sentence(self, name):
        with pytest.raises(
            ValueError, match=f"against='{name}' is neither a verdict file nor a checkpoint of the log.*: m"
        ):
            drift.baseline(name, self.logged())


@pytest.fixture
def drifted():
    before = run(entry("a.a"), entry("a.b"), entry("a.c", "not_applicable", None, None))
    claims = [
        entry("a.a", "refuted", message="it is <small>"),
        entry("a.b", "refuted"),
        entry("a.c", "not_applicable", None, None, message="no layer"),
        entry("a.new"),
    ]
    now = run(*claims, name="new", draws=300)
    return drift.compared(before, now, allow=["a.b"])


class TestTelling:
    def test_the_headline_counts_what_drifted(self, drifted):
        said = "1 of 4 claims about new are supported, 2 refuted, 1 not applicable; 1 drifted from base (1 more may)."
        assert headline(drifted) == said
        assert headline(replace(drifted, drift=())).endswith("; none drifted from base.")

    def test_junit_fails_what_the_run_fails_for_and_nothing_else(self, drifted):
        suite = ElementTree.fromstring(junit.xml(drifted, departures=drifted.not_allowed))
        assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
        cases = {f"{case.get('classname')}.{case.get('name')}": case for case in suite}
        assert cases["a.a"].find("failure").get("message") == drifted.not_allowed[0].sentence
        assert cases["a.a"].find("failure").text == "it is <small>"
        assert cases["a.c"].find("skipped").get("message") == "no layer"
        assert [claim for claim, case in cases.items() if case.find("failure") is not None] == ["a.a"]

    def test_the_summary_is_markdown_with_the_drift_first(self, drifted):
        text = board.summary(
            drifted, departures=[Departure(claim="a.a", sentence="a.a: supported in base, now refuted")]
        )
        lines = text.splitlines()
        assert lines[0] == f"## {headline(drifted)}"
        assert lines[2] == "- **a.a: supported in base, now refuted**"
        assert lines[3].startswith("- allowed: a.b: supported in base")
        assert "- not compared: a.new: not judged in the baseline, base" in lines
        assert "- judged otherwise: draws=1000 in base, now draws=300" in lines
        assert any(line.startswith("| `a.a`<br>a.a is claimed.") for line in lines)

    def test_a_baseline_that_was_judged_alike_is_told_to_be_nothing_else(self):
        assert drift.compared(run(entry("a.a")), run(entry("a.a"))).judged_otherwise == ()


class TestExpecting:
    def test_reasons_stay_with_the_verdicts_they_were_given_for(self, tmp_path):
        known = {
            "a.a": Expectation("supported", 'because it "is"'),
            "a.b": Expectation("supported", "old"),
            "a.gone": Expectation("refuted", "old"),
        }
        now = run(
            entry("a.a"),
            entry("a.b", "refuted", 0.1),
            entry("a.c", value=0.7),
        )
        path = tmp_path / "base.toml"
        path.write_text(expected.text(now, known))
        found = expected.load(path)
        assert found.speaks_of(now.checkpoint)
        assert found.claims == {
            "a.a": Expectation("supported", 'because it "is"'),
            "a.b": Expectation("refuted", "it = 0.1, but should be >= 0.5 [reference distribution]"),
            "a.c": Expectation("supported", "0.7 >= 0.5"),
        }
        assert expected.changes(known, now) == [
            "a.b: was supported (old), now refuted: look at its reason",
            "a.gone: is no longer claimed",
        ]
