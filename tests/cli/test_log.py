"""`recint log`: runs, claims and changes on the terminal and as JSON; a check of the log, and a merge."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest

from recint import cli
from recint.record import drift, history
from recint.record.log_file import append, read, verdict_line

from ..commands import ROOT
from ..record.made_up import keep
from ..record.test_git import commit, in_git
from ..written_log import FIRST, SECOND, Writer, entry, recint, tensors


def test_pages_are_written_before_what_a_reader_may_break_off(tmp_path):
    page = tmp_path / "log.html"
    command = [sys.executable, "-P", "-m", "recint.cli", "log", "--log", ROOT / "hypotheses" / "log", "--html", page]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
    assert page.read_text().endswith("</html>")


def test_the_log_is_not_replaced(tiny, folder, tmp_path, capsys):
    kept = tmp_path / "log"
    shutil.copytree(ROOT / "hypotheses" / "log", kept)
    for file in sorted(kept.glob("*.jsonl")):
        assert cli.main(["log", "--log", str(kept), "--html", str(file)]) == 2
        assert f"{file}: is read by this command" in capsys.readouterr().err
    for name, said in (
        ("claims.jsonl", "would be replaced, but no output replaces a file that ends in .jsonl"),
        ("tiny.jsonl", "is named for two outputs"),
    ):
        command = ["verify", tiny, "--hypotheses", folder, "--no-controls", "--log", kept, "--verdicts", kept / name]
        assert cli.main([*map(str, command)]) == 2
        assert f"{kept / name}: {said}" in capsys.readouterr().err


def test_the_overview_is_a_line_per_run_and_the_timeline(log, capsys, wide):
    status, out, err = recint(capsys, "--log", log)
    assert (status, err) == (0, "")
    assert out.startswith(
        "4 runs (1 stopped before its verdicts) on 3 checkpoints, 3 claims registered; 2 of 6 verdicts are confirmatory.\n"
    )
    lines = out.splitlines()
    assert lines[2].split() == ["#", "run", "when", "checkpoint", "verdicts", "commit", "tensors", "seed", "draws"]
    cells = [line.split("  ") for line in lines[3:7]]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in cells]
    hashes = [tensors(name)[:8] for name in ("one", "two", "one", "three")]
    assert cells == [
        ["1", "aa11aaaa", "2026-01-02 08:00", "one", "1✓ 1✗, 2* of 2", "c0ffee0", hashes[0], "0", "100"],
        ["2", "bb22bbbb", "2026-01-03 08:00", "two", "1✓, 0* of 1", "c0ffee0+", hashes[1], "0", "100"],
        ["3", "aa33cccc", "2026-01-05 09:30", "one", "1✓ 2✗, 0* of 3", "c0ffee0", hashes[2], "7", "100"],
        ["4", "dd44dddd", "2026-01-06 08:00", "three", "stopped before its verdicts", "none", hashes[3], "0", "100"],
    ]
    assert lines[8:12] == [
        "                1  2  3  4",
        "l0.looks-back   ✗* ✓  ✗",
        "l0.looks-back@2       ✓",
        "model.predicts  ✓*    ✗",
    ]
    assert "* confirmatory" in out
    assert "No room" not in out


@pytest.mark.parametrize("columns", [40, 60, 80, 90])
def test_the_overview_fits_and_says_what_is_left_out(tmp_path, capsys, monkeypatch, columns):
    writer = Writer(tmp_path)
    writer.register(FIRST)
    for day in range(1, 31):
        name = "a checkpoint with quite a long name"
        writer.run(f"{day:08x}", name, f"2026-01-{day:02}", entry(FIRST), committed=[FIRST])
    monkeypatch.setenv("COLUMNS", str(columns))
    _, out, _ = recint(capsys, "--log", tmp_path)
    assert max(map(len, out.splitlines())) <= columns
    row = next(line for line in out.splitlines() if line.startswith(FIRST.id))
    kept = row.count("✓")
    assert kept == (columns - len(FIRST.id)) // 3
    head = next(line for line in out.splitlines() if line.endswith(" 29 30"))
    assert head.split() == [str(number) for number in range(31 - kept, 31)]
    assert f"No room for {30 - kept} earlier runs; --html shows all." in " ".join(out.split())
    if columns >= 80:
        assert "1✓, 0* of 1" in out


def test_a_pipe_gets_every_column_and_every_run_in_a_line(tmp_path):
    writer = Writer(tmp_path)
    writer.register(FIRST)
    for day in range(1, 31):
        writer.run(f"{day:08x}", "a checkpoint with " * 8, f"2026-01-{day:02}", entry(FIRST), committed=[FIRST])
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "recint.cli", "log", "--log", str(tmp_path)]
    out = subprocess.run(command, capture_output=True, env=env, check=True).stdout.decode()
    assert "No room" not in out
    assert out.count("a checkpoint with " * 7) == 30
    assert next(line for line in out.splitlines() if line.startswith(FIRST.id)).count("✓") == 30
    assert not set(out) & set("\x1b")


def test_a_claim_is_told_with_its_versions_and_all_verdicts_on_it(log, capsys, wide):
    status, out, _ = recint(capsys, "--log", log, "--claims", "l0.*")
    assert status == 0
    first, second = out.split("\n\n")
    lines = [" ".join(line.split()) for line in first.splitlines()]
    assert lines[:3] == ["l0.looks-back", "Layer 0 looks back.", "registered 2026-01-01 08:00"]
    assert lines[4:] == [
        "2026-01-02 08:00 one ✗ refuted 0.7 [0.65, 0.75] ≥ 0.5 confirmatory aa11aaaa",
        "2026-01-03 08:00 two ✓ supported 0.7 [0.65, 0.75] ≥ 0.5 exploratory bb22bbbb",
        "2026-01-05 09:30 one ✗ refuted 0.2 [0.1, 0.3] ≥ 0.5 exploratory aa33cccc",
    ]
    lines = [" ".join(line.split()) for line in second.splitlines()]
    assert lines[0] == "l0.looks-back@2"
    assert lines[2:6] == [
        "registered 2026-01-04 08:00",
        "version 2 beside version 1, because it fails at c = 0 & nowhere else",
        "quantifier: everywhere → average",
        "threshold: 0.5 → 0.4",
    ]
    assert lines[7:] == ["2026-01-05 09:30 one ✓ supported 0.7 [0.65, 0.75] ≥ 0.4 exploratory aa33cccc"]
    _, out, _ = recint(capsys, "two", "--log", log, "--claims", "l0.*")
    assert out.count("2026-01-03 08:00 ") == 1
    assert out.rstrip().endswith("not judged yet")
    assert "2026-01-05" not in out


def test_changes_between_two_runs(log, capsys, wide):
    status, out, _ = recint(capsys, "--log", log, "--changes", "aa11", "aa33")
    assert status == 0
    assert out.startswith("From run aa11aaaa (one, 2026-01-02 08:00) to run aa33cccc (one, 2026-01-05 09:30)\n")
    assert "\n2 of 2 claims drifted\n" in out
    assert "\n  model.predicts: flips, but did not move, supported in one, now" in out
    assert "\nNot comparable\n  l0.looks-back@2: judged in aa33cccc only\n" in out
    assert "\nMade in another way\n  seed: 0 → 7\n" in out
    _, out, _ = recint(capsys, "--log", log, "--changes", "aa11", "bb22", "--claims", "l0.*")
    assert "\n1 of 1 claim drifted\n" in out
    assert f"checkpoint.sha256: {tensors('one')[:12]} → {tensors('two')[:12]}\n" in out
    _, out, _ = recint(capsys, "--log", log, "--changes", "aa11", "aa11")
    assert out.endswith("\n0 of 2 claims drifted\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["four"], "checkpoint='four' is none of those that the log has runs on: one, two, three"),
        (["--claims", "l9.*"], "claims='l9.*' matches none of l0.looks-back"),
        (["--changes", "aa", "bb"], "run='aa' begins the numbers of several runs: aa11aaaa, aa33cccc"),
        (["two", "--changes", "aa11", "bb22"], "run='aa11' begins the number of no run: bb22bbbb"),
        (["--changes", "aa11", "dd44"], "run dd44dddd has no verdicts"),
    ],
)
def test_a_bad_call_is_a_sentence_and_status_2(log, capsys, tmp_path, arguments, sentence):
    page = tmp_path / "page.html"
    status, out, err = recint(capsys, *arguments, "--log", log, "--html", page)
    assert (status, out) == (2, "")
    assert err.startswith(f"recint: {sentence}")
    assert err.count("\n") == 1
    assert not page.exists()


@pytest.mark.parametrize("made", [True, False])
def test_an_empty_log_is_a_sentence(tmp_path, capsys, made):
    folder = tmp_path / "log"
    if made:
        folder.mkdir()
    page = tmp_path / "page.html"
    status, out, err = recint(capsys, "--log", folder, "--html", page)
    assert (status, err) == (0, "")
    said = "has no runs yet: `recint verify` writes one" if made else "does not exist yet: `recint verify` makes it"
    assert out == f"{folder} {said}\nwrote {page}\n"
    assert f"{folder} {said}" in page.read_text()
    assert folder.exists() == made
    _, out, _ = recint(capsys, "--hypotheses", tmp_path, "--json")  # whose log is in the folder `log`
    assert json.loads(out) == {"schema": 1, "runs": [], "claims": [], "verdicts": [], "damaged": []}


def test_a_file_in_the_place_of_the_folder_is_no_empty_log(tmp_path, capsys):
    (tmp_path / "log").touch()
    said = f"recint: {tmp_path / 'log'}: is no folder, but that of a research log is expected\n"
    assert recint(capsys, "--log", tmp_path / "log") == (2, "", said)


def test_a_folder_of_claims_that_is_not_there_is_a_mistake(tmp_path, capsys):
    status, out, err = recint(capsys, "--hypotheses", tmp_path / "nosuch")
    assert (status, out) == (2, "")
    assert (
        err
        == f"recint: {tmp_path / 'nosuch'}: is no folder, but the folder of the claims whose log is shown is expected\n"
    )


def test_a_checkpoint_without_a_run_is_told_by_the_path_that_was_given(log, tmp_path, capsys, small):
    from recint.checkpoint import save

    path = save(small, tmp_path / "new.pth")
    status, out, err = recint(capsys, path, "--log", log)
    assert (status, out) == (2, "")
    digits = small.sha256[:12]
    assert err == f"recint: checkpoint='{path}' ({digits}) is none of those that the log has runs on: one, two, three\n"


def test_what_a_terminal_would_obey_is_shown_instead(tmp_path, capsys, wide):
    writer = Writer(tmp_path)
    odd = replace(FIRST, id="l0.red", statement="It \x1b]0;is\x07 \u202edrawn\nback")
    writer.register(odd)
    writer.run("a1", "m\x1b[2J\nm", "2026-01-02", entry(odd))
    for chosen in ((), ("--claims", "*"), ("--changes", "a1", "a1")):
        _, out, _ = recint(capsys, "--log", tmp_path, *chosen)
        assert not set(out) & set("\x1b\x07\u202e")
        assert "\\x1b" in out
    status, _, err = recint(capsys, "m\x1b", "--log", tmp_path)
    assert (status, err.count("\n"), "\x1b" in err) == (2, 1, False)
    _, out, _ = recint(capsys, "--log", tmp_path, "--json")
    assert json.loads(out)["runs"][0]["checkpoint"]["name"] == "m\x1b[2J\nm"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "utf-8"])
def test_an_output_without_our_signs_gets_plain_ones(log, encoding):
    command = [sys.executable, "-m", "recint.cli", "log", "--log", str(log)]
    done = subprocess.run(
        command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "120"}
    )
    assert (done.returncode, done.stderr) == (0, b"")
    out = done.stdout.decode(encoding)
    if encoding == "utf-8":
        assert "✓ supported, ✗ refuted" in out
    else:
        assert "+ supported, x refuted, ? inconclusive, 0 vacuous" in out


def test_a_checkpoint_is_found_by_its_path(tmp_path, capsys, small, wide):
    from recint.checkpoint import save

    path = save(small, tmp_path / "somewhere-else")
    writer = Writer(tmp_path / "log")
    sha256 = small.sha256
    writer.register(FIRST)
    writer.run(
        "aa11aaaa", "one", "2026-01-02", entry(FIRST), checkpoint={"name": "was here", "sha256": sha256, "config": {}}
    )
    writer.run("bb22bbbb", "two", "2026-01-03", entry(FIRST))
    status, out, _ = recint(capsys, path, "--log", writer.folder)
    assert (status, "aa11aaaa" in out, "bb22bbbb" in out) == (0, True, False)


def test_damaged_lines_are_named_and_all_others_are_shown(log, capsys, wide):
    path = log / "one.jsonl"
    intact = path.read_text().splitlines()
    path.write_text("\n".join(["<<<<<<< HEAD", *intact[:-1], intact[-1][:-20]]) + "\n")
    status, out, err = recint(capsys, "--log", log)
    assert status == 0
    first, last, hence = err.splitlines()
    assert first.startswith(f"recint: {path}:1: ")
    assert last.startswith(f"recint: {path}:{len(intact) + 1}: ")
    assert "5 verdicts" in out  # of 6
    assert hence == "recint: no verdict of this log is confirmatory until the lost lines are put back"
    assert "model.predicts  ✓" in out
    assert "✓*" not in out.partition("confirmatory: ")[0].partition("#")[2]
    _, out, _ = recint(capsys, "--log", log, "--json")
    assert [f"recint: {sentence}" for sentence in json.loads(out)["damaged"]] == err.splitlines()


def test_a_log_that_is_exported_or_judged_again_has_its_damaged_lines_named(log, tmp_path, capsys, monkeypatch):
    path = log / "one.jsonl"
    path.write_text(f"{path.read_text()}nonsense\n")
    number = len(path.read_text().splitlines())
    again = drift.run_of(read(log), read(log).runs[0])
    monkeypatch.setattr("recint.cli.log._checkpoint_of", lambda *_: "one")
    monkeypatch.setattr("recint.verify.again", lambda *_, **__: again)
    out = tmp_path / "crate.zip"
    for words in (("--export", out, "--license", "https://spdx.org/licenses/MIT"), ("--rerun", "aa11aaaa")):
        status, _, err = recint(capsys, "--log", log, *words)
        first, second = err.splitlines()
        assert status == 0
        assert first == f"recint: {path}:{number}: is not a line of JSON, and is left out"
        assert second == "recint: no verdict of this log is confirmatory until the lost lines are put back"


def test_verdicts_without_their_run_are_left_out_and_named(log, capsys):
    path = log / "two.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[1:]) + "\n")
    status, out, err = recint(capsys, "--log", log)
    said = "recint: run bb22bbbb: its line is missing, and its verdicts are left out (1)\nrecint: no verdict of this log is"
    assert status == 0
    assert err.startswith(said)
    assert "bb22bbbb" not in out


def test_an_id_whose_version_is_no_number_is_shown_as_it_is(tmp_path, capsys, wide):
    Writer(tmp_path).run("a1", "m", "2026-01-02", entry(FIRST, id="l0.a@b"))
    status, out, _ = recint(capsys, "--log", tmp_path)
    assert (status, "l0.a@b" in out) == (0, True)


def test_a_claim_whose_registration_is_lost_is_known_by_its_verdicts(log, capsys, wide):
    """Lines of earlier versions hold its statement too."""
    known = read(log)
    (log / "claims.jsonl").unlink()
    assert [claim.id for claim in history.versions(read(log))] == [FIRST.id, SECOND.id, "model.predicts"]
    _, out, _ = recint(capsys, "--log", log, "--claims", "model.*")
    assert "its registration is missing" in out
    assert "≤\xa00.001" in out
    for path in log.glob("*.jsonl"):
        path.unlink()
    append(log / "old.jsonl", [*known.runs, *map(verdict_line, known.verdicts)])
    assert [claim.statement for claim in history.versions(read(log))] == ["Layer 0 looks back."] * 2 + [
        "The model predicts."
    ]


def test_the_selection_as_json(log, capsys, tmp_path):
    status, out, err = recint(capsys, "one", "--log", log, "--json", "--html", tmp_path / "page.html")
    assert (status, err) == (0, f"wrote {tmp_path / 'page.html'}\n")
    found = json.loads(out)
    assert list(found) == ["schema", "runs", "claims", "verdicts", "damaged"]
    assert (found["schema"], found["damaged"]) == (1, [])
    assert [run["run"] for run in found["runs"]] == ["aa11aaaa", "aa33cccc"]
    assert [(line["run"], line["id"], line["standing"]) for line in found["verdicts"]] == [
        ("aa11aaaa", "l0.looks-back", "confirmatory"),
        ("aa11aaaa", "model.predicts", "confirmatory"),
        ("aa33cccc", "l0.looks-back", "exploratory"),
        ("aa33cccc", "l0.looks-back@2", "exploratory"),
        ("aa33cccc", "model.predicts", "exploratory"),
    ]
    second = found["claims"][1]
    assert second["registered"]["hash"] == SECOND.hash
    assert second["amended"]["why"] == SECOND.because
    assert second["moved"] == {"quantifier": ["everywhere", "average"], "threshold": [0.5, 0.4]}


def test_changes_as_json(log, capsys):
    _, out, _ = recint(capsys, "--log", log, "--json", "--changes", "aa11", "aa33")
    found = json.loads(out)
    assert [run["run"] for run in found["runs"]] == ["aa11aaaa", "aa33cccc"]
    assert (found["changes"]["before"], found["changes"]["now"]) == ("aa11aaaa", "aa33cccc")
    assert found["changes"]["how"] == {"seed": [0, 7]}
    assert len(found["changes"]["drift"]) == 2


def test_a_look_into_the_log_does_not_load_the_models_stack():
    code = "import sys, recint.pages.log_page; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestCheck:
    @pytest.fixture
    def kept(self, tmp_path):
        """A log of two runs, whose verdicts follow, in a commit."""
        in_git(tmp_path, "init", "-q")
        keep(tmp_path / "log", "aa11aaaa")
        keep(tmp_path / "log", "bb22bbbb", name="n", when="2026-01-02T08:00:00+00:00")
        self.commit = commit(tmp_path)
        return tmp_path / "log"

    def test_a_log_that_nobody_touched_is_status_0(self, kept, capsys, wide):
        status, out, err = recint(capsys, "--log", kept, "--check")
        assert (status, err) == (0, "")
        assert f"aa11aaaa  2026-01-01 00:00  {self.commit[:12]}" in out
        assert out.endswith(
            "13 lines in 3 files, 13 of them chained: "
            "nothing was edited, removed, reordered or inserted, and their verdicts follow.\n"
        )

    def test_the_first_commits_are_those_of_the_chosen_checkpoint(self, kept, capsys, wide):
        status, out, _ = recint(capsys, "m", "--log", kept, "--check")
        assert (status, "aa11aaaa" in out) == (0, True)
        status, _, err = recint(capsys, "nosuch", "--log", kept, "--check")
        assert (status, err.startswith("recint: checkpoint='nosuch' is none of those")) == (2, True)

    def test_each_thing_that_is_wrong_is_a_sentence_and_status_1(self, kept, capsys, wide):
        path = kept / "m.jsonl"
        path.write_text(path.read_text().replace('"threshold": 1.0', '"threshold": 0.9', 1))
        status, out, _ = recint(capsys, "--log", kept, "--check")
        assert status == 1
        assert out.split("\n\n")[-2].splitlines() == [
            f"{path}:3: follows a line that is gone: the line above it was edited or removed",
            f"{path}:2: l0.made-up has the threshold 0.9, but 1.0 is registered",
            f"{path}: the file on disk lost or changed 1 of 4 lines, the first of them line 2, which commit "
            f"{self.commit[:7]} ({out.split(self.commit[:12])[1].split()[0]}) has",
        ]
        assert out.endswith("13 lines in 3 files, 13 of them chained: 3 findings.\n")


class TestMerge:
    def test_conflict_markers_are_replaced_by_the_lines_of_both_sides(self, tmp_path, capsys):
        keep(tmp_path, "aa11aaaa")
        path = tmp_path / "m.jsonl"
        base = path.read_bytes()
        sides = []
        for number in ("bb22bbbb", "cc33cccc"):
            path.write_bytes(base)
            keep(tmp_path, number)
            sides.append(path.read_bytes()[len(base) :])
        path.write_bytes(base + b"<<<<<<< HEAD\n" + sides[0] + b"=======\n" + sides[1] + b">>>>>>> side\n")
        status, out, err = recint(capsys, "--merge", path)
        assert (status, err, out) == (
            0,
            "",
            f"{path}: 12 lines, those of both sides; `git add` it, and end the merge\n",
        )
        assert path.read_bytes() == base + sides[0] + sides[1]
        status, out, _ = recint(capsys, "--log", tmp_path, "--check")
        assert (status, f"{path}:9: follows the same line as line 5: two branches were merged" in out) == (0, True)

    def test_a_file_that_is_not_there_is_a_sentence_and_nothing_is_made(self, tmp_path, capsys):
        for path in (tmp_path / "nosuch" / "x.jsonl", tmp_path / "x.jsonl"):
            status, out, err = recint(capsys, "--merge", path)
            said = f"recint: {path}: cannot be read and written (No such file or directory)\n"
            assert (status, out, err) == (2, "", said)
        assert list(tmp_path.iterdir()) == []

    def test_another_file_is_refused_in_a_sentence(self, log, capsys):
        path = log / "one.jsonl"
        before = sorted(log.iterdir())
        status, out, err = recint(capsys, "--merge", path)
        said = "it has no conflict; a file of the log with git's conflict markers is expected"
        assert (status, out, err) == (2, "", f"recint: {path}: {said}\n")
        assert sorted(log.iterdir()) == before

    def test_a_pipe_is_refused_and_gets_no_lock_beside_it(self, tmp_path, capsys):
        os.mkfifo(tmp_path / "pipe")
        status, out, err = recint(capsys, "--merge", tmp_path / "pipe")
        assert (status, out) == (2, "")
        assert err.startswith(f"recint: {tmp_path / 'pipe'}: is not a regular file, but one is expected")
        assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


class TestFilesBesideALog:
    """What `--with` puts into an RO-Crate."""

    LICENSE = ("--license", "https://spdx.org/licenses/MIT")

    def test_a_pipe_is_refused(self, log, tmp_path, capsys):
        crate, pipe = tmp_path / "crate.zip", tmp_path / "pipe"
        os.mkfifo(pipe)
        status, out, err = recint(capsys, "--log", log, "--export", crate, *self.LICENSE, "--with", pipe)
        assert (status, out, crate.exists()) == (2, "", False)
        assert err.startswith(f"recint: {pipe}: is not a regular file, but one is expected")

    def test_a_name_that_is_no_text_is_escaped(self, log, tmp_path, capsys):
        crate, odd = tmp_path / "crate.zip", tmp_path / os.fsdecode(b"caf\xe9.txt")
        odd.write_text("told")
        status, _, err = recint(capsys, "--log", log, "--export", crate, *self.LICENSE, "--with", odd)
        assert (status, err) == (0, "")
        with zipfile.ZipFile(crate) as kept:
            assert kept.read(r"files/caf\udce9.txt") == b"told"


@pytest.mark.parametrize("beside", [("--json",), ("--html", "log.html"), ("--claims", "*")])
def test_a_check_shows_nothing_else(log, capsys, beside):
    said = "recint: --check, --merge, --rerun and --export go with neither --claims, --json nor --html: they show nothing else\n"
    assert recint(capsys, "--log", log, "--check", *beside) == (2, "", said)
