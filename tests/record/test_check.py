"""A log is checked as a whole: whatever is done to a line of it is named, and nothing is where nothing was done."""

import json
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recint import shipped
from recint.record import registration
from recint.record.chain import split
from recint.record.check import check

from .made_up import CLAIM, NOW, OTHER, PROCEDURE, WEIGHTS, keep, registrations
from .test_git import commit, in_git

CURRENT = PROCEDURE[0]["hash"]


def checked(folder):
    return check(folder, procedure=CURRENT)


def findings(folder):
    """The findings, without the folder."""
    return [sentence.removeprefix(f"{folder}/") for sentence in checked(folder).findings]


def make(folder):
    """Two checkpoints with a run each: 8 lines of the log in two files, beside those of the claims."""
    registration.register(folder, [*registrations(CLAIM, OTHER, WEIGHTS), *PROCEDURE], when=NOW)
    keep(folder, "a")
    keep(folder, "b", name="n", when="2026-01-02T00:00:00+00:00")


@pytest.fixture
def kept(tmp_path):
    make(tmp_path)
    return tmp_path


def make_in_commit(repository, folder):
    """The same in a folder of a new repository, in a commit. Returns the folder."""
    folder.mkdir(exist_ok=True)
    in_git(repository, "init", "-q")
    make(folder)
    commit(repository)
    return folder


