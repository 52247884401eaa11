"""Files of the research log: JSON lines, to which lines are only added.

A folder holds `claims.jsonl` (`registered`, `amended` and `corrected` lines) and a file for each checkpoint (`run` and
`verdict` lines). Users should commit it. A run writes its `run` line before it shows its first verdict. So a run that somebody
looked at and then stopped is in the log too. Its verdicts follow when they are settled. Each addition replaces the file as a
whole, under a lock: if a run is killed, at any moment, all earlier lines stay as they were.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from recint import shipped
from recint.judging.entry import Entry
from recint.record import git, verdict_file
from recint.record.lines import KINDS, Line, parsed
from recint.record.log import Log, LogError, Settled
from recint.system.files import atomic, is_writable

CLAIMS = "claims.jsonl"
LOCK = ".lock"
_INSTEAD = "name another folder with --log, or judge with --no-log"  # of a folder that cannot be written


def now() -> str:
    """The time in the form that lines have: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def folder_of(claims: Path, chosen: str | None) -> Path:
    """The folder of the log for a folder of claims: the chosen one, or else the one that `shipped.record` names."""
    return Path(chosen) if chosen else shipped.record(claims, "log")


def file_of(folder: Path, checkpoint: str) -> Path:
    """The file for runs on a checkpoint with this name."""
    return folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', checkpoint)}.jsonl"


def read(folder: Path) -> Log:
    """Everything that can be read in a folder; an empty log if the folder does not exist.

    A run reads its log several times. Files that have not changed in between are not parsed again.

    Raises:
        LogError: a whole file cannot be read.
    """
    return _read(tuple((path, *_state(path)) for path in sorted(folder.glob("*.jsonl"))))


def _state(path: Path) -> tuple[int, ...]:
    """Numbers that change when a file of the log is written; none for a file that is gone."""
    try:
        of = path.stat()
    except OSError:  # reading the file then says why
        return ()
    return of.st_ino, of.st_size, of.st_mtime_ns


@lru_cache(maxsize=1)
def _read(files: tuple[tuple[Any, ...], ...]) -> Log:
    """The log in these files. Each comes with its state, so that a file that changed is read again."""
    found: dict[str, dict[tuple[str, ...], Line]] = {kind: {} for kind in KINDS}
    damaged = []
    for path, *_ in files:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise LogError(f"{path}: cannot be read ({error.strerror})") from None
        for number, line in enumerate(parsed(content), start=1):
            if isinstance(line, str):
                damaged.append(f"{path}:{number}: {line}")
            elif found[line["kind"]].setdefault(_told_apart_by(line), line) != line:
                damaged.append(f"{path}:{number}: {_ANOTHER[line['kind']]}, and is left out".format(**line))
    runs = sorted(found["run"].values(), key=lambda line: str(line["when"]))
    return Log(
        tuple(found["registered"].values()),
        tuple(found["amended"].values()),
        tuple(runs),
        tuple(Settled(line["run"], verdict_file.entry(line)) for line in found["verdict"].values()),
        tuple(damaged),
        tuple(found["corrected"].values()),
    )


# A merge may repeat lines (git's driver `union` does), and repeated lines count once. But a run has one line, and one verdict on a
# claim: a second line that differs is damaged.
_ANOTHER = {
    "run": "is another line of run {run} than the first",
    "verdict": "is another verdict on {id} in run {run} than the first",
}


def _told_apart_by(line: Line) -> tuple[str, ...]:
    """The key of a line among those of its kind. Two lines with the same key must be the same line."""
    match line:
        case {"kind": "run", "run": run}:
            return (run,)
        case {"kind": "verdict", "run": run, "id": claim}:
            return (run, claim)
    return (json.dumps(line, sort_keys=True),)


def append(path: Path, lines: Sequence[Line]) -> None:
    """Add lines to a file of the log. If the process is killed meanwhile, no line is added.

    Raises:
        LogError: the folder or file cannot be written.
    """
    # Names of files may hold half a character, which cannot be encoded. JSON can hold it as an escape.
    added = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode(errors="backslashreplace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (ignored := path.parent / ".gitignore").exists():
            ignored.write_text(f"{LOCK}\n.*.partial\n")
        with FileLock(path.parent / LOCK):
            for left_by_a_kill in path.parent.glob(f".{path.name}.*.partial"):
                left_by_a_kill.unlink()
            known = path.read_bytes() if path.exists() else b""
            closed = known if known.endswith(b"\n") or not known else known + b"\n"
            with atomic(path) as temporary:
                temporary.write_bytes(closed + added)
    except OSError as error:
        raise LogError(f"{error.filename or path}: cannot be written ({error.strerror}); {_INSTEAD}") from None


def require_writable(folder: Path) -> None:
    """Raises LogError if lines cannot be added to a log in this folder."""
    if not is_writable(folder):
        raise LogError(f"{folder}: cannot be written; {_INSTEAD}")


def run_line(
    folder: Path,
    code: git.Code,
    *,
    checkpoint: Mapping[str, Any],
    environment: Mapping[str, str],
    when: str,
    **how: Any,
) -> dict[str, Any]:
    """The line of a run that begins now, with this code; `how` is its seed, draws and profile."""
    return {
        "kind": "run",
        "run": secrets.token_hex(4),
        "when": when,
        "checkpoint": checkpoint,
        "environment": environment,
        **how,
        "commit": code.commit,
        "dirty": code.dirty,
        "registered": committed_hashes(folder),
    }


def code_of(claims: Path) -> git.Code:
    """Whether the modules of a folder of claims are in a commit. If recint is under git, its own modules count too."""
    return git.code(claims, Path(__file__).parents[1])


def committed_hashes(folder: Path) -> list[str]:
    """Hashes of the claims that are registered in the commit that is checked out."""
    lines = parsed(git.committed(folder / CLAIMS) or b"")
    found = [line["hash"] for line in lines if not isinstance(line, str) and line["kind"] == "registered"]
    return list(dict.fromkeys(found))


def verdict_line(settled: Settled) -> dict[str, Any]:
    """A verdict as a line."""
    return {"kind": "verdict", "run": settled.run, **verdict_file.plain(settled.entry)}


def verdict_lines(run: str, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The settled entries of a run, as lines."""
    return [verdict_line(Settled(run, entry)) for entry in entries]
