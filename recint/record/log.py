"""The research log: what was claimed, what was run, and what came of it, as JSON lines that are only ever added to.

A folder holds `claims.jsonl` (`registered`, `amended` and `corrected` lines) and a file for each checkpoint (`run` and
`verdict` lines); it is meant to be committed. A `run` line is written before the first verdict is shown, so that a run that
somebody stopped after a look at it is on record too; the verdicts follow when they are settled. Each addition takes the
file's place as a whole, under a lock: a run that is killed at any moment leaves all earlier lines as they were.
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
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from recint import shipped
from recint.judging.entry import Entry, Standing
from recint.record import git, verdict_file
from recint.record.differences import differences
from recint.record.identity import identity
from recint.record.lines import KINDS, Line, parsed
from recint.system.files import atomic, is_writable

if TYPE_CHECKING:  # which would load torch
    from recint.judging.claim import Claim

CLAIMS = "claims.jsonl"
LOCK = ".lock"
LOST = "lines of the log are damaged or missing (`recint log` names them)"
UNCOMMITTED = "this run was made by code that stands in no commit"

# Of a claim's fields, those that a verdict line has too.
_SHARED = ("statement", "statistic", "relation", "threshold", "quantifier")

How = tuple[int | None, int | None, str | None]
Signature = tuple[str, str, How, frozenset[str]]


class LogError(ValueError):
    """A log that a run cannot go on with: a claim was changed without a new version, or its folder cannot be written."""


@dataclass(frozen=True)
class Settled:
    """The verdict of a run on a claim."""

    run: str
    entry: Entry


@dataclass(frozen=True)
class Log:
    """The lines of a folder, by kind and in the order in which they were written.

    Attributes:
        runs: from the earliest on.
        corrected: what the reason for an amendment left out or got wrong; that line stays as it was written.
        damaged: one sentence, with file and line number, for each line that could not be read; all others are used.
    """

    registered: tuple[Line, ...] = ()
    amended: tuple[Line, ...] = ()
    runs: tuple[Line, ...] = ()
    verdicts: tuple[Settled, ...] = ()
    damaged: tuple[str, ...] = ()
    corrected: tuple[Line, ...] = ()

    @cached_property
    def lost(self) -> bool:
        """Whether lines cannot be read, or are missing: verdicts of a run that is not there."""
        return bool(self.damaged) or not self.settled.keys() <= self._numbered.keys()

    @cached_property
    def settled(self) -> dict[str, list[Entry]]:
        """The verdicts by run; a run that was stopped before them is not there."""
        return by_run(self.verdicts)

    def verdicts_of(self, run: str) -> list[Entry]:
        """What was settled in a run; nothing if it was stopped before."""
        return self.settled.get(run, [])

    def on(self, checkpoint: str) -> tuple[Line, ...]:
        """The runs on a checkpoint of this name or identity, or on tensors whose hash begins so (with 8 digits or more)."""

        def meant(of: Mapping[str, Any]) -> bool:
            digits = len(checkpoint) >= 8 and of["sha256"].startswith(checkpoint)
            return digits or checkpoint in (of["name"], identity(of))

        return tuple(run for run in self.runs if meant(run["checkpoint"]))

    @cached_property
    def first(self) -> dict[str, Line]:
        """The first run on each checkpoint, by identity."""
        return {self._of[line["run"]]: line for line in reversed(self.runs)}

    def doubt(self, run: str, claim_hash: str) -> str | None:
        """Why a run's verdict on a claim explores; None if it confirms. It does if

        - the claim was registered, in a commit without changes beside it, before its checkpoint was evaluated for the first time,
        - the run was made with that very code, which the hash of a claim does not cover, and
        - it is the first that judged the claim on this checkpoint: a further seed is another look.

        If not, the claim, or how it was asked, may have been made to fit. Where lines are lost, the first look
        may be among them, and nothing confirms until they are put back."""
        if self.lost:
            return LOST
        own = self._numbered.get(run)
        if own is None:
            return "the run is not in the log"
        of = self._of[run]
        first = self.first[of]
        that = (
            "this run" if own is first else f"the first run on this checkpoint ({first['run']}, {first['when'][:10]})"
        )
        earlier = self.judged.get((of, claim_hash), run)
        if first["dirty"] is not False:
            return UNCOMMITTED if own is first else f"{that} was made by code that stands in no commit"
        if claim_hash not in first["registered"]:
            return f"the claim stood registered in no commit before {that}"
        if own["dirty"] is not False:
            return UNCOMMITTED
        if own["commit"] != first["commit"]:
            return f"this run was made by another commit than {that}"
        return None if earlier == run else f"run {earlier} judged the claim on this checkpoint before"

    def standing(self, run: str, claim_hash: str) -> Standing:
        """Whether a run's verdict on a claim confirms; see `doubt`."""
        return "exploratory" if self.doubt(run, claim_hash) else "confirmatory"

    @cached_property
    def judged(self) -> dict[tuple[str, str], str]:
        """The first run that settled a verdict, by the identity of its checkpoint and the hash of the claim."""
        found: dict[tuple[str, str], str] = {}
        for run in self.runs:
            for entry in self.verdicts_of(run["run"]):
                found.setdefault((self._of[run["run"]], entry.hash), run["run"])
        return found

    @cached_property
    def begun(self) -> dict[Signature, str]:
        """The run by what a verdict file tells of it."""
        return {
            signature(line["checkpoint"], line["when"], _how(line), self.verdicts_of(line["run"])): line["run"]
            for line in self.runs
        }

    @cached_property
    def _of(self) -> dict[str, str]:
        """The identity of its checkpoint, by run."""
        return {line["run"]: identity(line["checkpoint"]) for line in self.runs}

    @cached_property
    def _numbered(self) -> dict[str, Line]:
        return {line["run"]: line for line in self.runs}


