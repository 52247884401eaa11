"""What git knows about the files of a log: whether all that was ever committed still stands, and what came first when."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from recint.record.chain import Chain
from recint.record.git import Refused, ask


@dataclass(frozen=True)
class Commit:
    """A commit: its hash, its time in ISO format, and the hashes of its parents."""

    hash: str
    when: str
    parents: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.hash[:7]} ({self.when[:10]})"


@dataclass(frozen=True)
class Past:
    """The history of a log's files.

    Attributes:
        flaws: a sentence for each commit that lost, changed or moved lines, and for committed lines that the disk lacks.
        first: the commit that first held a line, by the bytes of the line.
        shallow: whether the repository has a part of its history only.
    """

    flaws: list[str] = field(default_factory=list)
    first: dict[bytes, Commit] = field(default_factory=dict)
    shallow: bool = False


def past(folder: Path, wanted: Collection[bytes]) -> Past | None:
    """The history of the files in the folder of a log; None if the folder is in no repository, or nothing is committed yet.

    Args:
        wanted: the lines whose first commit is asked for.
    """
    try:
        return _past(folder, set(wanted))
    except Refused:
        return None


def _past(folder: Path, wanted: set[bytes]) -> Past:
    commits, names = list(_commits(folder)), _names(folder)
    blobs = _blobs(folder, commits, names)
    found = Past(shallow=ask(folder, "rev-parse", "--is-shallow-repository").strip() == b"true")

    @lru_cache(maxsize=8)  # a commit is compared with its parents, which were read before it
    def chain(blob: str | None) -> Chain:
        return Chain(ask(folder, "cat-file", "blob", blob) if blob else b"")

    for name in names:
        for commit in commits:
            now, before = blobs.get((commit.hash, name)), {blobs.get((parent, name)) for parent in commit.parents}
            for blob in before - {now, None}:
                if flaw := _difference(chain(blob), chain(now), merge=len(commit.parents) > 1):
                    found.flaws.append(f"{folder / name}: commit {commit} {flaw}")
            if now not in before:
                for line in wanted.intersection(chain(now).lines):
                    found.first.setdefault(line, commit)
        path, last = folder / name, chain(blobs.get((commits[-1].hash, name)))
        disk = Chain(path.read_bytes() if path.is_file() else b"")
        if flaw := _difference(last, disk, merge=False):
            found.flaws.append(f"{path}: the file on disk {flaw}, which commit {commits[-1]} has")
    return found


def _commits(folder: Path) -> Iterator[Commit]:
    """All commits of the history of the one that is checked out, every one after its parents."""
    for line in ask(folder, "log", "--topo-order", "--reverse", "--format=%H %cI %P", "HEAD").decode().splitlines():
        commit, when, *parents = line.split()
        yield Commit(commit, when, tuple(parents))


def _names(folder: Path) -> list[str]:
    """The names of all files that the log ever had in a commit."""
    listed = ask(
        folder, "log", "-m", "-z", "--format=", "--name-only", "--relative", "--full-history", "HEAD", "--", ":(glob)*.jsonl"
    )  # fmt: skip
    return sorted(
        {os.fsdecode(name) for name in listed.split(b"\0") if name.strip() and b"\n" not in name.strip(b"\n")}
    )


def _blobs(folder: Path, commits: list[Commit], names: list[str]) -> dict[tuple[str, str], str]:
    """The hash of each file's content in each commit that has it, by the hash of the commit and the name of the file."""
    asked = [(commit.hash, name) for name in names for commit in commits]
    given = b"".join(os.fsencode(f"{commit}:./{name}\n") for commit, name in asked)
    answers = ask(folder, "cat-file", "--batch-check=%(objectname)", given=given).splitlines()
    return {
        key: answer.decode() for key, answer in zip(asked, answers, strict=True) if not answer.endswith(b" missing")
    }


def _difference(old: Chain, new: Chain, *, merge: bool) -> str | None:
    """What was done to lines that stood there already; None if lines were only added.

    The lines of two branches may come in any order, also if they were squashed into one commit: the chain orders them. All lines
    that are not chained must come first and in their order, except in a merge.
    """
    there = set(new.lines)
    lost = [index for index, line in enumerate(old.lines) if line not in there]
    if lost:
        return f"lost or changed {len(lost)} of {len(old.lines)} lines, the first of them line {lost[0] + 1}"
    before, now = (
        [line for line, follows in zip(chain.lines, chain.before, strict=True) if not follows] for chain in (old, new)
    )
    if not merge and now[: len(before)] != before:
        return "moved lines, or inserted some above others"
    return None
