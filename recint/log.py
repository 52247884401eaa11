"""The research log: what was claimed, what was run, and what came of it, as JSON lines that are only ever added to.

A folder holds `claims.jsonl` (`registered` and `amended` lines) and a file for each checkpoint (`run` and `verdict` lines);
it is meant to be committed. A `run` line is written before the first verdict is shown, so that a run that somebody stopped
after a look at it is on record too; the verdicts follow when they are settled. Each addition takes the file's place as a
whole, under a lock: a run that is killed at any moment leaves all earlier lines as they were.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from filelock import FileLock

from recint import git, shipped
from recint.files import atomic, is_writable
from recint.verdict import Verdict

if TYPE_CHECKING:  # which would load torch
    from recint.claim import Claim

CLAIMS = "claims.jsonl"
LOCK = ".lock"
# What a line of each kind must have to be read.
_KEYS = {
    "registered": {"when", "claim", "hash", "fields"},
    "amended": {"when", "claim", "from", "to", "why"},
    "run": {"run", "when", "checkpoint", "environment", "seed", "draws", "profile", "commit", "dirty", "registered"},
    "verdict": {"run", "id", "hash", "version", "verdict", "value", "estimate", "relation", "threshold", "statistic"},
}

# Of a claim's fields, those that a verdict line has too.
_SHARED = ("statement", "statistic", "relation", "threshold", "quantifier")

Line = Mapping[str, Any]
Standing = Literal["confirmatory", "exploratory"]


class LogError(ValueError):
    """A log that a run cannot go on with: a claim was changed without a new version, or its folder cannot be written."""


@dataclass(frozen=True)
class Log:
    """The lines of a folder, by kind and in the order in which they were written.

    Attributes:
        runs: from the earliest on.
        damaged: one sentence, with file and line number, for each line that could not be read; all others are used.
    """

    registered: tuple[Line, ...] = ()
    amended: tuple[Line, ...] = ()
    runs: tuple[Line, ...] = ()
    verdicts: tuple[Line, ...] = ()
    damaged: tuple[str, ...] = ()

    @cached_property
    def lost(self) -> bool:
        """Whether lines cannot be read, or are missing: verdicts of a run that is not there."""
        return bool(self.damaged) or not self.settled.keys() <= self._numbered.keys()

    @cached_property
    def settled(self) -> dict[str, list[Line]]:
        """The verdicts by run; a run that was stopped before them is not there."""
        return by_run(self.verdicts)

    def verdicts_of(self, run: str) -> list[Line]:
        """What was settled in a run; nothing if it was stopped before."""
        return self.settled.get(run, [])

    def on(self, checkpoint: str) -> tuple[Line, ...]:
        """The runs on a checkpoint of this name, or on tensors whose hash begins so (with 8 digits or more)."""

        def named(of: Mapping[str, Any]) -> bool:
            return of["name"] == checkpoint or (len(checkpoint) >= 8 and of["sha256"].startswith(checkpoint))

        return tuple(run for run in self.runs if named(run["checkpoint"]))

    @cached_property
    def _first(self) -> dict[str, Line]:
        """The first run on the tensors of each hash."""
        return {line["checkpoint"]["sha256"]: line for line in reversed(self.runs)}

    def standing(self, run: str, claim_hash: str) -> Standing:
        """Whether a run's verdict on a claim confirms. It does if

        - the claim was registered, in a commit without changes beside it, before its tensors were evaluated for the first time,
        - the run was made with that very code, which the hash of a claim does not cover, and
        - it is the first that judged the claim on these tensors: a further seed is another look.

        If not, it explores: the claim, or how it was asked, may have been made to fit. Where lines are lost, the first look
        may be among them, and nothing confirms until they are put back."""
        own = self._numbered.get(run)
        if own is None or self.lost:
            return "exploratory"
        tensors = own["checkpoint"]["sha256"]
        first = self._first[tensors]
        as_registered = first["dirty"] is False and claim_hash in first["registered"]
        same_code = own["dirty"] is False and own["commit"] == first["commit"]
        first_verdict = self.judged.get((tensors, claim_hash), run) == run
        return "confirmatory" if as_registered and same_code and first_verdict else "exploratory"

    @cached_property
    def judged(self) -> dict[tuple[str, str], str]:
        """The first run that settled a verdict, by tensor hash and claim hash."""
        found: dict[tuple[str, str], str] = {}
        for run in self.runs:
            for line in self.verdicts_of(run["run"]):
                found.setdefault((run["checkpoint"]["sha256"], line["hash"]), run["run"])
        return found

    @cached_property
    def begun(self) -> dict[tuple[str, str], str]:
        """The run by the hash of its tensors and the second in which it began, which is what a verdict file tells of it."""
        return {(line["checkpoint"]["sha256"], line["when"]): line["run"] for line in self.runs}

    @cached_property
    def _numbered(self) -> dict[str, Line]:
        return {line["run"]: line for line in self.runs}


def by_run(verdicts: Iterable[Line]) -> dict[str, list[Line]]:
    """Verdict lines, together if they are of the same run."""
    found: dict[str, list[Line]] = {}
    for line in verdicts:
        found.setdefault(line["run"], []).append(line)
    return found


def now() -> str:
    """The time as lines tell it: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def folder_of(claims: Path, chosen: str | None) -> Path:
    """Where the log of a folder of claims is: as `shipped.record` says, if no other folder was chosen."""
    return Path(chosen) if chosen else shipped.record(claims, "log")


