"""The suite judges models whose truth is known; the tables that say so are checked against rows made by hand."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from recint import cli
from recint.calibration.calibrate import controls
from recint.calibration.ladder import Rung
from recint.calibration.roles import SMALL, combinations
from recint.calibration.truth import truth
from recint.catalogue import properties
from recint.checkpoint import save
from recint.judging.controls import Grade, Row, kills, never_supported
from recint.judging.judge import judge
from recint.model.untrained import untrained
from recint.pages import calibration_page

from .commands import wait_for
from .conftest import TINY
from .judging.test_controls import ROWS, row

PROPS = properties()


def test_a_claim_that_no_control_supports_is_told_with_the_reason_that_it_gives():
    rows = [row("whole", a_x="supported", a_y="refuted", a_z="inconclusive"), row("broken", a_x="refuted")]
    assert never_supported(rows) == ["a.y", "a.z"]
    reasons = {"a.x": "", "a.y": "its parts exclude each other"}
    told = "a.y (its parts exclude each other); a.z"
    assert dict(calibration_page.answers(rows, reasons))["Claims that no control supports"] == told
    assert told in calibration_page.markdown(rows, command="", reasons=reasons)
    assert told in calibration_page.html(rows, checkpoint="whole", command="", reasons=reasons)
    assert dict(calibration_page.answers(ROWS[:2]))["Claims that no control supports"] == "none"


def test_the_pages_tell_the_same_and_mark_what_is_wrong():
    text = calibration_page.markdown(ROWS, command="recint calibrate")
    assert "    recint calibrate" in text
    assert "1 of 1 (2.5% to 100.0%)" in text
    assert "| whole | ✓ | ✓ | ✗ `wrong` |" in text
    assert "| broken | **✗** | **✓** | ✗ |" in text
    assert "| broken | `a.x` |" in text
    page = calibration_page.html(ROWS, checkpoint="whole", command="recint calibrate")
    assert page.count('class="refuted wrong"') == page.count('class="supported wrong"') == 1
    assert page.count("made-for") >= 2
    assert "http" not in page


def test_graded_models_are_counted_by_strength():
    graded = [
        row("a.x: strong", group="graded", grade=Grade("a.x", "strong"), a_x="supported", truth={"a.x": True}),
        row(
            "a.x: near miss", group="graded", grade=Grade("a.x", "near miss"), a_x="inconclusive", truth={"a.x": False}
        ),
    ]
    told = dict(calibration_page.answers(graded))
    assert told["On strong models"] == "the claim that is graded is 1 supported"
    assert told["On near miss models"] == "the claim that is graded is 1 inconclusive"


def verdicts_against_truth(name, roles, **variant):
    """(claim, truth, verdict) of a planted model, all claims that it settles judged together."""
    model = Rung(claim="", strength="strong", holds=True, roles=roles).model(**variant)
    settled = truth(roles, [prop.claim for prop in PROPS])
    entries = judge([prop for prop in PROPS if prop.claim.id in settled], model, stages=(200,), thorough=False)
    return [(f"{name}: {entry.id}", settled[entry.id], entry.verdict) for entry in entries]


WRONG = {True: "refuted", False: "supported"}
COMBINATIONS = dict(combinations())


def no_wrong_verdict(told):
    return [case for case in told if case[2] in (WRONG[case[1]], "error")] == []


@pytest.mark.parametrize("name", ["all present", "all absent", "without previous_token"])
def test_strongly_planted_truths_are_told(name):
    told = verdicts_against_truth(name, COMBINATIONS[name], seed=3, heads="split", folded=False)
    assert len(told) >= 50
    assert no_wrong_verdict(told), told
    assert {verdict for _, truth, verdict in told if truth} <= {"supported"}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMBINATIONS)
def test_no_verdict_is_wrong_on_any_combination_of_roles(name):
    told = verdicts_against_truth(name, COMBINATIONS[name], seed=5)
    assert no_wrong_verdict(told), told


def test_every_mutant_names_claims_that_there_are(small):
    known = {prop.claim.id for prop in PROPS}
    every = controls(untrained(SMALL, seed=0), PROPS)
    assert {claim for control in every for claim in control.made_for} <= known
    assert all(set(control.truth) <= known for control in every)
    assert len({control.name for control in every}) == len(every)
    assert sum(control.group == "planted" for control in every) >= 12
    assert sum(control.group == "planted mutant" for control in every) >= 10


def test_calibrate_from_the_command_line(tmp_path, capsys):
    checkpoint = save(untrained(TINY, seed=0), tmp_path / "my tiny")
    pages = {option: tmp_path / f"page.{option}" for option in ("report", "markdown", "json")}
    options = [word for option, path in pages.items() for word in (f"--{option}", str(path))]
    arguments = ["calibrate", str(checkpoint), "--claims", "l1.low-effective-rank", "--draws", "100", *options]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert re.search(r"Rate of false support: 0 of \d+ \(0.0% to", out)
    rows = json.loads(pages["json"].read_text())["controls"]
    assert [row["index"] for row in rows] == list(range(len(rows)))
    assert all(set(row["verdicts"]) <= {"l1.low-effective-rank"} for row in rows)
    assert kills([Row(**row) for row in rows])["all present: l1-rank-raised"] == ["l1.low-effective-rank"]
    assert "## What kills which mutant" in pages["markdown"].read_text()
    assert f"recint calibrate '{checkpoint}' --claims l1.low-effective-rank --seed 0" in pages["markdown"].read_text()
    assert "How often is the suite wrong?" in pages["report"].read_text()


def test_a_calibration_that_makes_no_sense_is_refused(capsys):
    assert cli.main(["calibrate", "--draws", "1"]) == 2
    assert "draws=1 must be at least 100" in capsys.readouterr().err
    assert cli.main(["calibrate", "--claims", "l9.*"]) == 2
    assert "claims='l9.*' matches none of" in capsys.readouterr().err


MODULE = """
import os, time
from recint.claim import Claim
C = Claim(id="a.claim", statement="It is.", quantifier="weights", statistic="n", relation=">=", threshold=0.5, source="s")
@C(figure=lambda model, evidence: "<svg/>")
def test_it(model):
    {does}
"""


@pytest.fixture
def calibrating(tmp_path):
    """Starts `recint calibrate -n 2` with a claim whose property does this."""

    def start(does):
        (tmp_path / "claims").mkdir()
        (tmp_path / "claims" / "module.py").write_text(MODULE.format(does=does))
        checkpoint = save(untrained(TINY, seed=0), tmp_path / "tiny")
        command = ["-m", "recint.cli", "calibrate", checkpoint, "--hypotheses", tmp_path / "claims", "-n", "2"]
        return subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return start


@pytest.mark.parametrize("seconds", [0.5, 10])
def test_a_calibration_that_is_stopped_ends_at_once_without_a_word(calibrating, seconds):
    """While its processes begin, and while they judge."""
    with calibrating("time.sleep(60)") as process:
        wait_for(lambda: len(psutil.Process(process.pid).children()) > 2)  # one keeps track of the others
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT), said
    assert said == ""


def test_a_process_that_dies_is_a_sentence(calibrating):
    with calibrating("os.kill(os.getpid(), 9)") as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "recint: workers=2: a process died while it judged a control" in said
    assert "Traceback" not in said
