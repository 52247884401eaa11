"""What a check found, as somebody reads it."""

from pathlib import Path

from recint.pages.check_page import summary, terminal
from recint.record.chain import Chain, extended
from recint.record.check import Checked
from recint.record.git_history import Commit

OLD = b'{"kind": "made up"}\n'
FILES = {Path("log/m.jsonl"): Chain(extended(OLD, [{"kind": "made up"}] * 2)), Path("log/n\x1b.jsonl"): Chain(OLD)}
RUNS = [{"run": "aa11", "when": "2026-01-02T08:00:00+00:00"}, {"run": "bb22", "when": "2026-01-03T08:00:00+00:00"}]
FIRST = {"aa11": Commit("c0ffee" * 6, "2026-01-02T09:00:00+00:00", ())}


def test_files_first_commits_and_one_sentence():
    files, runs, told = terminal(Checked((), (), FILES, FIRST), RUNS).split("\n\n")
    assert [line.split() for line in files.splitlines()] == [
        ["file", "lines", "chained"],
        ["m.jsonl", "3", "from", "line", "2", "on"],
        ["n\\x1b.jsonl", "1", "not", "yet"],
    ]
    assert [line.split() for line in runs.splitlines()] == [
        ["run", "began", "first", "in", "commit", "of"],
        ["aa11", "2026-01-02", "08:00", "c0ffeec0ffee", "2026-01-02", "09:00"],
        ["bb22", "2026-01-03", "08:00", "none", "yet"],
    ]
    assert told == (
        "4 lines in 2 files, 2 of them chained: nothing was edited, removed, reordered or inserted, and their verdicts follow."
    )


def test_findings_come_after_notes_and_are_counted():
    found = Checked(("m.jsonl:2: one", "m.jsonl:3: two"), ("note",), FILES, None)
    *_, notes, findings, told = terminal(found, RUNS).split("\n\n")
    assert (notes, findings) == ("note", "m.jsonl:2: one\nm.jsonl:3: two")
    assert told == "4 lines in 2 files, 2 of them chained: 2 findings."


def test_where_nothing_is_chained_nothing_is_promised():
    assert summary(Checked((), (), {Path("m.jsonl"): Chain(OLD)}, None)) == (
        "1 line in 1 file, 0 of them chained: no finding, but without a chain only git and the registered claims could tell."
    )