def read(folder: Path) -> Log:
    """All that can be read of a folder; an empty log if there is none."""
    found: dict[str, list[Line]] = {kind: [] for kind in _KEYS}
    damaged = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, text in enumerate(path.read_bytes().splitlines(), start=1):
            line = _parsed(text)
            if isinstance(line, str):
                damaged.append(f"{path}:{number}: {line}")
            else:
                found[line["kind"]].append(line)
    runs = sorted(found["run"], key=lambda line: str(line["when"]))
    return Log(
        tuple(found["registered"]), tuple(found["amended"]), tuple(runs), tuple(found["verdict"]), tuple(damaged)
    )


def _parsed(text: bytes) -> Line | str:
    """The line, or what is wrong with it."""
    try:
        line = json.loads(text)
    except ValueError:
        return "is not a line of JSON, and is left out"
    if not isinstance(line, dict) or line.get("kind") not in _KEYS:
        return f"has none of the kinds {', '.join(_KEYS)}, and is left out"
    if missing := sorted(_KEYS[line["kind"]] - line.keys()):
        return f"is a {line['kind']} line without {', '.join(missing)}, and is left out"
    if not _readable(line):
        return f"is a {line['kind']} line with a value of the wrong kind, and is left out"
    return line


def _readable(line: Line) -> bool:
    """Whether what is looked up in a line is there, and of its type."""
    match line:
        case {"kind": "registered", "when": str(), "claim": str(), "hash": str(), "fields": {"statement": str()}}:
            return True
        case {"kind": "amended", "when": str(), "claim": str(), "from": int(), "to": int(), "why": str()}:
            return True
        case {
            "kind": "run", "run": str(), "when": str(), "checkpoint": {"name": str(), "sha256": str()},
            "environment": dict(), "registered": list(),
        }:  # fmt: skip
            return True
        case {
            "kind": "verdict", "run": str(), "id": str(), "hash": str(), "value": int() | float() | None,
            "estimate": {"ci": [_, _]} | None, "threshold": int() | float(),
        }:  # fmt: skip
            return line["verdict"] in get_args(Verdict)
    return False


def append(path: Path, lines: Sequence[Line]) -> None:
    """Add lines to a file of the log, all of them or, if the process is killed meanwhile, none.

    Raises:
        LogError: the folder or file cannot be written.
    """
    text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
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
                temporary.write_bytes(closed + text.encode())
    except OSError as error:
        raise LogError(
            f"{error.filename or path}: cannot be written ({error.strerror}); name another folder with --log, or give --no-log"
        ) from None


def require_writable(folder: Path) -> None:
    """Raises LogError if lines could not be added to a log in this folder."""
    if not is_writable(folder):
        raise LogError(f"{folder}: cannot be written; name another folder with --log, or give --no-log")


def file_of(folder: Path, checkpoint: str) -> Path:
    """Where the runs on a checkpoint of this name are kept."""
    return folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', checkpoint)}.jsonl"


def registration(claim: Claim) -> dict[str, Any]:
    """What the log keeps of a claim, but for the time."""
    return {
        "claim": claim.id,
        "hash": claim.hash,
        "fields": dict(claim.registered),
        "name": claim.name,
        "version": claim.version,
        "because": claim.because,
    }