def signature(checkpoint: Mapping[str, Any], when: str, how: How, claims: Iterable[Entry]) -> Signature:
    """What a run and its verdict file have in common, and no other run, though it begins in the same second.

    Args:
        how: seed, draws and profile.
    """
    return identity(checkpoint), when, how, frozenset(claim.hash for claim in claims)


def _how(run: Line) -> How:
    return run["seed"], run["draws"], run["profile"]


def by_run(verdicts: Iterable[Settled]) -> dict[str, list[Entry]]:
    """The verdicts, together if they are of the same run."""
    found: dict[str, list[Entry]] = {}
    for settled in verdicts:
        found.setdefault(settled.run, []).append(settled.entry)
    return found


def now() -> str:
    """The time as lines tell it: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def folder_of(claims: Path, chosen: str | None) -> Path:
    """Where the log of a folder of claims is: as `shipped.record` says, if no other folder was chosen."""
    return Path(chosen) if chosen else shipped.record(claims, "log")


def read(folder: Path) -> Log:
    """All that can be read of a folder; an empty log if there is none.

    Raises:
        LogError: one of its files cannot be read at all.
    """
    found: dict[str, dict[tuple[str, ...], Line]] = {kind: {} for kind in KINDS}
    damaged = []
    for path in sorted(folder.glob("*.jsonl")):
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


# A merge may repeat lines (git's driver `union` does), which then count once; but what a run found was found once.
_ANOTHER = {
    "run": "is another line of run {run} than the first",
    "verdict": "is another verdict on {id} in run {run} than the first",
}


def _told_apart_by(line: Line) -> tuple[str, ...]:
    """What two lines of a kind do not have in common, if the second is not the first again."""
    match line:
        case {"kind": "run", "run": run}:
            return (run,)
        case {"kind": "verdict", "run": run, "id": claim}:
            return (run, claim)
    return (json.dumps(line, sort_keys=True),)


def append(path: Path, lines: Sequence[Line]) -> None:
    """Add lines to a file of the log, all of them or, if the process is killed meanwhile, none.

    Raises:
        LogError: the folder or file cannot be written.
    """
    # Half a character, as names of files may hold, has no bytes; as an escape it is JSON.
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
        "corrected": claim.corrected,
    }


def register(folder: Path, claims: Iterable[Mapping[str, Any]], *, when: str) -> list[str]:
    """Register those claims (as `registration` tells them) that are new, with the reason if they amend another.

    What corrects such a reason gets a line of its own: no line is ever rewritten. Returns the ids of those that are new.

    Raises:
        LogError: a claim differs from what is registered under its id.
    """
    log, claims = read(folder), list(claims)
    require_unmoved(log, claims)
    known = {line["hash"] for line in log.registered}
    new = [claim for claim in claims if claim["hash"] not in known]
    told = {(line["claim"], line["why"]) for line in log.corrected}
    corrections = [
        {"kind": "corrected", "when": when, "claim": claim["claim"], "why": claim["corrected"]}
        for claim in claims
        if claim["corrected"] and (claim["claim"], claim["corrected"]) not in told
    ]
    if new or corrections:
        append(folder / CLAIMS, [*(line for claim in new for line in _registered(claim, when)), *corrections])
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
    for settled in log.verdicts:  # registered too, but those lines may be lost
        entry = settled.entry
        fields = {name: value for name in _SHARED if (value := getattr(entry, name)) != ""}
        told = {"hash": entry.hash, "fields": fields, "when": when.get(settled.run, "")}
        first.setdefault(entry.id, told)
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


def run_line(
    folder: Path,
    code: git.Code,
    *,
    checkpoint: Mapping[str, Any],
    environment: Mapping[str, str],
    when: str,
    **how: Any,
) -> dict[str, Any]:
    """The line of a run that begins now by this code; `how` are its seed, draws and profile."""
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
    """Whether the modules of a folder of claims stand in a commit, and those of recint where it is under git, too."""
    return git.code(claims, Path(__file__).parents[1])


def committed_hashes(folder: Path) -> list[str]:
    """Hashes of the claims that stand registered in the commit that is checked out."""
    lines = parsed(git.committed(folder / CLAIMS) or b"")
    found = [line["hash"] for line in lines if not isinstance(line, str) and line["kind"] == "registered"]
    return list(dict.fromkeys(found))


def verdict_line(settled: Settled) -> dict[str, Any]:
    """A verdict as a line."""
    return {"kind": "verdict", "run": settled.run, **verdict_file.plain(settled.entry)}


def verdict_lines(run: str, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The settled entries of a run, as lines."""
    return [verdict_line(Settled(run, entry)) for entry in entries]
