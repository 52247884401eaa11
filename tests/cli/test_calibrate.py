"""`recint calibrate`, also if it is stopped or a process dies."""

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
from recint.checkpoint import save
from recint.judging.controls import Row, kills
from recint.model.untrained import untrained

from ..commands import wait_for
from ..conftest import TINY
from ..control_rows import ROWS


def test_calibrate_from_the_command_line(tmp_path, capsys):
    checkpoint = save(untrained(TINY, seed=0), tmp_path / "my tiny")
    pages = {option: tmp_path / f"page.{option}" for option in ("report", "markdown", "json")}
    options = [word for option, path in pages.items() for word in (f"--{option}", str(path))]
    arguments = ["calibrate", str(checkpoint), "--claims", "l1.low-effective-rank", "--draws", "100", *options]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert re.search(r"Rate of false support: 0 of \d+ \(0.0% to", out)
    rows = json.loads(pages["json"].read_text())["controls"]
    indices = [row["index"] for row in rows]
    assert indices == sorted(set(indices))
    assert all(set(row["verdicts"]) == {"l1.low-effective-rank"} for row in rows)
    assert kills([Row(**row) for row in rows])["all present: l1-rank-raised"] == ["l1.low-effective-rank"]
    assert "## What kills which mutant" in pages["markdown"].read_text()
    assert f"recint calibrate '{checkpoint}' --claims l1.low-effective-rank --seed 0" in pages["markdown"].read_text()
    assert "How often is the suite wrong?" in pages["report"].read_text()


@pytest.mark.parametrize(("rows", "status"), [(ROWS, 1), (ROWS[2:], 0)])
def test_a_verdict_that_contradicts_the_truth_is_status_1(tiny, monkeypatch, rows, status):
    monkeypatch.setattr("recint.calibration.calibrate.calibrate", lambda *_, **__: (len(rows), iter(rows)))
    monkeypatch.setattr("recint.checkpoint.require_notebook", lambda _: None)
    assert cli.main(["calibrate", str(tiny)]) == status


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
