"""pytest itself judges as `recint verify` does, under options of its own."""

import json
import subprocess
import sys
from xml.etree import ElementTree

import torch

from recint import shipped
from recint.checkpoint import load

from .commands import CLAIMS, ROOT, found, run


def test_two_workers_and_junit_agree_with_one(tiny, verified, tmp_path):
    command = [
        "pytest",
        "hypotheses",
        "-q",
        "-n",
        "2",
        "--recint-no-log",
        "--recint-draws=200",
        f"--recint-checkpoint={tiny}",
    ]
    command += [f"--recint-verdicts={tmp_path / 'v.json'}", f"--junit-xml={tmp_path / 'j.xml'}"]
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    found = json.loads((tmp_path / "v.json").read_text())

    def timeless(run):
        claims = [{key: value for key, value in claim.items() if key != "seconds"} for claim in run["claims"]]
        return {key: value for key, value in run.items() if key not in ("started", "seconds", "values")} | {
            "claims": claims
        }

    for ours, theirs in zip(timeless(found)["claims"], timeless(verified[2])["claims"], strict=True):
        assert ours == theirs
    assert timeless(found) == timeless(verified[2])
    assert found["values"] == {"name": "v.values", "sha256": verified[2]["values"]["sha256"]}
    assert "recint_values" not in (tmp_path / "j.xml").read_text()
    cases = ElementTree.parse(tmp_path / "j.xml").getroot().iter("testcase")
    assert len(list(cases)) == CLAIMS


def test_a_run_that_ends_early_gives_no_verdicts(tiny, tmp_path):
    """Verdicts are settled over all claims of a run; over those that happen to be done they would be too lenient."""
    command = [
        "pytest",
        "hypotheses",
        "-q",
        "-x",
        "--recint-no-log",
        "--recint-draws=200",
        f"--recint-checkpoint={tiny}",
    ]
    command += ["--recint-no-controls", f"--recint-verdicts={tmp_path / 'v.json'}"]
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2  # not 1, which says that a verdict is not as it should be
    assert f"of {CLAIMS} claims were judged before the run ended" in done.stdout
    assert not (tmp_path / "v.json").exists()


def test_pytest_itself_refuses_too(tmp_path):
    command = [sys.executable, "-m", "pytest", "hypotheses", f"--recint-checkpoint={tmp_path / 'gone.pth'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "gone.pth: no such file" in done.stdout + done.stderr


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

    def test_what_is_refused_is_told_by_the_name_of_the_command(self, tiny, folder, tmp_path):
        (folder / "module.py").rename(folder / "test_module.py")
        for option, said in (
            ("--recint-draws=99", "recint: draws=99 must be at least 100"),
            ("--recint-claims=nosuch", "! recint: claims='nosuch' matches none of a.one !"),
        ):
            status, out = self.pytest(tiny, tmp_path, option)
            assert (status, said in out, "Exit" in out) == (2, True, False), out

    def test_a_log_with_a_conflict_is_refused_before_a_claim_is_judged(self, tiny, folder, tmp_path):
        (folder / "module.py").rename(folder / "test_module.py")
        (tmp_path / "log").mkdir()
        (tmp_path / "log" / "m.jsonl").write_text("=======\n")
        command = ["-m", "pytest", "claims", "-c", "/dev/null", "-p", "recint.plugin", "-p", shipped.FIXTURES]
        status, out = run([*command, f"--recint-checkpoint={tiny}", "--recint-log=log"], tmp_path)
        assert status == 2, out
        assert "m.jsonl:1: is the conflict marker ======= of git" in out
        assert "a.one" not in out
        assert [path.name for path in (tmp_path / "log").iterdir()] == ["m.jsonl"]

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