def register(folder: Path, claims: Iterable[Mapping[str, Any]], *, when: str) -> list[str]:
    """Register those claims (as `registration` tells them) that are new, with the reason if they amend another.

    Returns the ids of those that are new.

    Raises:
        LogError: a claim differs from what is registered under its id.
    """
    log, claims = read(folder), list(claims)
    require_unmoved(log, claims)
    known = {line["hash"] for line in log.registered}
    new = [claim for claim in claims if claim["hash"] not in known]
    if new:
        append(folder / CLAIMS, [line for claim in new for line in _registered(claim, when)])
    return [claim["claim"] for claim in new]


def _registered(claim: Mapping[str, Any], when: str) -> Iterator[dict[str, Any]]:
    yield {"kind": "registered", "when": when} | {key: claim[key] for key in ("claim", "hash", "fields")}
    if claim["because"]:
        to = claim["version"]
        yield {
            "kind": "amended", "when": when, "claim": claim["name"], "from": to - 1, "to": to, "why": claim["because"],
        }  # fmt: skip


def require_unmoved(log: Log, claims: Iterable[Mapping[str, Any]]) -> None:
    """Raises LogError if a claim is not what was registered, or judged, under its id, and says which field moved."""
    first: dict[str, Line] = {}
    for line in log.registered:
        first.setdefault(line["claim"], line)
    when = {run["run"]: run["when"] for run in log.runs}
    for line in log.verdicts:  # registered too, but those lines may be lost
        fields = {name: line[name] for name in _SHARED if name in line}
        told = {"hash": line["hash"], "fields": fields, "when": when.get(line["run"], "")}
        first.setdefault(line["id"], told)
    for claim in claims:
        known = first.get(claim["claim"])
        if known and known["hash"] != claim["hash"]:
            moved = [
                f"{path} moved from {json.dumps(before)} to {json.dumps(now)}"
                for path, (before, now) in differences(known["fields"], claim["fields"]).items()
                if before is not None or "id" in known["fields"]  # a verdict line has the most telling fields only
            ]
            raise LogError(
                f"{claim['claim']}: {'; '.join(moved) or 'its hash differs'}, since it was registered on {known['when'][:10]}; "
                "put it back, or declare the next version beside it: CLAIM.amended(because='...', ...)"
            )


def differences(before: Any, now: Any) -> dict[str, tuple[Any, Any]]:
    """Old and new of what differs between two nested values, by path; None for what one of them lacks."""
    old, new = dict(_leaves(before)), dict(_leaves(now))
    return {
        path: (old.get(path), new.get(path)) for path in dict.fromkeys([*old, *new]) if old.get(path) != new.get(path)
    }


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """What a claim's fields hold, by path: `domain.length`, `contrasts.0.threshold`; a list of plain values is one."""
    if isinstance(value, Mapping):
        parts = list(value.items())
    elif isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        parts = list(enumerate(value))
    else:
        yield path, value
        return
    for key, part in parts:
        yield from _leaves(part, f"{path}.{key}" if path else str(key))


def run_line(
    folder: Path, claims: Path, *, checkpoint: Mapping[str, Any], environment: Mapping[str, str], when: str, **how: Any
) -> dict[str, Any]:
    """The line of a run that begins now; `how` are its seed, draws and profile.

    Args:
        claims: the folder of claims; with uncommitted changes in their modules, or in recint, the run is dirty.
    """
    package = Path(__file__).parent
    states = [git.dirty(claims, ["*.py"])]
    if git.commit(package) is not None:  # an installed recint is under nobody's git
        states.append(git.dirty(package, ["."]))
    return {
        "kind": "run",
        "run": secrets.token_hex(4),
        "when": when,
        "checkpoint": checkpoint,
        "environment": environment,
        **how,
        "commit": git.commit(claims),
        "dirty": None if None in states else any(states),
        "registered": committed_hashes(folder),
    }


def committed_hashes(folder: Path) -> list[str]:
    """Hashes of the claims that stand registered in the commit that is checked out."""
    lines = (_parsed(text.encode()) for text in (git.committed(folder / CLAIMS) or "").splitlines())
    return [line["hash"] for line in lines if not isinstance(line, str) and line["kind"] == "registered"]


def verdict_lines(run: str, entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The settled entries of a run, as lines."""
    return [{"kind": "verdict", "run": run, **entry} for entry in entries]
