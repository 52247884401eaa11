"""`recint log` on logs written by hand, whose history is known."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from recint import cli
from recint.claim import Claim
from recint.judging.entries import blank
from recint.judging.entry import Estimate
from recint.pages import log_page
from recint.record import history
from recint.record.log_file import append, file_of, read, verdict_lines
from recint.record.registration import of_claim

FIRST = Claim(
    id="l0.looks-back", statement="Layer 0 looks back.", quantifier="everywhere", statistic="attention on what was",
    relation=">=", threshold=0.5, source="a look at <pictures>",
)  # fmt: skip
SECOND = FIRST.amended(because="it fails at c = 0 & nowhere else", quantifier="average", threshold=0.4)
OTHER = Claim(
    id="model.predicts", statement="The model predicts.", quantifier="average", statistic="MSE",
    relation="<=", threshold=0.001, source="the abstract",
)  # fmt: skip


def tensors(name):
    return sha256(name.encode()).hexdigest()


def entry(claim, verdict="supported", value=0.7, ci=(0.65, 0.75), **more):
    estimate = Estimate(ci=ci, n=100) if ci else None
    return replace(blank(claim), **{"verdict": verdict, "value": value, "estimate": estimate} | more)


class Writer:
    """A log in the making."""

    def __init__(self, folder):
        self.folder = folder

    def register(self, *claims, when="2026-01-01T08:00:00+00:00"):
        lines = []
        for claim in claims:
            kept = of_claim(claim)
            lines.append(
                {"kind": "registered", "when": when, **{key: kept[key] for key in ("claim", "hash", "fields")}}
            )
            if claim.because:
                of = {"claim": claim.name, "from": claim.version - 1, "to": claim.version, "why": claim.because}
                lines.append({"kind": "amended", "when": when, **of})
        append(self.folder / "claims.jsonl", lines)

    def run(self, number, name, when, *entries, committed=(), **how):
        line = {
            "kind": "run", "run": number, "when": when, "checkpoint": {"name": name, "sha256": tensors(name), "config": {}},
            "environment": {"torch": "2.13.0", "device": "cpu"}, "seed": 0, "draws": 100, "profile": "default",
            "commit": "c0ffee" + 34 * "0", "dirty": False, "registered": [claim.hash for claim in committed],
        }  # fmt: skip
        append(file_of(self.folder, name), [line | how, *verdict_lines(number, entries)])


@pytest.fixture
def log(tmp_path):
    """Four runs on three checkpoints: one clean, one dirty, one again, one stopped; and a claim that was amended between."""
    writer = Writer(tmp_path / "log")
    writer.register(FIRST, OTHER)
    writer.run(
        "aa11aaaa", "one", "2026-01-02T08:00:00+00:00", entry(FIRST, "refuted"), entry(OTHER, ci=None), committed=[FIRST, OTHER]
    )  # fmt: skip
    writer.run("bb22bbbb", "two", "2026-01-03T08:00:00+00:00", entry(FIRST), committed=[FIRST, OTHER], dirty=True)
    writer.register(SECOND, when="2026-01-04T08:00:00+00:00")
    both = [FIRST, OTHER, SECOND]
    writer.run(
        "aa33cccc", "one", "2026-01-05T09:30:00+00:00",
        entry(FIRST, "refuted", 0.2, (0.1, 0.3)), entry(SECOND), entry(OTHER, "refuted", ci=None), committed=both, seed=7,
    )  # fmt: skip
    writer.run("dd44dddd", "three", "2026-01-06T08:00:00+00:00", committed=both, commit=None, dirty=None)
    return writer.folder


def shown(folder, **chosen):
    return history.select(read(folder), **chosen)


def standings(found):
    return {(settled.run, settled.entry.id): settled.entry.standing for settled in found.verdicts}


def recint(capsys, *arguments):
    """(status, standard output, standard error)"""
    status = cli.main(["log", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


# Selections


def test_only_what_was_committed_clean_before_the_first_run_on_the_tensors_confirms(tmp_path):
    writer = Writer(tmp_path)
    writer.register(FIRST, OTHER, SECOND)
    believed = {"standing": "confirmatory"}  # what a line says of itself is not asked
    writer.run("a1", "clean", "2026-01-02", entry(FIRST, standing="exploratory"), entry(OTHER), committed=[FIRST])
    writer.run(
        "a2", "clean", "2026-01-03", entry(FIRST), entry(OTHER, **believed), committed=[FIRST, OTHER], dirty=True
    )
    writer.run("b1", "dirty", "2026-01-02", entry(FIRST, **believed), committed=[FIRST], dirty=True)
    writer.run("b2", "dirty", "2026-01-03", entry(FIRST, **believed), committed=[FIRST])
    writer.run("c1", "stopped", "2026-01-02", committed=[])
    writer.run("c2", "stopped", "2026-01-03", entry(FIRST, **believed), committed=[FIRST])
    writer.run("d1", "no git", "2026-01-02", entry(FIRST, **believed), committed=[FIRST], dirty=None)
    assert standings(shown(tmp_path)) == {
        ("a1", FIRST.id): "confirmatory",
        ("a1", OTHER.id): "exploratory",  # not registered
        ("a2", FIRST.id): "exploratory",  # it was judged before
        ("a2", OTHER.id): "exploratory",  # registered after the first run
        ("b1", FIRST.id): "exploratory",
        ("b2", FIRST.id): "exploratory",
        ("c2", FIRST.id): "exploratory",  # the run that was stopped had shown it
        ("d1", FIRST.id): "exploratory",
    }


def test_the_standing_is_told_by_the_whole_log_whatever_is_selected(log):
    assert standings(shown(log, runs=["aa33"])) == {
        ("aa33cccc", FIRST.id): "exploratory",
        ("aa33cccc", SECOND.id): "exploratory",
        ("aa33cccc", OTHER.id): "exploratory",
    }


def test_runs_are_in_the_order_of_time_over_all_files(log):
    found = shown(log)
    assert [run["run"] for run in found.runs] == ["aa11aaaa", "bb22bbbb", "aa33cccc", "dd44dddd"]
    assert [[run["run"] for run in runs] for runs in found.checkpoints] == [
        ["aa11aaaa", "aa33cccc"],
        ["bb22bbbb"],
        ["dd44dddd"],
    ]


@pytest.mark.parametrize("checkpoint", ["one", tensors("one")[:8], tensors("one")])
def test_a_checkpoint_is_selected_by_name_or_by_tensors(log, checkpoint):
    assert [run["run"] for run in shown(log, checkpoint=checkpoint).runs] == ["aa11aaaa", "aa33cccc"]


@pytest.mark.parametrize("checkpoint", ["four", tensors("one")[:7]])
def test_an_unknown_checkpoint_is_a_sentence_that_names_those_there_are(log, checkpoint):
    with pytest.raises(ValueError, match=f"'{checkpoint}' is none of .*: one, two, three$"):
        shown(log, checkpoint=checkpoint)


def test_a_glob_selects_all_versions_and_the_runs_that_may_have_judged_them(log):
    found = shown(log, claims=[FIRST.id])
    assert [claim.id for claim in found.claims] == [FIRST.id, SECOND.id]
    assert {settled.entry.id for settled in found.verdicts} == {FIRST.id, SECOND.id}
    assert [claim.id for claim in shown(log, claims=["l0.*@2"]).claims] == [SECOND.id]
    # Without "two", which judged the first version only; the run that was stopped may have shown anything.
    assert [run["run"] for run in shown(log, claims=["*@2"]).runs] == ["aa33cccc", "dd44dddd"]
    with pytest.raises(
        ValueError, match=r"claims='l9\.\*' matches none of l0\.looks-back, l0\.looks-back@2, model\.predicts$"
    ):
        shown(log, claims=["l0.*", "l9.*"])


def test_versions_stand_together_with_what_moved(log):
    first, second, other = history.versions(read(log))
    assert (first.id, second.id, other.id) == (FIRST.id, SECOND.id, OTHER.id)
    assert (first.amended, first.moved) == (None, {})
    assert second.amended["why"] == SECOND.because
    assert second.registered["when"].startswith("2026-01-04")
    assert second.moved == {"quantifier": ("everywhere", "average"), "threshold": (0.5, 0.4)}


def test_claims_keep_the_order_in_which_they_were_registered_and_versions_are_numbers(tmp_path):
    versions = [FIRST]
    for _ in range(10):
        versions.append(versions[-1].amended(because="once more", threshold=versions[-1].threshold + 1))
    late = replace(OTHER, id="l0.earlier-in-the-alphabet")
    Writer(tmp_path).register(OTHER, *versions, late)
    assert [claim.id for claim in history.versions(read(tmp_path))] == [
        *(claim.id for claim in versions),
        late.id,
        OTHER.id,
    ]
    assert versions[-1].id.endswith("@11")


@pytest.mark.parametrize(
    ("number", "problem"),
    [("aa", "several runs: aa11aaaa, aa33cccc"), ("ff", "no run: aa11aaaa, bb22bbbb, aa33cccc, dd44dddd")],
)
def test_a_run_is_named_by_a_unique_beginning(log, number, problem):
    runs = read(log).runs
    assert history.numbered(runs, "aa3")["run"] == "aa33cccc"
    with pytest.raises(ValueError, match=f"run='{number}' .* {problem}$"):
        history.numbered(runs, number)


# Changes


def compared(folder, before, now, **chosen):
    found = shown(folder, **chosen)
    return history.changes(found, history.numbered(found.runs, before), history.numbered(found.runs, now))


def test_changes_are_verdicts_figures_claims_and_how_the_run_was_made(log):
    changed = compared(log, "aa11", "aa33")
    verdict, figure = sorted(changed.drift, reverse=True)
    assert verdict.startswith("model.predicts: supported in one, now refuted")
    assert figure.startswith("l0.looks-back: refuted as in one, but with another value (0.7 [0.65, 0.75] -> 0.2")
    assert changed.incomparable == ("l0.looks-back@2: judged in aa33cccc only",)
    assert changed.how == {"seed": (0, 7)}
    assert changed.compared == 2


def test_changes_have_a_direction(log):
    changed = compared(log, "aa33", "bb22")
    assert changed.drift == (
        "l0.looks-back: refuted in one, now supported (0.2 [0.1, 0.3] -> 0.7 [0.65, 0.75], should be >= 0.5)",
    )
    assert changed.incomparable == (
        "l0.looks-back@2: judged in aa33cccc only",
        "model.predicts: judged in aa33cccc only",
    )
    assert changed.how["checkpoint.name"] == ("one", "two")
    assert changed.how["dirty"] == (False, True)


def test_what_came_out_the_same_is_counted(log):
    changed = compared(log, "aa11", "aa11")
    assert (changed.drift, changed.incomparable, changed.how, changed.compared) == ((), (), {}, 2)


def test_a_run_without_verdicts_has_nothing_to_compare(log):
    with pytest.raises(ValueError, match="run dd44dddd has no verdicts on these claims"):
        compared(log, "aa11", "dd44")


# The terminal


@pytest.fixture
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


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


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"value": None, "estimate": None}, "not measured"),
        ({"estimate": None}, "0.7"),
        ({"estimate": Estimate(ci=(None, 0.75))}, "0.7 [unbounded, 0.75]"),
    ],
)
def test_a_figure_has_the_interval_it_has(more, told):
    assert log_page.figure(replace(entry(FIRST), **more)) == told


def test_changes_between_two_runs(log, capsys, wide):
    status, out, _ = recint(capsys, "--log", log, "--changes", "aa11", "aa33")
    assert status == 0
    assert out.startswith("From run aa11aaaa (one, 2026-01-02 08:00) to run aa33cccc (one, 2026-01-05 09:30)\n")
    assert "\n2 of 2 claims drifted\n" in out
    assert "\n  model.predicts: supported in one, now refuted" in out
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


# Damage


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


def test_a_claim_whose_registration_is_lost_is_known_by_its_verdicts(log, capsys):
    (log / "claims.jsonl").unlink()
    assert [claim.statement for claim in history.versions(read(log))] == ["Layer 0 looks back."] * 2 + [
        "The model predicts."
    ]
    _, out, _ = recint(capsys, "--log", log, "--claims", "model.*")
    assert "its registration is missing" in out


# JSON


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


# The page

VOID = {"meta", "br", "link"}


class Page(HTMLParser):
    """Well-formed, or an AssertionError; the rows of its tables as lists of (tag, attributes, text)."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.ids, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        found = dict(attributes)
        assert len(found) == len(attributes)
        self.ids += [found["id"]] if "id" in found else []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append([tag, found, ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1][2] += data

    def row(self, head):
        return next(row for row in self.rows if row[0][2] == head)


@pytest.fixture
def page(log, capsys, tmp_path):
    assert recint(capsys, "--log", log, "--html", tmp_path / "page.html")[0] == 0
    return Page((tmp_path / "page.html").read_text())


def test_the_page_begins_with_the_finding_and_what_there_is(page):
    text = " ".join(page.text.split())
    assert (
        "0 of 2 claims got the same verdict in every run 4 runs (1 stopped before its verdicts) on 3 checkpoints"
        in text
    )


def test_a_timeline_of_claims_by_runs_grouped_by_checkpoint(page):
    checkpoints, dates = page.rows[:2]
    assert [(cell[2], cell[1].get("colspan")) for cell in checkpoints[1:-1]] == [
        ("one", "2"),
        ("two", "1"),
        ("three", "1"),
    ]
    assert [cell[2] for cell in dates[1:-1]] == ["2026-01-02", "2026-01-05", "2026-01-03", "2026-01-06"]
    cells = page.row(FIRST.id)[1:-1]
    assert [cell[2] for cell in cells] == ["✗", "✗", "✓", ""]
    marks = [set(cell[1]["class"].split()) - {"first"} for cell in cells]
    assert marks == [{"refuted", "confirmatory"}, {"refuted"}, {"supported"}, {"stopped"}]
    assert cells[2][1]["title"] == (
        "l0.looks-back: supported, 0.7 [0.65, 0.75], should be ≥\xa00.5 · exploratory · run bb22bbbb (two, 2026-01-03 08:00)"
    )
    assert page.row(OTHER.id)[3][1]["class"] == "first unjudged"


def test_an_amended_claim_is_below_the_version_it_amends_with_the_reason(page):
    heads = [row[0][2] for row in page.rows]
    at = heads.index(FIRST.id)
    assert heads[at + 1 : at + 3] == ["", SECOND.id]
    assert page.rows[at + 1][1][2] == (
        "↳ 2026-01-04: version 2 beside version 1, because it fails at c = 0 & nowhere else; "
        "quantifier: everywhere → average; threshold: 0.5 → 0.4"
    )


def test_a_statement_that_moved_is_beside_the_cells_already(tmp_path, capsys, wide):
    writer = Writer(tmp_path)
    writer.register(FIRST, FIRST.amended(because="it was unclear", statement="Layer 0 looks one back."))
    writer.run("aa11aaaa", "one", "2026-01-02", entry(FIRST))
    page = Page(log_page.html(shown(tmp_path), folder="log"))
    assert page.text.count("Layer 0 looks one back.") == 1
    _, out, _ = recint(capsys, "--log", tmp_path, "--claims", "*")
    assert "statement: Layer 0 looks back. → Layer 0 looks one back." in out


def test_every_column_links_to_the_facts_of_its_run(page, log, tmp_path):
    text = (tmp_path / "page.html").read_text()
    numbers = [run["run"] for run in read(log).runs]
    assert [name for name in page.ids if name.startswith("run-")] == [f"run-{number}" for number in numbers]
    assert all(text.count(f'href="#run-{number}"') == 1 for number in numbers)
    facts = page.row("bb22bbbb")
    assert [cell[2] for cell in facts[3:6]] == ["1 ✓", "0 of 1", "c0ffee0uncommitted changes"]
    assert facts[6][2] == "seed 0 · 100 draws · profile default · device cpu · torch 2.13.0"
    assert page.row("dd44dddd")[3][2] == "stopped before its verdicts"


def test_the_page_needs_nothing_else_and_escapes_what_it_is_told(tmp_path):
    writer = Writer(tmp_path)
    claim = replace(OTHER, statement="<script>alert('x')</script> & more")
    writer.register(claim)
    writer.run("aa11aaaa", '"><b>', "2026-01-02", entry(claim), commit="<i>")
    text = log_page.html(shown(tmp_path), folder="<log>")
    page = Page(text)
    assert "<script" not in text
    assert "<b>" not in text
    assert "http" not in text
    assert "<script>alert('x')</script> & more" in page.text
    assert "1 of 1 claim is supported; none was judged twice" in page.text


def test_sixty_runs_are_narrow_columns_and_three_are_not(tmp_path):
    writer = Writer(tmp_path)
    writer.register(FIRST)
    for number in range(60):
        writer.run(f"{number:08x}", f"checkpoint-{number % 20}", f"2026-01-01T08:{number:02}", entry(FIRST))
    text = log_page.html(shown(tmp_path), folder="log")
    assert '<table class="matrix timeline dense">' in text
    assert len(Page(text).row(FIRST.id)) == 62
    few = log_page.html(shown(tmp_path, checkpoint="checkpoint-1"), folder="log")
    assert '<table class="matrix timeline">' in few
    assert [cell[2] for cell in Page(few).row(FIRST.id)[1:-1]] == ["✓"] * 3
    assert "1 of 1 claim got the same verdict in every run" in few


def test_the_page_shows_changes_and_damage(log, capsys, tmp_path):
    with (log / "one.jsonl").open("a") as file:
        file.write("broken\n")
    status, _, err = recint(capsys, "--log", log, "--changes", "aa11", "bb22", "--html", tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text())
    assert status == 0
    assert "From run aa11aaaa (one, 2026-01-02 08:00) to run bb22bbbb" in page.text
    assert "l0.looks-back: refuted in one, now supported" in page.text
    assert "model.predicts: judged in aa11aaaa only" in page.text
    assert "dirty: false → true" in page.text
    assert len(page.row(FIRST.id)) == 4
    assert len(err.splitlines()) == 2
    assert all(line.removeprefix("recint: ") in page.text for line in err.splitlines())


def test_a_look_into_the_log_does_not_load_the_models_stack():
    code = "import sys, recint.pages.log_page; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
