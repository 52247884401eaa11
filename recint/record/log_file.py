"""Files of the research log: JSON lines, to which lines are only added.

A folder holds `claims.jsonl` (`registered`, `amended` and `corrected` lines) and a file for each checkpoint (`run` and
`verdict` lines). Users should commit it. A run writes its `run` line before it shows its first verdict. So a run that somebody
looked at and then stopped is in the log too. Its verdicts follow when they are settled. Each addition replaces the file as a
whole, under a lock: if a run is killed, at any moment, all earlier lines stay as they were. Each line is chained to the one
before it; see `chain`.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from recint import shipped
from recint.judging.entry import Entry
from recint.record import git, verdict_file
from recint.record.chain import Chain, Follows, extended, packed, split, unpacked
from recint.record.lines import KINDS, Line, marker, parsed
from recint.record.log import Log, LogError, Settled
from recint.system.escaping import command
from recint.system.files import atomic, is_writable, write
from recint.system.files import read as read_file

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
    return _read(folder / CLAIMS, tuple((path, *_state(path)) for path in sorted(folder.glob("*.jsonl"))))


def _state(path: Path) -> tuple[int, ...]:
    """Numbers that change when a file of the log is written; none for a file that is gone."""
    try:
        of = path.stat()
    except OSError:  # reading the file then says why
        return ()
    return of.st_ino, of.st_size, of.st_mtime_ns


@lru_cache(maxsize=1)
def _read(registered: Path, states: tuple[tuple[Any, ...], ...]) -> Log:
    """The log in these files. Each comes with its state, so that a file that changed is read again.

    Args:
        registered: the one among them that has the claims.
    """
    files = _contents(path for path, *_ in states)
    claims = Chain(files.get(registered, b""))
    found: dict[str, dict[tuple[str, ...], Line]] = {kind: {} for kind in KINDS}
    damaged = []
    for path, content in files.items():
        for number, line in enumerate(parsed(content), start=1):
            if isinstance(line, str):
                damaged.append(f"{path}:{number}: {line}, and is left out")
                continue
            line = {name: value for name, value in line.items() if name != "before"}
            if line["kind"] == "run" and "registered_upto" in line:
                seen = _registered(claims, unpacked(line["registered_upto"]))
                if seen is None:
                    damaged.append(f"{path}:{number}: {_SEEN.format(**line)}")
                line |= {"registered": seen or []}
            if found[line["kind"]].setdefault(_told_apart_by(line), line) != line:
                damaged.append(f"{path}:{number}: {_ANOTHER[line['kind']]}, and is left out".format(**line))
    runs = sorted(found["run"].values(), key=lambda line: str(line["when"]))
    log = Log(
        tuple(found["registered"].values()),
        tuple(found["amended"].values()),
        tuple(runs),
        damaged=tuple(damaged),
        corrected=tuple(found["corrected"].values()),
    )
    verdicts = (
        Settled(line["run"], verdict_file.entry(line, log.fields.get(line["hash"], {})))
        for line in found["verdict"].values()
    )
    return replace(log, verdicts=tuple(verdicts))


def contents(folder: Path) -> dict[Path, bytes]:
    """The bytes of every file of a log.

    Raises:
        LogError: a file cannot be read.
    """
    return _contents(sorted(folder.glob("*.jsonl")))


def _contents(paths: Iterable[Path]) -> dict[Path, bytes]:
    try:
        return {(reading := path): read_file(path) for path in paths}
    except OSError as error:
        raise LogError(f"{reading}: cannot be read ({error.strerror})") from None


def _registered(claims: Chain, upto: Follows) -> list[str] | None:
    """The hashes of the claims that were registered when these were the last lines of `claims.jsonl`; None if one is gone."""
    places, lines = claims.upto(upto), parsed(claims.content)
    return None if places is None else _hashes(lines[place] for place in places)


def _hashes(lines: Iterable[Line | str]) -> list[str]:
    found = [line["hash"] for line in lines if not isinstance(line, str) and line["kind"] == "registered"]
    return list(dict.fromkeys(found))


_SEEN = "run {run} saw a line of claims.jsonl that is gone, so that none of its claims counts as registered"
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
    """Add lines to a file of the log, each chained to the one before. If the process is killed meanwhile, no line is added.

    Raises:
        LogError: the folder or file cannot be written, or git left a conflict in the file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (ignored := path.parent / ".gitignore").exists():
            write(ignored, f"{LOCK}\n.*.partial\n")
        with FileLock(path.parent / LOCK):
            for left_by_a_kill in path.parent.glob(f".{path.name}.*.partial"):
                left_by_a_kill.unlink()
            known = path.read_bytes() if path.exists() else b""
            _require_merged(path, known)
            with atomic(path) as temporary:
                temporary.write_bytes(extended(known, lines))
    except OSError as error:
        raise LogError(f"{error.filename or path}: cannot be written ({error.strerror}); {_INSTEAD}") from None


def require_writable(folder: Path) -> None:
    """Raises LogError if lines cannot be added to a log in this folder: it is no such folder, or git left a conflict in it."""
    if not is_writable(folder):
        raise LogError(f"{folder}: cannot be written; {_INSTEAD}")
    for path, content in contents(folder).items():
        _require_merged(path, content)


def _require_merged(path: Path, content: bytes) -> None:
    for number, line in enumerate(split(content), start=1):
        if sign := marker(line):
            join = command("recint", "log", "--merge", str(path))
            raise LogError(
                f"{path}:{number}: is the conflict marker {sign.decode()} of git, and no line is added to a log with a conflict; "
                f"join both sides with `{join}`"
            )


def run_line(
    folder: Path,
    code: git.Code,
    *,
    checkpoint: Mapping[str, Any],
    environment: Mapping[str, str],
    when: str,
    **how: Any,
) -> dict[str, Any]:
    """The line of a run that begins now, with this code; `how` is its seed, draws and profile.

    It names the last lines that the files of the log have now, and the last line of `claims.jsonl` in the commit that is checked
    out. So it is noticed if lines are cut off later, and it is known which claims were registered.
    """
    ends = {path.name: packed(Chain(content).ends) for path, content in contents(folder).items() if content}
    return {
        "kind": "run",
        "run": secrets.token_hex(4),
        "when": when,
        "checkpoint": checkpoint,
        "environment": environment,
        **how,
        "commit": code.commit,
        "dirty": code.dirty,
        "registered_upto": packed(Chain(_committed(folder)).ends),
        "heads": ends,
    }


def code_of(claims: Path) -> git.Code:
    """Whether the modules of a folder of claims are in a commit. If recint is under git, its own modules count too."""
    return git.code(claims, Path(__file__).parents[1])


def committed_hashes(folder: Path) -> list[str]:
    """Hashes of the claims that are registered in the commit that is checked out."""
    return _hashes(parsed(_committed(folder)))


def _committed(folder: Path) -> bytes:
    return git.committed(folder / CLAIMS) or b""


def verdict_line(settled: Settled) -> dict[str, Any]:
    """A verdict as a line."""
    return {"kind": "verdict", "run": settled.run, **verdict_file.plain(settled.entry)}


def verdict_lines(run: str, entries: Sequence[Entry], known: Log) -> list[dict[str, Any]]:
    """The settled entries of a run, as lines. What `read` puts in place again is left out.

    Args:
        known: the log, with the claims that are registered in it.
    """
    of = {"kind": "verdict", "run": run, "of": len(entries)}
    return [of | verdict_file.short(entry, known.fields.get(entry.hash, {})) for entry in entries]
