"""A run of claims of one's own, in a world that is nobody's fault: other people's pytest, odd names, and disks that fill up."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from recint import cli
from recint.catalogue import properties
from recint.checkpoint import load, save
from recint.model.untrained import untrained
from recint.record import log_file
from recint.system import outputs

from .commands import calls, found, run
from .conftest import TINY
from .made_up import claims


def verify(checkpoint, folder, *arguments, cwd, logging=("--no-log",), **environment):
    """(status, output) of `recint verify`."""
    command = ["-m", "recint.cli", "verify", checkpoint, "--hypotheses", folder, "--no-controls", *logging, *arguments]
    return run(command, cwd, **environment)


def test_verify_obeys_its_own_options_alone(tiny, tmp_path):
    """Whatever pytest, Hypothesis and matplotlib are told by the environment, and by the files that lie around the claims."""
    folder = claims(
        tmp_path / "claims", {"id": "a.one"}, {"id": "a.two", "value": 0.1}, {"id": "a.three", "name": "other"}
    )
    (folder / "before.py").write_text(
        "from hypothesis import settings\n"
        "settings.register_profile('hasty', max_examples=3, deadline=1)\nsettings.load_profile('hasty')\n"
    )
    (folder / "searched.py").write_text(
        "import time\nfrom hypothesis import given\nfrom recint.claim import Claim\nfrom recint.claim_figures import against_c\n"
        "from recint.strategies import conditions\n"
        'C = Claim(id="b.searched", statement="It is.", quantifier="everywhere", statistic="$\\\\alpha$", relation=">=",\n'
        '          threshold=0.1, source="s")\n'
        "@C(figure=against_c)\n@given(at=conditions(C.domain))\n"
        "def test_it(model, at):\n    time.sleep(0.002)\n    C.check(1 + model.intact(at).errors, at)\n"
    )
    (folder / "old").mkdir()
    (folder / "old" / "attic.py").write_text("import nosuch")
    (folder / "old" / "elsewhere.py").write_text((folder / "module.py").read_text().replace('"a.', '"old.'))
    for conftest in (tmp_path / "conftest.py", folder / "conftest.py"):
        conftest.write_text("raise RuntimeError('needs a database')")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n")
    files = {name: tmp_path / f"out.{name}" for name in ("report", "verdicts", "junit", "summary")}
    status, out = verify(
        tiny,
        folder,
        "--draws=100",
        *(f"--{name}={path}" for name, path in files.items()),
        cwd=tmp_path,
        PYTEST_ADDOPTS="-k nothing --maxfail=1 --nonsense",
        PYTEST_PLUGINS="nosuch",
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        MPLBACKEND="module://not_installed.backend",
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
    )
    assert status == 1, out
    assert found(files["verdicts"]) == {
        "a.one": "supported",
        "a.two": "refuted",
        "a.three": "supported",
        "b.searched": "supported",
    }
    assert list(found(files["verdicts"])) == [prop.claim.id for prop in properties(folder)]
    run = json.loads(files["verdicts"].read_text())
    assert run["profile"] in ("default", "ci")
    assert run["claims"][-1]["search"]["examples"] >= 410 + 60
    for path in files.values():
        assert "one" in path.read_text(encoding="utf-8")
    report = files["report"].read_text(encoding="utf-8")
    assert "could not be drawn" not in report
    assert "$\\alpha$" in report


SIX = [{"id": f"{where}.{what}", "value": what != "two"} for where in "ab" for what in ("one", "two", "three")]
ALL = [claim["id"] for claim in SIX]
# What pytest is told: its status, which claims are settled, in which order, and what it says.
SELECTIONS = {
    "by name": (["-k", "test_0 or test_3"], 0, ["a.one", "b.one"], "2 of 2 claims"),
    "by mark, and all but one": (
        ["-m", "not slow", "--deselect", "claims/module.py::test_1"],
        1,
        [claim for claim in ALL if claim != "a.two"],
        "4 of 5 claims",
    ),
    "by glob too, up to a failure": (["-k", "test_2 or test_1", "-x", "--recint-claims=*.three"], 0, ["a.three"], ""),
    "all, in another order": (["-p", "shuffling"], 1, ALL, "b.two: refuted"),
    "those that failed last": (["--lf"], 1, ["a.two", "b.two"], "0 of 2 claims"),
    "up to a failure": (["-x"], 2, None, "2 of 6 claims were judged before the run ended"),
    "none, but their fixtures": (["--setup-only"], 2, None, "0 of 6 claims were judged before the run ended"),
    "no such name": (["-k", "no_such_claim"], 5, None, "6 deselected"),
    "a list": (["--collect-only"], 0, None, "6 tests collected"),
    "without a terminal": (["-p", "no:terminal"], 1, ALL, ""),
    "without a cache": (["-o", "filterwarnings=error", "-o", "cache_dir=file/cache"], 1, ALL, "4 of 6 claims"),
    "a report without its plugin": (
        ["-p", "no:html", "--recint-report=r.html"],
        2,
        None,
        "report='r.html' is written by pytest",
    ),
}


@pytest.fixture(scope="module")
def selections(tiny, tmp_path_factory):
    """What comes of pytest itself on the same claims: the folder of the verdict files, and (status, output) by selection."""
    place = tmp_path_factory.mktemp("selections")
    claims(place / "claims", *SIX)
    (place / "file").touch()
    (place / "shuffling.py").write_text(
        "import pytest\n@pytest.hookimpl(tryfirst=True)\ndef pytest_collection_modifyitems(items): items.reverse()\n"
    )
    ours = ["-p", "recint.plugin", "-p", "fixtures.model", "--import-mode=importlib", f"--rootdir={place}"]
    ours += ["--recint-hypotheses=claims", f"--recint-checkpoint={tiny}", "--recint-no-log", "--recint-no-controls"]
    commands = [
        [os.sep, *ours, *arguments, f"--recint-verdicts={number}.json"]
        for number, (arguments, *_) in enumerate(SELECTIONS.values())
    ]
    path = f"{Path(__file__).parents[1]}{os.pathsep}{place}"
    return place, dict(zip(SELECTIONS, calls("pytest", commands, place, PYTHONPATH=path), strict=True))


@pytest.mark.parametrize("name", SELECTIONS)
def test_selections_of_pytest_settle_what_they_leave_or_say_why_not(selections, name):
    """Verdicts are settled over the claims that are left; a run that settles nothing is never 0."""
    (place, results), (_, status, judged, said) = selections, SELECTIONS[name]
    assert results[name][0] == status, results[name][1]
    assert said in results[name][1]
    verdicts = place / f"{list(SELECTIONS).index(name)}.json"
    assert (list(found(verdicts)) if verdicts.exists() else None) == judged


class TestOutputs:
    """Tried before anything is judged; then each is written whatever befalls the others."""

    LONG = "x" * 240

    @pytest.fixture
    def refused(self, tiny, tmp_path, capsys, monkeypatch):
        folder = claims(tmp_path / "claims", {"id": "a.one"})
        monkeypatch.chdir(tmp_path)
        before = sorted(tmp_path.rglob("*"))

        def refused(said, *arguments, checkpoint=tiny):
            quiet = [] if "--log" in arguments else ["--no-log"]
            command = ["verify", str(checkpoint), "--hypotheses", str(folder), "--no-controls", *quiet, *arguments]
            assert cli.main(command) == 2
            captured = capsys.readouterr()
            assert captured.out == ""
            assert captured.err.startswith("recint: ")
            assert captured.err.count("\n") == 1
            assert said in captured.err
            assert [path for path in sorted(tmp_path.rglob("*")) if "__pycache__" not in path.parts] == before

        return refused

    @pytest.mark.parametrize("option", ["--report", "--verdicts", "--junit", "--summary"])
    def test_what_cannot_be_written_is_refused_at_once(self, refused, option):
        module = "claims/module.py"
        refused(
            f"{module}/x/y: cannot be written ({module} is a file, not a folder); name another file",
            option,
            f"{module}/x/y",
        )
        refused("File name too long", option, f"{self.LONG * 2}/x.txt")
        refused("claims: is a folder", option, "claims")

    def test_a_checkpoint_has_a_name_that_can_be_written(self, refused, tiny, tmp_path_factory):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        odd = save(load(tiny), elsewhere / os.fsdecode(b"caf\xe9.pth"))
        refused(r"'caf\udce9' is no text in UTF-8", "--verdicts", "v.json", checkpoint=odd)

    def test_what_is_no_text_is_not_handed_to_other_processes(self, refused, tiny, tmp_path_factory):
        odd = tmp_path_factory.mktemp("elsewhere") / os.fsdecode(b"caf\xe9.json")
        refused(
            r"caf\udce9.json' is no text in UTF-8, and cannot be passed to other processes",
            "-n2",
            "--verdicts",
            str(odd),
        )

    def test_a_trial_leaves_what_was_there(self, tmp_path):
        (tmp_path / "old").write_text("old")
        outputs.require_files(tmp_path / "old", tmp_path / "new" / "folder" / "file", None, os.devnull)
        assert [path.name for path in tmp_path.iterdir()] == ["old"]
        assert (tmp_path / "old").read_text() == "old"
        assert Path(os.devnull).is_char_device()

    OPTIONS = ("verdicts", "junit", "summary", "report")

    @pytest.mark.parametrize("lost", [("verdicts",), ("log", "junit", "summary", "report")])
    def test_each_is_written_whatever_befalls_the_others(self, tiny, tmp_path, lost):
        """The folder of those that are lost becomes a file while the claims are judged."""
        gone = "shutil.rmtree('gone'); Path('gone').touch()"
        folder = claims(tmp_path / "claims", {"id": "a.one"}, {"id": "a.two", "before": gone})
        (tmp_path / "gone").mkdir()
        place = {name: "gone" if name in lost else "kept" for name in (*self.OPTIONS, "log")}
        files = [f"--{name}={place[name]}/{name}.txt" for name in self.OPTIONS]
        status, out = verify(tiny, folder, *files, cwd=tmp_path, logging=[f"--log={place['log']}/log"])
        assert status == 2, out
        assert "2 of 2 claims about tiny are supported" in out
        assert out.count("cannot be written") == len(lost) + ("verdicts" in lost)  # and the values beside the verdicts
        for name in self.OPTIONS:
            assert (f"\n{name}: kept/{name}.txt\n" in out) == (name not in lost)
            assert (f"recint: gone/{name}.txt: cannot be written" in out) == (name in lost)
            assert (tmp_path / "kept" / f"{name}.txt").exists() == (name not in lost)
        assert bool(log_file.read(tmp_path / "kept" / "log").verdicts) == ("log" not in lost)
        if "verdicts" not in lost:
            told = json.loads((tmp_path / "kept" / "verdicts.txt").read_text())["claims"]
            assert [claim["standing"] for claim in told] == [None, None]


def test_the_reason_of_an_error_stands_on_the_screen(tiny, tmp_path):
    said = "raise RuntimeError('\\x1b[31mno such\\nthing')"
    folder = claims(
        tmp_path / "claims",
        {"id": "a.error", "before": said},
        {"id": "a.key", "before": "raise KeyError('x')"},
        {"id": "a.nan", "value": "float('nan')"},
        {"id": "a.figure", "figure": "1 / 0"},
    )
    files = ("--verdicts", "v.json", "--report", "r.html")
    status, out = verify(tiny, folder, *files, cwd=tmp_path)
    assert status == 1
    assert "  \\x1b[31mno such thing\n" in out
    assert "  KeyError: 'x'\n" in out
    assert ": n: 1 of 1 values are not finite\n" in out
    verdicts = ["error", "error", "error", "supported"]
    assert list(found(tmp_path / "v.json").values()) == verdicts
    messages = [claim["message"] for claim in json.loads((tmp_path / "v.json").read_text())["claims"]]
    assert messages == [
        "\x1b[31mno such thing",
        "KeyError: 'x'",
        "a.figure: n: 1 of 1 values are not finite",
        "",
    ]  # C, in the module, is the last claim
    assert "The figure could not be drawn: division by zero" in (tmp_path / "r.html").read_text()
    assert out.index("= verdicts =") < out.index("drawing the report ...") < out.index("Generated html report")


def test_a_verdict_is_shown_before_its_figure_is_drawn(tiny, tmp_path):
    folder = claims(tmp_path / "claims", {"id": "a.stopped", "figure": "(_ for _ in ()).throw(KeyboardInterrupt)"})
    status, out = verify(tiny, folder, "--report", "r.html", cwd=tmp_path)
    assert status == 130
    assert re.search(r"^✓ supported +a\.stopped ", out, flags=re.M)


def test_a_number_that_is_none_decides_nothing(tiny, tmp_path):
    """The search meets it at single recurrences, after an estimate without any."""
    folder = tmp_path / "claims"
    folder.mkdir()
    (folder / "module.py").write_text(
        "import torch\nfrom hypothesis import given\nfrom recint.claim import Claim\nfrom recint.strategies import recurrences\n"
        'C = Claim(id="a.pointwise", statement="It is.", quantifier="pointwise", statistic="n", relation=">=", threshold=0.5,\n'
        '          source="s", reduction="all but 1 %")\n'
        "@C(figure=lambda model, evidence: '<svg/>')\n@given(at=recurrences(C.domain))\n"
        "def test_it(model, at):\n    n = len(at.sample(model.config))\n"
        "    C.check(torch.full((n,), torch.nan if hasattr(at, 'places') else 1.0), at)\n"
    )
    status, out = verify(tiny, folder, "--draws=100", "--verdicts", "v.json", cwd=tmp_path)
    assert status == 1, out
    assert found(tmp_path / "v.json") == {"a.pointwise": "error"}
    assert "values are not finite" in out


@pytest.mark.parametrize("threshold", ["nan", "inf"])
def test_a_threshold_is_a_number(tiny, tmp_path, capsys, threshold):
    folder = claims(tmp_path / "claims", {"id": "a.one"})
    module = folder / "module.py"
    module.write_text(module.read_text().replace("threshold=0.5", f"threshold=float('{threshold}')"))
    assert cli.main(["verify", str(tiny), "--hypotheses", str(folder), "--no-log"]) == 2
    assert f"threshold={threshold} must be a finite number" in capsys.readouterr().err


def test_an_interrupted_run_is_status_130(tiny, tmp_path):
    folder = claims(
        tmp_path / "claims", {"id": "a.one"}, {"id": "a.two", "before": "os.kill(os.getpid(), signal.SIGINT)"}
    )
    status, out = verify(tiny, folder, "--verdicts", "v.json", cwd=tmp_path)
    assert status == 130, out
    assert "1 of 2 claims were judged before the run ended" in out
    assert not (tmp_path / "v.json").exists()


def test_two_sayings_of_what_is_expected_are_refused_before_a_baseline_is_judged(tiny, tmp_path, capsys):
    other = save(untrained(replace(TINY, n_heads=1), seed=0), tmp_path / "other")
    folder = claims(tmp_path / "claims", {"id": "a.one"})
    (tmp_path / "expected.toml").write_text('sha256 = ""\n[claims]\n')
    command = ["verify", str(tiny), "--hypotheses", str(folder), "--no-log", "--against", str(other)]
    assert cli.main([*command, "--expected", str(tmp_path / "expected.toml")]) == 2
    captured = capsys.readouterr()
    assert f"against={str(other)!r} and expected=" in captured.err
    assert captured.out == ""
    assert cli.main([*command, "--device", "tpu"]) == 2
    assert capsys.readouterr().out == ""


def logged(tiny, tmp_path):
    """A log with a run on two claims, one of them refuted, and the words that name it."""
    folder, kept = claims(tmp_path / "claims", {"id": "a.one"}, {"id": "a.two", "value": 0.1}), tmp_path / "log"
    command = ["verify", tiny, "--hypotheses", folder, "--no-controls", "--draws", 150, "--seed", 7, "--log", kept]
    assert cli.main([*map(str, command)]) == 1
    (line,) = log_file.read(kept).runs
    return ["log", "--hypotheses", str(folder), "--log", str(kept), "--rerun", line["run"]], kept


def test_a_run_of_the_log_is_judged_again_as_it_was(tiny, tmp_path, capsys):
    command, kept = logged(tiny, tmp_path)
    before = {path: path.read_bytes() for path in kept.glob("*.jsonl")}
    assert cli.main([*command, str(tiny)]) == 0
    assert capsys.readouterr().out.endswith("2 verdicts on tiny judged again: all as in the log\n")
    assert {path: path.read_bytes() for path in kept.glob("*.jsonl")} == before


def test_what_a_run_that_is_judged_again_has_otherwise_is_told(tiny, tmp_path, capsys):
    command, kept = logged(tiny, tmp_path)
    path = kept / "tiny.jsonl"
    path.write_text(path.read_text().replace('"verdict": "refuted"', '"verdict": "supported"'))
    assert cli.main([*command, str(tiny)]) == 1
    *_, sentence, end = capsys.readouterr().out.splitlines()
    assert sentence.startswith("a.two: verdict was supported, now refuted")
    assert end.endswith("2 verdicts on tiny judged again: 1 claim judged otherwise")


def test_a_run_is_judged_again_on_its_own_checkpoint_only(tiny, tmp_path, capsys):
    command, _ = logged(tiny, tmp_path)
    other = save(untrained(TINY, seed=3), tmp_path / "other")
    assert cli.main([*command, str(other)]) == 2
    assert f"{other}: is another model than that of the run (" in capsys.readouterr().err
    assert cli.main(command) == 2
    assert "checkpoint='tiny' is not among those that come with recint: give its path" in capsys.readouterr().err


def test_a_run_is_judged_again_with_all_of_its_claims(tiny, tmp_path, capsys):
    command, _ = logged(tiny, tmp_path)
    fewer = claims(tmp_path / "fewer", {"id": "a.one"})
    assert cli.main([*command, str(tiny), "--hypotheses", str(fewer)]) == 2
    assert "lacks a.two, but all claims of a run are judged again together" in capsys.readouterr().err


def test_a_baseline_that_is_a_path_is_judged_with_values_and_logged_once(tiny, tmp_path, capfd):
    kept = tmp_path / "log"
    how = ["--claims", "l0.previous-token@2", "--no-controls", "--draws", 150, "--log", kept]
    assert cli.main([*map(str, ["verify", tiny, *how])]) in (0, 1)
    copy, out = save(load(tiny), tmp_path / "copy.pth"), tmp_path / "out.json"
    assert cli.main([*map(str, ["verify", copy, *how, "--against", tiny, "--verdicts", out])]) == 0
    assert f"judging the baseline first: {tiny}" in capfd.readouterr().out
    assert [pair["n"] for pair in json.loads(out.read_text())["pairs"]] == [150]
    assert [run["checkpoint"]["name"] for run in log_file.read(kept).runs] == ["tiny", "copy"]
