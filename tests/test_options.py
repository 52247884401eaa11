"""An option means the same to a command, to pytest, and as words of either."""

import argparse
from dataclasses import fields

import pytest

from recint.options import CLAIMS, COMMAND, DRAWS, LOG, NO_LOG, OPTIONS, PYTEST, SEED, TWINS, WORKERS, RunOptions

GIVEN = RunOptions(
    checkpoint="a model", hypotheses="my claims", claims=("l0.*", "-x"), device="cpu", seed=-3, draws=400, controls=False,
    expected="e.toml", allow=("*",), report="-r.html", summary="s.md", log="log", logging=False,
)  # fmt: skip


def parse(words, prefix):
    parser = argparse.ArgumentParser()
    for option in TWINS:
        option.declare(parser.add_argument, prefix)
    return RunOptions.of(vars(parser.parse_args(words)).__getitem__, prefix)


@pytest.mark.parametrize("prefix", [COMMAND, PYTEST])
class TestRunOptions:
    def test_the_words_of_options_give_these_options(self, prefix):
        assert parse([*GIVEN.words(prefix)], prefix) == GIVEN

    def test_no_words_give_the_defaults(self, prefix):
        assert parse([], prefix) == RunOptions(hypotheses=parse([], prefix).hypotheses)

    def test_globs_add_up(self, prefix):
        flag = f"{prefix}claims"
        assert parse([flag, "l0.*", flag, "l1.*"], prefix).claims == ("l0.*", "l1.*")


def test_the_options_of_a_run_are_those_that_are_declared():
    assert {option.attribute for option in TWINS} == {field.name for field in fields(RunOptions)}
    assert len({option.name for option in OPTIONS}) == len(OPTIONS)


def test_words_are_as_a_person_writes_them():
    assert CLAIMS.words(["l0.*", "l1.*"]) == ["--claims", "l0.*", "l1.*"]
    assert CLAIMS.words(["-a"]) == ["--claims=-a"]
    assert SEED.words(-1) == ["--seed=-1"]
    assert DRAWS.words(None) == CLAIMS.words(None) == NO_LOG.words(True) == []
    assert NO_LOG.words(False, PYTEST) == ["--recint-no-log"]
    assert LOG.words("my log", PYTEST) == ["--recint-log=my log"]


def test_a_short_form_is_the_command_s_alone():
    for prefix, known in ((COMMAND, {"-n", "--workers"}), (PYTEST, {"--recint-workers"})):
        parser = argparse.ArgumentParser(add_help=False)
        WORKERS.declare(parser.add_argument, prefix)
        assert parser._option_string_actions.keys() == known


def test_what_decides_the_evidence_is_asked_of_a_baseline_too():
    apart = {option.name for option in OPTIONS if not option.baseline}
    assert apart == {
        "checkpoint",
        "expected",
        "against",
        "allow",
        "tolerance",
        "strict",
        "report",
        "verdicts",
        "junit",
        "summary",
    }
