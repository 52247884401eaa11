"""What changed between a baseline and a run, and how it is told: in words, JSON, JUnit XML and Markdown."""

import pytest

from recint.record import drift, log

from ..entries import entry, run


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

        runs = (line("r1", "1"), line("r2", "2") | {"stages": [100, 400]}, line("r3", "3"))
        verdicts = [log.Settled(number, entry(claim)) for number in ("r1", "r2") for claim in ("a.a", "a.b")]
        return log.Log(runs=runs, verdicts=(*verdicts, log.Settled("r3", entry("a.a"))))

    @pytest.mark.parametrize("name", ["m", "abababab", "ab" * 32])
    def test_a_logged_checkpoint_is_the_last_run_that_judged_most(self, name):
        found = drift.baseline(name, self.logged())
        assert found.started == "2"
        assert [claim.id for claim in found.claims] == ["a.a", "a.b"]

    def test_a_run_can_be_named(self):
        assert drift.baseline("r3", self.logged()).started == "3"

    def test_it_keeps_after_how_many_draws_it_looked(self):
        assert drift.baseline("r2", self.logged()).stages == (100, 400)
        assert drift.baseline("r1", self.logged()).stages is None  # as lines of before stages have it

    @pytest.mark.parametrize("name", ["abab", "nothing", "gone.json"])
    def test_anything_else_is_one_sentence(self, name):
        with pytest.raises(
            ValueError, match=f"against='{name}' is neither a verdict file nor a checkpoint of the log.*: m"
        ):
            drift.baseline(name, self.logged())


class TestTelling:
    def test_a_baseline_that_was_judged_alike_is_told_to_be_nothing_else(self):
        assert drift.compared(run(entry("a.a")), run(entry("a.a"))).judged_otherwise == ()
