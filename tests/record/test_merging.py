"""Two sides of a conflict become one file with the lines of both."""

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recint.record.chain import Chain, extended, split
from recint.record.log import LogError
from recint.record.merging import merge, merged

from .made_up import NOW
from .test_git import commit, in_git


def lines(first, count):
    made = range(first, first + count)
    return [{"kind": "corrected", "when": NOW, "claim": "a.a", "why": str(number)} for number in made]


def conflict(base, ours, theirs, *, middle=b""):
    """A file as git leaves it, where two sides added to the same lines."""
    parts = [b"<<<<<<< HEAD\n", ours[len(base) :], middle, b"=======\n", theirs[len(base) :], b">>>>>>> side\n"]
    return base + b"".join(parts)


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_the_lines_of_both_stand_there_once_and_in_order(some, mine, others, shows_base):
    base = extended(b"", lines(0, some))
    ours, theirs = extended(base, lines(10, mine)), extended(base, lines(20, others))
    content = merged(conflict(base, ours, theirs, middle=b"||||||| 1234567\n" if shows_base else b""))
    assert content == ours + theirs[len(base) :]
    assert list(Chain(content).flaws()) == []
    assert len(list(Chain(content).forks())) == bool(mine and others)


def test_a_line_of_both_sides_stands_there_once():
    ours = theirs = extended(b"", lines(0, 2))
    assert merged(conflict(b"", ours, extended(theirs, lines(2, 1)))) == extended(theirs, lines(2, 1))


def test_several_conflicts_are_all_joined():
    first, second = (conflict(b"", extended(b"", lines(at, 1)), extended(b"", lines(at + 1, 1))) for at in (0, 2))
    whys = [json.loads(line)["why"] for line in split(merged(first + second))]
    assert whys == ["0", "1", "2", "3"]


LINE = extended(b"", lines(0, 1))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it has no conflict"),
        (LINE, "it has no conflict"),
        (b"<<<<<<< HEAD\n" + LINE, "its last conflict has no end"),
        (b"=======\n", "line 1 is the marker ======= out of place"),
        (b"<<<<<<< a\n<<<<<<< b\n", "line 2 is the marker <<<<<<< out of place"),
        (b"<<<<<<< a\n>>>>>>> b\n", "line 2 is the marker >>>>>>> out of place"),
        (conflict(b"", b"text\n", LINE), "line 2 is not a line of JSON"),
        (conflict(b"", b"\n", LINE), "line 2 is empty"),
        (conflict(b"", b'{"kind": "rumour"}\n', LINE), "line 2 has none of the kinds"),
    ],
)
def test_another_file_is_refused_and_stays(tmp_path, content, said):
    path = tmp_path / "m.jsonl"
    path.write_bytes(content)
    with pytest.raises(LogError) as refused:
        merge(path)
    assert str(refused.value).startswith(f"{path}: {said}")
    assert str(refused.value).endswith("; a file of the log with git's conflict markers is expected")
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path):
    with pytest.raises(LogError, match=r"m\.jsonl: cannot be read and written \(No such file or directory\)"):
        merge(tmp_path / "m.jsonl")


@pytest.mark.parametrize("style", ["merge", "diff3"])
def test_a_conflict_that_git_left_is_joined(tmp_path, style):
    path = tmp_path / "m.jsonl"
    in_git(tmp_path, "init", "-q")
    in_git(tmp_path, "config", "merge.conflictStyle", style)
    base = extended(b"", lines(0, 2))
    for branch, first in (("side", 10), ("main", 20)):
        if branch == "side":
            path.write_bytes(base)
            commit(tmp_path)
            in_git(tmp_path, "checkout", "-q", "-b", "side")
        else:
            in_git(tmp_path, "checkout", "-q", "main")
        path.write_bytes(extended(base, lines(first, 2)))
        commit(tmp_path)
    with pytest.raises(subprocess.CalledProcessError):
        in_git(tmp_path, "merge", "-q", "side")
    assert merge(path) == 6
    chain = Chain(path.read_bytes())
    assert (len(list(chain.forks())), list(chain.flaws())) == (1, [])
    assert [json.loads(line)["why"] for line in chain.lines] == ["0", "1", "20", "21", "10", "11"]
