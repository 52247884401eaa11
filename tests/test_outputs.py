"""What a command writes is there whatever becomes of its other outputs, and replaces nothing that the command reads."""

import json
import shutil
import subprocess
import sys

import pytest
import torch

from recint import cli, shipped
from recint.checkpoint import load, save
from recint.cli.options import write_all
from recint.model.untrained import untrained
from recint.sweep import jobs, task

from .test_cli import ROOT, TINY
from .test_verify import claims, found, run


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save(untrained(TINY, seed=0), tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture
def folder(tmp_path):
    return claims(tmp_path / "claims", {"id": "a.one"})


@pytest.fixture
def verdicts(tiny, folder, tmp_path):
    path = tmp_path / "verdicts.json"
    command = ["verify", tiny, "--hypotheses", folder, "--no-log", "--no-controls", "--verdicts", path]
    assert cli.main([*map(str, command)]) == 0
    return path


def test_pages_are_written_before_what_a_reader_may_break_off(tmp_path):
    page = tmp_path / "log.html"
    command = [sys.executable, "-P", "-m", "recint.cli", "log", "--log", ROOT / "hypotheses" / "log", "--html", page]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
    assert page.read_text().endswith("</html>")


def test_one_page_that_cannot_be_written_costs_no_other(tmp_path):
    pages = {f"{name}/page": name for name in ("/proc/none", str(tmp_path), "/proc/nor")}
    with pytest.raises(ValueError, match=r"/proc/none/page: cannot be written \(.*\); /proc/nor/page: cannot be"):
        write_all(pages)
    assert (tmp_path / "page").read_text() == str(tmp_path)


def test_the_log_is_not_replaced(tiny, folder, tmp_path, capsys):
    kept = tmp_path / "log"
    shutil.copytree(ROOT / "hypotheses" / "log", kept)
    for file in sorted(kept.glob("*.jsonl")):
        assert cli.main(["log", "--log", str(kept), "--html", str(file)]) == 2
        assert f"{file}: is read by this command" in capsys.readouterr().err
    for file in (kept / "claims.jsonl", kept / "tiny.jsonl"):
        command = ["verify", tiny, "--hypotheses", folder, "--no-controls", "--log", kept, "--verdicts", file]
        assert cli.main([*map(str, command)]) == 2
        assert f"{file}: is named for two outputs" in capsys.readouterr().err


def test_verdicts_are_expected_into_a_device(tiny, folder, verdicts, capsys):
    command = ["expect", tiny, "--hypotheses", folder, "--from", verdicts, "--into", "/dev/null"]
    assert cli.main([*map(str, command)]) == 0
    assert capsys.readouterr().out.endswith("wrote /dev/null\n")


def test_a_verdict_file_has_a_claim_once(verdicts, capsys):
    text = verdicts.read_text()
    begin, end = text.index('"claims": [') + 11, text.rindex("]")
    verdicts.write_text(f"{text[:end]},{text[begin:end]}{text[end:]}")
    assert cli.main(["board", str(verdicts)]) == 2
    assert "is not a verdict file (a.one is in it more than once)" in capsys.readouterr().err


def test_the_option_whose_glob_matches_nothing_is_named(tiny, folder, verdicts, capsys):
    command = ["verify", tiny, "--hypotheses", folder, "--no-log", "--against", verdicts, "--allow", "nosuch"]
    assert cli.main([*map(str, command)]) == 2
    assert "allow='nosuch' matches none of a.one" in capsys.readouterr().err


def test_a_report_is_written_where_it_is_said_or_not_at_all(tiny, folder, tmp_path, capsys, monkeypatch):
    """pytest-html puts variables of the environment in place."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIABLE", "value")
    command = ["verify", str(tiny), "--hypotheses", str(folder), "--no-log", "--no-controls", "--report"]
    assert cli.main([*command, "a$VARIABLE.html"]) == 2
    assert "a$VARIABLE.html: names a variable of the environment" in capsys.readouterr().err
    assert cli.main([*command, "a$nothing.html"]) == 0
    assert [path.name for path in tmp_path.glob("*.html")] == ["a$nothing.html"]


def test_a_sweep_tells_what_was_done_to_read_a_checkpoint(tiny, folder, tmp_path):
    path = tmp_path / "wrapped.pth"
    torch.save({"model": dict(load(tiny).tensors), "step": 3}, path)
    how = jobs.How(hypotheses=str(folder), stages=(100,), controls=False)
    for known in (False, True):
        done = task.judge_one(str(path), how, tmp_path / "out")
        assert done.known == known
        assert done.note == f"{path}: holds more than a state dict; the one under 'model' is read"


class TestPytestItself:
    """Without `recint verify`, under the options of pytest."""

    SEARCHED = (
        "from hypothesis import given\nfrom recint.claim import Claim\nfrom recint.strategies import conditions\n"
        'C = Claim(id="b.searched", statement="It is.", quantifier="everywhere", statistic="n", relation=">=",\n'
        '          threshold=0.1, source="s")\n'
        "@C(figure=lambda model, evidence: '<svg/>')\n@given(at=conditions(C.domain))\n"
        "def test_it(model, at):\n    C.check(1 + model.intact(at).errors, at)\n"
    )

    def pytest(self, checkpoint, cwd, *arguments, **environment):
        command = [
            "-m",
            "pytest",
            "claims",
            "-c",
            "/dev/null",
            "--rootdir",
            ".",
            "-p",
            "no:cacheprovider",
            "-p",
            "recint.plugin",
        ]
        command += [
            "-p",
            shipped.FIXTURES,
            "--recint-no-log",
            "--recint-no-controls",
            f"--recint-checkpoint={checkpoint}",
        ]
        return run([*command, *arguments], cwd, **environment)

    def test_options_mean_what_they_do_on_the_command_line(self, tiny, folder, tmp_path):
        (folder / "module.py").rename(folder / "test_module.py")
        wrapped = tmp_path / "wrapped.pth"
        torch.save({"model": dict(load(tiny).tensors), "step": 3}, wrapped)
        status, out = self.pytest("~/wrapped.pth", tmp_path, "--recint-verdicts=~/v.json", HOME=str(tmp_path))
        assert status == 0, out
        assert found(tmp_path / "v.json") == {"a.one": "supported"}
        assert "holds more than a state dict; the one under 'model' is read" in out
        for option, said in (
            ("--recint-draws=1000001", "draws=1000001 must be at most 1000000"),
            ("--recint-draws=99", "draws=99 must be at least 100"),
            ("--recint-report=$HOME.html", "names a variable of the environment"),
            ("--recint-verdicts=wrapped.pth", "wrapped.pth: is read by this command"),
            ("--recint-junit=", "is empty, but a path is expected"),
        ):
            status, out = self.pytest(wrapped, tmp_path, option)
            assert status in (2, 4), out  # the latter is pytest's own for options
            assert said in out

    def test_profiles_that_conftest_files_load_change_nothing(self, tiny, folder, tmp_path):
        (folder / "module.py").unlink()
        (folder / "test_searched.py").write_text(self.SEARCHED)
        for conftest in (tmp_path / "conftest.py", folder / "conftest.py"):
            conftest.write_text(
                "from hypothesis import settings\nsettings.register_profile('default', max_examples=2)\n"
                "settings.register_profile('hasty', max_examples=3)\nsettings.load_profile('hasty')\n"
            )
        status, out = self.pytest(tiny, tmp_path, "--recint-draws=100", "--recint-verdicts=v.json", CI="")
        assert status == 0, out
        kept = json.loads((tmp_path / "v.json").read_text())
        assert kept["profile"] == "default"
        assert kept["claims"][0]["search"]["examples"] == 410 + 60
