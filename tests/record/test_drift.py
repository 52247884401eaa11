"""What changed between a baseline and a run, and how it is told: in words, JSON, JUnit XML and Markdown."""

from dataclasses import replace

import pytest

from recint.judging.difference import Difference
from recint.judging.entry import Counterexample, Estimate, Measurement, SearchSummary
from recint.record import drift, log

from ..entries import entry, run


def difference(value=0.0, low=-0.1, high=0.1, p=1.0, n=100):
    return Difference(value=value, low=low, high=high, p=p, n=n)


def pair(before, now, *, differences=None, tolerance=0.1):
    """The only pair of a baseline with one claim and of a run with the same."""
    (found,) = drift.pairs(run(before), [now], differences=differences, tolerance=tolerance)
    return found


class TestPairs:
    def test_the_same_run_has_none_that_moved(self):
        claims = [entry("a.a"), entry("a.b", "refuted"), entry("a.c", "not_applicable", None, None)]
        found = drift.pairs(run(*claims), claims)
        assert [(one.claim, one.outcome) for one in found] == [("a.a", "same"), ("a.b", "same"), ("a.c", "same")]
        assert drift.drift(found) == []

    @pytest.mark.parametrize(
        ("moved", "p", "outcome"),
        [
            (0.2, 1e-6, "moved"),
            (-0.2, 1e-6, "moved"),
            (0.2, 0.2, "same"),  # by luck
            (0.05, 1e-6, "within"),
            (0.0999, 1e-6, "within"),  # a tenth of the value, which is 1
            (1e-7, 1e-6, "same"),  # rounding
        ],
    )
    def test_what_moved_significantly_and_beyond_the_tolerance_moved(self, moved, p, outcome):
        found = pair(entry("a.a"), entry("a.a", value=1 + moved), differences={("a.a", ""): difference(moved, p=p)})
        assert found.outcome == outcome
        assert found.difference == moved

    def test_the_tolerance_is_a_share_of_the_threshold_where_that_is_larger(self):
        small = {"value": 0.001, "ci": (0.0, 0.002)}  # held against 0.5
        found = pair(entry("a.a", **small), entry("a.a", **small), tolerance=0.2)
        assert found.tolerance == pytest.approx(0.1)
        assert pair(entry("a.a", value=2.0), entry("a.a", value=2.0), tolerance=0.2).tolerance == pytest.approx(0.4)

    def test_a_flip_of_a_figure_that_did_not_move_is_told_and_fails_only_a_strict_run(self):
        found = pair(
            entry("a.a", value=0.501),
            entry("a.a", "inconclusive", 0.499),
            differences={("a.a", ""): difference(-0.002)},
        )
        assert found.outcome == "flips"
        assert found.sentence == (
            "a.a: flips, but did not move, supported in base, now inconclusive (0.501 -> 0.499, should be >= 0.5; "
            "difference -0.002 [-0.1, 0.1] on the same 100 draws, tolerated 0.05)"
        )
        assert drift.drift([found]) == []
        assert [one.kind for one in drift.drift([found], strict=True)] == ["flips"]

    @pytest.mark.parametrize(
        ("verdict", "more"),
        [
            ("vacuous", {}),
            ("refuted", {"quantifier": "everywhere", "search": SearchSummary(counterexample=Counterexample(value=9.0, where="c"))}),
            (
                "refuted",
                {
                    "contrast": {
                        "other": Measurement(
                            statistic="it", relation=">=", threshold=1.0, value=0.1, estimate=Estimate(ci=(0, 0.2), p_against=1e-9)
                        )
                    }
                },
            ),
        ],
        ids=["untrained", "counterexample", "contrast"],
    )  # fmt: skip
    def test_a_verdict_that_changed_for_another_reason_than_its_figure_fails(self, verdict, more):
        found = pair(entry("a.a"), entry("a.a", verdict, **more), differences={("a.a", ""): difference()})
        assert found.outcome == "verdict"
        assert [one.kind for one in drift.drift([found])] == ["verdict"]

    @staticmethod
    def with_contrast(value, verdict="supported", p_against=1.0):
        """A claim whose contrast has this value; it should be at least 1."""
        estimate = Estimate(ci=(value - 0.1, value + 0.1), p_against=p_against)
        other = Measurement(statistic="that", relation=">=", threshold=1.0, value=value, estimate=estimate)
        return entry("a.a", verdict, contrast={"other": other})

    def test_a_contrast_is_a_figure_of_its_own(self):
        same = ("a.a", ""), difference()
        before, now = run(self.with_contrast(2.0)), [self.with_contrast(1.5)]
        own, other = drift.pairs(before, now, differences=dict([same, (("a.a", "other"), difference(-0.5, p=1e-9))]))
        assert [(one.claim, one.contrast, one.outcome) for one in (own, other)] == [
            ("a.a", "", "same"),
            ("a.a", "other", "moved"),
        ]
        (drifted,) = drift.drift([own, other])
        assert drifted.sentence.startswith(
            "a.a, contrast 'other': moved, supported as in base (2 -> 1.5, should be >= 1; difference -0.5 "
        )
        assert drift.drift([own, other], allow=["a.*"])[0].allowed

    def test_a_claim_and_its_contrast_that_moved_are_one_claim_that_drifted(self):
        moved = {("a.a", name): difference(-0.5, p=1e-9) for name in ("", "other")}
        (found,) = drift.drift(drift.pairs(run(self.with_contrast(2.0)), [self.with_contrast(1.5)], differences=moved))
        assert found.sentence.count("moved") == 2
        assert "; contrast 'other': moved" in found.sentence
        assert found.sentence == f"a.a: {found.happened}"

    def test_what_is_told_of_two_contrasts_names_each(self):
        def twice(value):
            one = self.with_contrast(value)
            return replace(one, contrast=one.contrast | {"another": one.contrast["other"]})

        moved = {("a.a", ""): difference()} | {("a.a", name): difference(-0.5, p=1e-9) for name in ("other", "another")}
        (found,) = drift.drift(drift.pairs(run(twice(2.0)), [twice(1.5)], differences=moved))
        assert (found.contrast, found.rest) == ("other", f", contrast 'other': {found.happened}")
        assert "; contrast 'another': moved, supported as in base (2 -> 1.5" in found.happened

    def test_a_verdict_that_flips_by_a_contrast_that_did_not_move_flips(self):
        found = {("a.a", name): difference() for name in ("", "other")}
        before, now = run(self.with_contrast(1.01)), [self.with_contrast(0.99, "refuted", p_against=1e-9)]
        assert [one.outcome for one in drift.pairs(before, now, differences=found)] == ["flips", "same"]

    def test_a_flip_within_the_tolerance_is_a_flip(self):
        found = pair(
            entry("a.a", value=0.51),
            entry("a.a", "refuted", 0.48),
            differences={("a.a", ""): difference(-0.03, p=1e-9)},
        )
        assert found.outcome == "flips"

    def test_a_changed_verdict_is_told_with_both_statistics(self):
        (found,) = drift.drift([pair(entry("a.a"), entry("a.a", "refuted", 0.1, (0.05, 0.15)))])
        assert (found.claim, found.kind, found.allowed) == ("a.a", "moved", False)
        assert found.sentence == (
            "a.a: moved, supported in base, now refuted (1 -> 0.1, should be >= 0.5; "
            "difference -0.9 [-1.01, -0.788] by the two intervals, tolerated 0.1)"
        )

    def test_an_error_always_counts_and_cannot_be_allowed(self):
        found = pair(entry("a.a", "error", None, None), entry("a.a", "error", None, None))
        assert [one.allowed for one in drift.drift([found], allow=["*"])] == [False]

    def test_a_verdict_without_a_value_counts_if_it_differs(self):
        missing = entry("a.a", "not_applicable", None, None)
        assert pair(entry("a.a"), missing).outcome == "verdict"
        assert pair(missing, entry("a.a")).outcome == "verdict"
        assert pair(missing, missing).outcome == "same"

    @pytest.mark.parametrize(
        ("before", "now", "moved"),
        [
            ((0.9, 1.1), (1.05, 1.2), False),
            ((0.9, 1.1), (1.2, 1.4), True),
            ((0.9, 1.1), (0.6, 0.8), True),
            ((0.9, None), (1.2, 1.3), False),  # open above, towards the other
            ((None, 1.1), (1.2, 1.4), True),
        ],
    )
    def test_without_common_recurrences_the_intervals_decide(self, before, now, moved):
        value = sum(now) / 2
        found = pair(entry("a.a", ci=before), entry("a.a", value=value, ci=now))
        assert found.outcome == ("moved" if moved else "same")
        assert "by the two intervals" in found.sentence

    def test_many_claims_that_did_not_move_do_not_cry_wolf(self):
        claims = [entry(f"a.{number}", value=1.2) for number in range(20)]
        found = {(claim.id, ""): difference(0.2, p=0.01) for claim in claims}
        before = run(*(entry(claim.id) for claim in claims))
        assert {one.outcome for one in drift.pairs(before, claims, differences=found)} == {"same"}
        assert drift.pairs(run(entry("a.0")), claims[:1], differences=found)[0].outcome == "moved"

    def test_a_claim_about_weights_moves_beyond_the_tolerance_alone(self):
        def weights(value):
            return entry("a.a", value=value, ci=None)

        assert pair(weights(1.0), weights(1.2)).outcome == "moved"
        assert pair(weights(1.0), weights(1.05)).outcome == "within"
        assert pair(weights(1.0), weights(1.000001)).outcome == "same"
        assert "difference 0.2, tolerated 0.1" in pair(weights(1.0), weights(1.2)).sentence

    def test_a_claim_named_by_allow_may(self):
        before, now = run(entry("a.a"), entry("a.b")), [entry(claim, "refuted", 0.1) for claim in ("a.a", "a.b")]
        found = drift.pairs(before, now, differences={(claim.id, ""): difference(-0.9, p=1e-9) for claim in now})
        assert [one.allowed for one in drift.drift(found, allow=["a.b"])] == [False, True]

    def test_what_cannot_be_compared_is_told_and_is_no_drift(self):
        before = run(entry("a.a"), entry("a.gone"))
        now = [entry("a.a", "refuted", hash="another"), entry("a.new", "refuted")]
        assert drift.pairs(before, now) == ()
        assert drift.incomparable(before, now) == [
            "a.gone: judged in the baseline, base, and not now",
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
        found = {("a.a", ""): difference()}
        assert drift.compared(run(entry("a.a")), run(entry("a.a")), differences=found).judged_otherwise == ()

    def test_a_comparison_by_intervals_alone_is_told_once(self):
        (told,) = drift.compared(run(entry("a.a")), run(entry("a.a"))).judged_otherwise
        assert told.startswith("no values of base are at hand")
