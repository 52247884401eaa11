"""What git saw: a commit that lost lines is named, and the commit that first held a line."""

import json
import subprocess

import pytest

from recint.record.chain import extended, split
from recint.record.git_history import past

from .test_git import commit, in_git

OLD = b"".join(json.dumps({"kind": "made up", "number": number}).encode() + b"\n" for number in range(3))


def lines(*numbers):
    return [{"kind": "made up", "number": number} for number in numbers]


@pytest.fixture
def log(tmp_path):
    """The folder of a log in a repository, with one commit of old lines."""
    folder = tmp_path / "project" / "log"
    folder.mkdir(parents=True)
    in_git(folder.parent, "init", "-q")
    put(folder, OLD)
    return folder


def put(folder, content, name="m.jsonl"):
    """Write a file and commit it. Returns the first digits of the commit."""
    (folder / name).write_bytes(content)
    return commit(folder)[:7]


def flaws(folder):
    return [sentence.removeprefix(str(folder)) for sentence in past(folder, ()).flaws]


def head(folder, name="HEAD"):
    return subprocess.run(["git", "rev-parse", name], cwd=folder, capture_output=True, text=True).stdout.strip()


def test_lines_that_are_only_added_are_as_they_should_be(log):
    first, added = head(log), extended(OLD, lines(3, 4))
    put(log, added)
    (log / "m.jsonl").write_bytes(extended(added, lines(5)))
    wanted = [split(OLD)[0], split(added)[3], split(extended(added, lines(5)))[-1]]
    found = past(log, wanted)
    assert (found.flaws, found.shallow) == ([], False)
    assert {line: made.hash for line, made in found.first.items()} == {wanted[0]: first, wanted[1]: head(log)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda kept: kept.pop(1), "lost or changed 1 of 5 lines, the first of them line 2"),
        (lambda kept: kept.pop(), "lost or changed 1 of 5 lines, the first of them line 5"),
        (lambda kept: kept.__setitem__(0, b"{}"), "lost or changed 1 of 5 lines, the first of them line 1"),
        (lambda kept: kept.insert(1, b"{}"), "moved lines, or inserted some above others"),
        (lambda kept: kept.insert(0, kept.pop(1)), "moved lines, or inserted some above others"),
        (lambda kept: kept.clear(), "lost or changed 5 of 5 lines, the first of them line 1"),
    ],
)
def test_a_commit_that_lost_or_moved_lines_is_named(log, change, said):
    put(log, extended(OLD, lines(3, 4)))
    kept = split((log / "m.jsonl").read_bytes())
    change(kept)
    (log / "m.jsonl").write_bytes(b"".join(line + b"\n" for line in kept))
    last = commit(log)[:7]
    (told,) = [sentence for sentence in flaws(log) if last in sentence]
    assert told.startswith(f"/m.jsonl: commit {last} (20")
    assert told.endswith(said)


def test_lines_that_come_back_do_not_hide_the_commit_that_lost_them(log):
    lost = put(log, OLD[: len(OLD) // 3])
    put(log, OLD)
    (told,) = flaws(log)
    assert told.startswith(f"/m.jsonl: commit {lost} ")


def test_a_file_that_is_gone_is_named(log):
    last = put(log, OLD, "other.jsonl")
    (log / "other.jsonl").unlink()
    (told,) = flaws(log)
    assert told.startswith(
        f"/other.jsonl: the file on disk lost or changed 3 of 3 lines, the first of them line 1, which commit {last}"
    )
    gone = commit(log)[:7]
    (told,) = flaws(log)
    assert told.startswith(f"/other.jsonl: commit {gone} ")


def test_lines_that_the_disk_lacks_are_named(log):
    (log / "m.jsonl").write_bytes(b"".join(line + b"\n" for line in split(OLD)[:2]))
    (told,) = flaws(log)
    assert told.startswith(
        "/m.jsonl: the file on disk lost or changed 1 of 3 lines, the first of them line 3, which commit "
    )


class TestBranches:
    @pytest.fixture
    def branches(self, log):
        """Two branches that added lines to the same ones; `main` is checked out."""
        (log / ".gitattributes").write_text("*.jsonl merge=union\n")
        commit(log)
        in_git(log, "checkout", "-q", "-b", "side")
        put(log, extended(OLD, lines(10, 11)))
        in_git(log, "checkout", "-q", "main")
        put(log, extended(OLD, lines(20, 21)))
        return log

    def test_a_merge_that_keeps_the_lines_of_both_is_as_it_should_be(self, branches):
        in_git(branches, "merge", "-q", "side")
        content = (branches / "m.jsonl").read_bytes()
        assert len(split(content)) == 7
        assert flaws(branches) == []
        put(branches, extended(content, lines(30)))
        assert flaws(branches) == []

    def test_the_first_commit_of_a_line_is_that_of_its_branch(self, branches):
        line, side = split(extended(OLD, lines(10)))[-1], head(branches, "side")
        in_git(branches, "merge", "-q", "side")
        assert past(branches, {line}).first[line].hash == side

    @pytest.mark.parametrize("side", ["ours", "theirs"])
    def test_a_merge_that_lost_the_lines_of_one_is_named(self, branches, side):
        """`git log` itself leaves out a merge that is as one of its parents."""
        in_git(branches, "merge", "-q", "--no-commit", "side")
        in_git(branches, "checkout", "HEAD" if side == "ours" else "side", "--", "m.jsonl")
        lost = commit(branches)[:7]
        (told,) = flaws(branches)
        assert told.startswith(f"/m.jsonl: commit {lost} ")
        assert told.endswith("lost or changed 2 of 5 lines, the first of them line 4")

    def test_a_branch_that_was_squashed_into_one_commit_is_as_it_should_be(self, branches):
        """There the lines of the branch stand above those of `main`."""
        in_git(branches, "checkout", "-q", "side")
        in_git(branches, "merge", "-q", "main")
        in_git(branches, "checkout", "-q", "main")
        in_git(branches, "merge", "-q", "--squash", "side")
        commit(branches)
        assert b'"number": 10' in split((branches / "m.jsonl").read_bytes())[3]
        assert flaws(branches) == []


def test_a_shallow_clone_says_so(log, tmp_path):
    put(log, extended(OLD, lines(3)))
    in_git(tmp_path, "clone", "-q", "--depth", "1", f"file://{log.parent}", "clone")
    found = past(tmp_path / "clone" / "log", ())
    assert (found.shallow, found.flaws) == (True, [])


def test_where_there_is_no_commit_there_is_no_past(tmp_path):
    assert past(tmp_path, ()) is None
    in_git(tmp_path, "init", "-q")
    assert past(tmp_path, ()) is None
    assert past(tmp_path / "gone", ()) is None
