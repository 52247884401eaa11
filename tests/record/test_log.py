"""Which verdicts confirm, by the whole log."""

import pytest

from recint.judging.seed import seed_of
from recint.record import log, procedure

from .made_up import CLAIM, OTHER, registrations, run, settled


class TestStanding:
    def test_a_claim_registered_in_a_clean_commit_before_the_first_look_confirms(self):
        found = log.Log(runs=(run("a", "1", when="1", registered=["h"]),))
        assert found.standing("a", "h") == "confirmatory"

    @pytest.mark.parametrize(
        "runs",
        [
            (),  # not evaluated at all
            (run("a", "1", when="1"),),  # not registered
            (run("a", "1", when="1", registered=["h"], dirty=True),),  # not as committed
            (run("a", "1", when="1", registered=["h"], dirty=None),),  # under nobody's version control
            (run("a", "1", when="1"), run("b", "1", when="2", registered=["h"])),  # registered after a look
        ],
    )
    def test_else_it_explores(self, runs):
        assert log.Log(runs=runs).standing(runs[-1]["run"] if runs else "a", "h") == "exploratory"

    def test_a_look_at_other_tensors_is_none_at_these(self):
        found = log.Log(runs=(run("a", "1", when="1"), run("b", "2", when="2", registered=["h"])))
        assert (found.standing("a", "h"), found.standing("b", "h")) == ("exploratory", "confirmatory")

    @pytest.mark.parametrize(
        ("runs", "why"),
        [
            ((run("b", "1", when="1", registered=["h"]),), "the run is not in the log"),
            ((run("a", "1", when="1", registered=["h"], dirty=True),), log.UNCOMMITTED),
            ((run("a", "1", when="1"),), "the claim stood registered in no commit before this run"),
            (
                (run("b", "1", when="2026-01-01T", dirty=None), run("a", "1", when="2026-01-02T", registered=["h"])),
                "the first run on this checkpoint (b, 2026-01-01) was made by code that stands in no commit",
            ),
            (
                (run("b", "1", when="2026-01-01T"), run("a", "1", when="2026-01-02T", registered=["h"])),
                "the claim stood registered in no commit before the first run on this checkpoint (b, 2026-01-01)",
            ),
            ((run("b", "1", when="1", registered=["h"]), run("a", "1", when="2", dirty=True)), log.UNCOMMITTED),
            (
                (run("b", "1", when="1", registered=["h"]), run("a", "1", when="2") | {"commit": "d"}),
                "this run was made by another commit than the first run on this checkpoint (b, 1)",
            ),
        ],
    )
    def test_and_says_why(self, runs, why):
        assert log.Log(runs=runs).doubt("a", "h") == why
        assert log.Log(runs=runs, damaged=("x",)).doubt("a", "h") == log.LOST

    FIRST = run("a", "1", when="1", registered=["h"])

    def test_only_the_first_verdict_on_a_claim_confirms(self):
        """With another seed one looks again."""
        again = run("b", "1", when="2", registered=["h"])
        found = log.Log(runs=(self.FIRST, again), verdicts=(settled("a"), settled("b")))
        assert (found.standing("a", "h"), found.standing("b", "h")) == ("confirmatory", "exploratory")
        assert found.doubt("b", "h") == "run a judged the claim on this checkpoint before"
        stopped = log.Log(runs=(self.FIRST, again), verdicts=(settled("b"),))
        assert stopped.standing("b", "h") == "confirmatory"

    @pytest.mark.parametrize(
        ("how", "doubt"),
        [
            ({"seed": seed_of("1" * 64), "seed_from": "1" * 64}, None),
            (
                {"seed": seed_of("2" * 64), "seed_from": "2" * 64},
                f"the seed {seed_of('2' * 64)} is that of a baseline, and not that of these tensors",
            ),
            ({"seed": 5, "seed_from": None}, "the seed 5 was chosen: without --seed it follows from the tensors"),
            (
                {"seed": 5, "seed_from": "00000005" + 56 * "0"},  # a forged baseline
                "the seed 5 is that of a baseline, and not that of these tensors",
            ),
            ({"seed": 5}, "the seed 5 was chosen: without --seed it follows from the tensors"),
        ],
    )
    def test_a_chosen_seed_explores_since_the_procedure_says_so(self, how, doubt):
        """Whoever may choose the seed can try some without a log, and choose among verdicts."""
        (rule,) = procedure.registrations(())
        made = run("a", "1" * 64, when="1", registered=["h", rule["hash"]]) | how
        assert log.Log(runs=(made,), registered=(rule,)).doubt("a", "h") == doubt
        without_rule = run("a", "1" * 64, when="1", registered=["h"]) | how
        found = log.Log(runs=(without_rule,), registered=(rule,)).doubt("a", "h")
        assert found == (doubt if "seed_from" in how else None), "lines of older runs do not say it, and could choose"

    @pytest.mark.parametrize("change", [{"dirty": True}, {"commit": "another"}])
    def test_code_that_changed_since_the_first_look_explores(self, change):
        """The hash of a claim does not cover how it is measured."""
        later = run("b", "1", when="2", registered=["h"]) | change
        assert log.Log(runs=(self.FIRST, later)).standing("b", "h") == "exploratory"


def test_the_fields_of_a_claim_are_known_by_its_hash_if_that_is_theirs():
    lines = [{"kind": "registered", "when": "1"} | line for line in registrations(CLAIM, OTHER)]
    lines[1] |= {"fields": lines[1]["fields"] | {"threshold": 0.9}}
    assert log.Log(registered=tuple(lines)).fields == {CLAIM.hash: CLAIM.registered}