@pytest.fixture
def committed(tmp_path):
    return make_in_commit(tmp_path, tmp_path / "log")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A log for tests that put other files in place of these."""
    folder = tmp_path_factory.mktemp("made")
    return make_in_commit(folder, folder)


@pytest.fixture(scope="module")
def made(repository):
    """The bytes of its files, by name."""
    return {path.name: path.read_bytes() for path in repository.glob("*.jsonl")}


@st.composite
def tampered(draw, made):
    """The files of a log with something done to one of them: its name, the index of the line, and all files."""
    name = draw(st.sampled_from(sorted(made)))
    kept = split(made[name])
    index = draw(st.integers(0, len(kept) - 1))
    match draw(st.sampled_from(["remove", "swap", "edit", "insert"])):
        case "remove":
            del kept[index]
        case "swap":
            other = draw(st.integers(0, len(kept) - 1).filter(lambda place: place != index))
            kept[index], kept[other] = kept[other], kept[index]
        case "edit":
            line = bytearray(kept[index])
            place = draw(st.integers(0, len(line) - 1))
            line[place] = draw(st.integers(0, 255).filter(lambda byte: byte != kept[index][place]))
            kept[index] = bytes(line)
        case "insert":
            kept.insert(index, draw(st.sampled_from([b"", b"{}", json.dumps(registered_again()).encode()])))
    return name, index, made | {name: b"".join(line + b"\n" for line in kept)}


def put(folder, content):
    for name, bytes_ in content.items():
        (folder / name).write_bytes(bytes_)


def registered_again():
    (line,) = registrations(CLAIM)
    return {"kind": "registered", "when": "2025-01-01T00:00:00+00:00"} | {
        key: line[key] for key in ("claim", "hash", "fields")
    }


class TestTampering:
    @given(st.data())
    def test_what_is_done_to_a_line_that_is_followed_is_found(self, made, tmp_path_factory, data):
        """A later line, or a later run, follows every line but the last one of the last run."""
        name, index, content = data.draw(tampered(made))
        assume(name != "n.jsonl" or index < len(split(made[name])) - 1)
        folder = tmp_path_factory.mktemp("tampered")
        put(folder, content)
        assert checked(folder).findings

    @settings(max_examples=25)  # each asks git
    @given(st.data())
    def test_what_is_done_to_a_line_that_is_committed_is_found(self, made, repository, data):
        """The last line is among them."""
        try:
            put(repository, data.draw(tampered(made))[2])
            assert checked(repository).findings
        finally:
            put(repository, made)

    def test_a_file_whose_end_was_cut_off_is_named_by_a_later_run_that_saw_it(self, kept):
        path = kept / "m.jsonl"
        run, *verdicts = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(run)
        assert findings(kept) == ["n.jsonl:1: m.jsonl is cut: run b saw a line at its end that is gone"]
        path.write_bytes(b"".join([run, *verdicts[:-1]]))
        assert "m.jsonl:2: run a has 2 verdicts, but its lines say 3" in findings(kept)
        path.unlink()
        assert findings(kept) == ["n.jsonl:1: m.jsonl is cut: run b saw a line at its end that is gone"]

    def test_a_line_that_cannot_be_read_is_named(self, kept):
        path = kept / "n.jsonl"
        path.write_bytes(path.read_bytes()[:-5])
        found = checked(kept)
        assert f"{path}:4: is not a line of JSON, and is left out" in found.findings
        assert "no verdict of this log is confirmatory until the lost lines are put back" in found.notes


class TestNothing:
    def test_what_nobody_touched(self, committed):
        found = checked(committed)
        assert (found.findings, found.notes) == ((), ())
        assert {path.name: len(chain.lines) for path, chain in found.chains.items()} == {
            "claims.jsonl": 5,
            "m.jsonl": 4,
            "n.jsonl": 4,
        }
        assert found.first.keys() == {"a", "b"}

    def test_a_run_that_is_not_committed_has_no_first_commit(self, committed):
        keep(committed, "c", when="2026-01-03T00:00:00+00:00")
        found = checked(committed)
        assert (found.findings, found.first.keys()) == ((), {"a", "b"})

    def test_a_log_without_git_is_checked_by_its_chain_alone(self, kept):
        found = checked(kept)
        assert (found.findings, found.first) == ((), None)
        assert found.notes == (f"{kept} is in no commit of git: only the chain could be checked",)

    def test_branches_that_git_merged_are_noted(self, committed):
        top = committed.parent
        (top / ".gitattributes").write_text("*.jsonl merge=union\n")
        commit(top)
        in_git(top, "checkout", "-q", "-b", "side")
        keep(committed, "c", when="2026-01-03T00:00:00+00:00")
        commit(top)
        in_git(top, "checkout", "-q", "main")
        keep(committed, "d", when="2026-01-04T00:00:00+00:00")
        commit(top)
        in_git(top, "merge", "-q", "side")
        found = checked(committed)
        said = f"{committed}/m.jsonl:9: follows the same line as line 5: two branches were merged"
        assert (found.findings, found.notes) == ((), (said,))
        keep(committed, "e", when="2026-01-05T00:00:00+00:00")
        commit(top)
        assert checked(committed).findings == ()

    def test_lines_from_before_the_chain_are_checked_from_their_anchor_on(self, made, tmp_path):
        """Old lines follow nothing, and have their claims as a list; what is done to them is found once a line follows them."""
        for name, content in made.items():
            old = [unchained(line) for line in split(content)]
            (tmp_path / name).write_bytes(b"".join(line + b"\n" for line in old))
        assert checked(tmp_path).findings == ()
        keep(tmp_path, "c", when="2026-01-03T00:00:00+00:00")
        assert checked(tmp_path).findings == ()
        path = tmp_path / "m.jsonl"
        path.write_bytes(
            path.read_bytes().replace(b'"seconds": 0.0', b'"seconds": 9.0').replace(b'"draws": 2', b'"draws": 3', 1)
        )
        assert findings(tmp_path) == [
            "m.jsonl:5: is chained to other bytes than stand above it: a line above it was edited, removed or inserted"
        ]

    def test_verdicts_by_another_procedure_are_noted(self, kept):
        found = check(kept, procedure="another")
        assert found.findings == ()
        assert "the verdicts of a, b were not derived again: another procedure gave them" in found.notes

    def test_an_empty_log(self, tmp_path):
        found = checked(tmp_path)
        assert (found.findings, found.chains) == ((), {})

    def test_the_shipped_log_has_no_findings(self):
        assert checked(Path(shipped.record(shipped.CLAIMS, "log"))).findings == ()


def unchained(line):
    content = json.loads(line)
    del content["before"]
    content.pop("of", None)
    content.pop("heads", None)
    if content["kind"] == "run":
        content["registered"] = []
        del content["registered_upto"]
    return json.dumps(content).encode()
