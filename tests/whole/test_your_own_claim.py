"""The page on writing a claim of one's own does what it says, in a folder that has nothing to do with this repository."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from recint import cli
from recint.record import log_file

from ..conftest import AFFINE_A

PAGE = (Path(__file__).parents[2] / "docs" / "your-own-claim.md").read_text()
CLAIM, AMENDED = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^    ((?:recint|git) .+)$", PAGE, re.MULTILINE)
MODULE = re.search(r"`(my_claims/\w+\.py)`", PAGE)[1]
REFUSAL = re.search(r"^    (recint: .+)$", PAGE, re.MULTILINE)[1]
FEW = "--draws 100 --no-controls --claims 'heads.*'"


def shell(command, cwd):
    """A command of the page as its reader would give it: (status, output)."""
    identity = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | identity | {"PATH": path}
    done = subprocess.run(command, shell=True, cwd=cwd, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def command(word, more=""):
    """The page's command with this word in it, about the shipped checkpoint."""
    found = next(line for line in COMMANDS if word in line.split())
    return f"{found} {more}".replace("path/to/checkpoint", shlex.quote(str(AFFINE_A)))


def verdicts(folder):
    return {line.entry.id: line.entry for line in log_file.read(folder / "my_claims" / "log").verdicts}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A researcher's repository, with the claim written, registered, committed and judged."""
    folder = tmp_path_factory.mktemp("research")
    (folder / MODULE).parent.mkdir()
    (folder / MODULE).write_text(CLAIM)
    shell("git init --quiet", folder)
    for word, status in (("register", 0), ("commit", 0)):
        assert shell(command(word), folder)[0] == status
    status, out = shell(command("verify", FEW), folder)
    assert status == 1, out
    return folder


def test_a_claim_takes_fewer_than_30_lines():
    assert sum(bool(line.strip()) for line in CLAIM.splitlines()) < 30


def test_it_is_listed(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert cli.main(shlex.split(command("claims"))[1:]) == 0
    assert capsys.readouterr().out.startswith("heads.lead-mlps (version 1, everywhere)\n")


def test_it_gets_the_verdict_that_the_page_tells_of(folder):
    told = re.search(r"✗ refuted +(\S+) +(\S+) >= 0.5 +broken at (.+)", PAGE)
    found = verdicts(folder)[told[1]]
    assert found.verdict == "refuted"
    assert found.value == pytest.approx(float(told[2]), abs=0.02)
    assert found.search.counterexample.where == told[3]
    assert "heads.lead-mlps" in (folder / "report.html").read_text()


def test_it_was_on_record_before(folder):
    kept = log_file.read(folder / "my_claims" / "log")
    (registered, procedure), (run,) = kept.registered, kept.runs
    assert procedure["claim"].startswith("procedure@")
    assert registered["hash"] in run["registered"]
    # Confirmatory, but where recint itself has changes that are not committed.
    expected = "exploratory" if run["dirty"] else "confirmatory"
    assert verdicts(folder)["heads.lead-mlps"].standing == expected


def test_a_threshold_that_moved_is_refused(folder, tmp_path):
    shell(f"cp -r {shlex.quote(str(folder / 'my_claims'))} .", tmp_path)
    (tmp_path / MODULE).write_text(CLAIM.replace("threshold=0.5", "threshold=0.4"))
    status, out = shell(command("verify"), tmp_path)
    assert status == 2
    assert re.sub(r"\d{4}-\d\d-\d\d", "DAY", out.strip()) == re.sub(r"\d{4}-\d\d-\d\d", "DAY", REFUSAL)
    assert not (tmp_path / "report.html").exists()


def test_the_amended_version_stands_beside_the_first(folder, tmp_path):
    shell(f"cp -r {shlex.quote(str(folder / 'my_claims'))} .", tmp_path)
    (tmp_path / MODULE).write_text(f"{CLAIM}\n\n{AMENDED}")
    status, out = shell(command("verify", FEW), tmp_path)
    assert status == 1, out
    found = verdicts(tmp_path)
    assert {claim: entry.verdict for claim, entry in found.items()} == {
        "heads.lead-mlps": "refuted",
        "heads.lead-mlps@2": "supported",
    }
    assert found["heads.lead-mlps@2"].standing == "exploratory"
    amended = log_file.read(tmp_path / "my_claims" / "log").amended[-1]
    assert (amended["claim"], amended["from"], amended["to"]) == ("heads.lead-mlps", 1, 2)


@pytest.mark.slow
def test_untrained_models_satisfy_the_hunch_and_refute_what_became_of_it(tmp_path):
    (tmp_path / MODULE).parent.mkdir()
    (tmp_path / MODULE).write_text(f"{CLAIM}\n\n{AMENDED}")
    status, out = shell(command("calibrate", "--draws 100 --json rows.json"), tmp_path)
    assert status == 0, out
    rows = json.loads((tmp_path / "rows.json").read_text())["controls"]
    untrained = [row["verdicts"] for row in rows if row["group"] == "untrained"]
    assert len(untrained) == 3
    for found in untrained:
        assert found == {"heads.lead-mlps": "supported", "heads.lead-mlps@2": "refuted"}
