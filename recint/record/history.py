"""The research log in order: the runs, the claims with their versions, and which verdicts are confirmatory.

All functions depend on a `Log` only. PyTorch is not imported, so that looking into the log is quick.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatch
from functools import cached_property
from typing import Any

from recint.globs import listed, nearest
from recint.judging.entry import Entry, Run
from recint.record.differences import differences
from recint.record.drift import drift, pairs
from recint.record.identity import identity
from recint.record.lines import Line
from recint.record.log import Log, Settled, by_run
from recint.record.log_file import verdict_line

# The fields of a run's line that say how the run was made.
_HOW = ("checkpoint", "environment", "seed", "draws", "stages", "profile", "commit", "dirty")


@dataclass(frozen=True)
class Version:
    """One version of a claim, from the log.

    Attributes:
        id: the id, from version 2 on with the version, e.g. "l0.previous-token@2".
        registered: the line of its registration; None if it is lost, and only verdicts mention the claim.
        amended: the line with the reason for the amendment; None for version 1.
        corrected: the lines with corrections of this reason.
        moved: the fields that differ from the version before: the old and the new value, by path, e.g. `domain.length`.
    """

    id: str
    statement: str
    registered: Line | None = None
    amended: Line | None = None
    corrected: tuple[Line, ...] = ()
    moved: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The id without its version: what all versions of the claim have in common."""
        return self.id.partition("@")[0]


@dataclass(frozen=True)
class History:
    """A selection from the log.

    Attributes:
        runs: the lines of the runs, oldest first.
        claims: grouped by the first part of the id; every version comes after the one that it amends.
        verdicts: the verdicts on these claims in these runs, in the order of the runs. Their `standing` is computed anew.
        damaged: a sentence for each part of the whole log that could not be used.
    """

    runs: tuple[Line, ...] = ()
    claims: tuple[Version, ...] = ()
    verdicts: tuple[Settled, ...] = ()
    damaged: tuple[str, ...] = ()

    @cached_property
    def cells(self) -> Mapping[tuple[str, str], Entry]:
        """The entries, by the id of the claim and the number of the run."""
        return {(settled.entry.id, settled.run): settled.entry for settled in self.verdicts}

    @cached_property
    def _settled(self) -> Mapping[str, Sequence[Entry]]:
        return by_run(self.verdicts)

    def of_run(self, run: Line) -> Sequence[Entry]:
        """The entries of a run; empty if it was stopped before its verdicts were settled."""
        return self._settled.get(run["run"], ())

    def of_claim(self, claim: Version) -> list[tuple[Line, Entry]]:
        """Every run that judged a claim, with the entry."""
        return [(run, self.cells[claim.id, run["run"]]) for run in self.runs if (claim.id, run["run"]) in self.cells]

    @property
    def checkpoints(self) -> list[list[Line]]:
        """The runs, in one list for each checkpoint."""
        groups: dict[str, list[Line]] = {}
        for run in self.runs:
            groups.setdefault(identity(run["checkpoint"]), []).append(run)
        return list(groups.values())


def select(log: Log, *, checkpoint: str | None = None, claims: Sequence[str] = (), runs: Sequence[str] = ()) -> History:
    """Select from the log.

    Args:
        checkpoint: a name, an identity, or the beginning of the hash of the tensors; None for all checkpoints.
        claims: globs; a glob that matches the name of a claim selects all its versions. Without globs, all claims are selected. A
            run that judged other claims only is left out. A run that was stopped before its verdicts is kept, since somebody may
            have seen these claims fail in it.
        runs: numbers of runs, or the beginnings of numbers; without them, all runs are selected.

    Raises:
        ValueError: the log does not have such a checkpoint, claim or run; the error lists those that it has.
    """
    chosen = _matching(versions(log), claims)
    ids = {claim.id for claim in chosen}
    candidates = runs_on(log, checkpoint, named=repr(checkpoint), like=checkpoint) if checkpoint else log.runs
    if runs:
        numbers = {numbered(candidates, number)["run"] for number in runs}
        candidates = tuple(run for run in candidates if run["run"] in numbers)
    kept, verdicts = [], []
    for run in candidates:
        settled = [entry for entry in log.verdicts_of(run["run"]) if entry.id in ids]
        if settled or run["run"] not in log.settled:
            kept.append(run)
        verdicts += [
            Settled(run["run"], replace(entry, standing=log.standing(run["run"], entry.hash))) for entry in settled
        ]
    lost = ("no verdict of this log is confirmatory until the lost lines are put back",) if log.lost else ()
    return History(tuple(kept), tuple(chosen), tuple(verdicts), (*log.damaged, *_orphans(log), *lost))


def runs_on(log: Log, checkpoint: str, *, named: str, like: str) -> tuple[Line, ...]:
    """The runs on a checkpoint; see `Log.on`.

    Args:
        named: the checkpoint as the user named it, for the error.
        like: its name, to which the error names similar ones.

    Raises:
        ValueError: there is none; the error lists the checkpoints of the log.
    """
    if runs := log.on(checkpoint):
        return runs
    known = nearest(log.names, like=like, noun="checkpoints", command="recint log")
    raise ValueError(f"checkpoint={named} is none of those that the log has runs on: {known}")


def numbered(runs: Sequence[Line], number: str) -> Line:
    """The one run whose number begins with these characters.

    Raises:
        ValueError: there is none, or more than one.
    """
    matching = [run for run in runs if run["run"].startswith(number)]
    if len(matching) != 1:
        known = nearest([run["run"] for run in matching or runs], like=number, noun="runs", command="recint log")
        problem = "begins the numbers of several runs" if matching else "begins the number of no run"
        raise ValueError(f"run={number!r} {problem}: {known}")
    return matching[0]


def versions(log: Log) -> list[Version]:
    """All claims that were registered or judged."""
    registered: dict[str, Line] = {}
    for line in log.registered:
        registered.setdefault(line["claim"], line)
    judged = {settled.entry.id: settled.entry for settled in log.verdicts}
    amended = {(line["claim"], line["to"]): line for line in log.amended}
    known = list(dict.fromkeys([*registered, *judged]))
    names = [_parts(claim)[0] for claim in known]

    def order(claim: str) -> tuple[str, int, int]:
        name, version = _parts(claim)
        return name.partition(".")[0], names.index(name), version

    def version(claim: str) -> Version:
        line, name, number = registered.get(claim), *_parts(claim)
        statement = line["fields"]["statement"] if line else judged[claim].statement
        before = registered.get(name if number == 2 else f"{name}@{number - 1}")
        moved = differences(before["fields"], line["fields"]) if before and line else {}
        moved.pop("id", None)
        corrected = tuple(correction for correction in log.corrected if correction["claim"] == claim)
        return Version(claim, statement, line, amended.get((name, number)), corrected, moved)

    return [version(claim) for claim in sorted(known, key=order)]


def _parts(claim: str) -> tuple[str, int]:
    name, _, version = claim.partition("@")
    return name, int(version) if version.isdecimal() else 1


def _matching(claims: Sequence[Version], globs: Sequence[str]) -> list[Version]:
    for glob in globs:
        if not any(_matches(claim, glob) for claim in claims):
            known = listed([claim.id for claim in claims], like=glob) if claims else "those in the log: it has none"
            raise ValueError(f"claims={glob!r} matches none of {known}")
    return [claim for claim in claims if not globs or any(_matches(claim, glob) for glob in globs)]


def _matches(claim: Version, glob: str) -> bool:
    return fnmatch(claim.id, glob) or fnmatch(claim.name, glob)


def _orphans(log: Log) -> Iterator[str]:
    """A sentence for each run whose line is lost. Its verdicts cannot be used: it is not known which model they are about."""
    known = {run["run"] for run in log.runs}
    for run, lines in log.settled.items():
        if run not in known:
            yield f"run {run}: its line is missing, and its verdicts are left out ({len(lines)})"


@dataclass(frozen=True)
class Changes:
    """The differences between the results of two runs, and what may explain them.

    Attributes:
        before, now: the lines of the two runs.
        how: what differs in how the runs were made: the old and the new value, by path.
        drift: a sentence for each claim whose verdict differs, or whose statistic moved by more than the tolerance.
        incomparable: a sentence for each claim that only one of the two judged, or that is not the same claim in both.
        compared: how many claims were compared.
    """

    before: Line
    now: Line
    how: Mapping[str, tuple[Any, Any]]
    drift: tuple[str, ...]
    incomparable: tuple[str, ...]
    compared: int


def changes(history: History, before: Line, now: Line) -> Changes:
    """The changes from one run to another.

    Raises:
        ValueError: one of the two has no verdicts on the selected claims.
    """
    for run in (before, now):
        if not history.of_run(run):
            raise ValueError(f"run {run['run']} has no verdicts on these claims, but two runs that have are compared")
    baseline = Run(checkpoint=before["checkpoint"], started=before["when"], claims=tuple(history.of_run(before)))
    drifted = tuple(claim.sentence for claim in drift(pairs(baseline, history.of_run(now)), strict=True))
    incomparable = tuple(_incomparable(history, before, now))
    how = differences(*({key: run.get(key) for key in _HOW} for run in (before, now)))
    judged = {entry.id for run in (before, now) for entry in history.of_run(run)}
    return Changes(before, now, how, drifted, incomparable, len(judged) - len(incomparable))


def _incomparable(history: History, before: Line, now: Line) -> Iterator[str]:
    for claim in history.claims:
        was, is_ = (history.cells.get((claim.id, run["run"])) for run in (before, now))
        if was and is_ and was.hash != is_.hash:
            yield f"{claim.id}: is not the same claim in both"
        elif was and not is_:
            yield f"{claim.id}: judged in {before['run']} only"
        elif is_ and not was:
            yield f"{claim.id}: judged in {now['run']} only"


def document(history: History, changed: Changes | None = None) -> dict[str, Any]:
    """The selection as plain values for JSON, with the changes between two runs if they are given."""
    content: dict[str, Any] = {
        "schema": 1,
        "runs": list(history.runs),
        "claims": [asdict(claim) for claim in history.claims],
        "verdicts": list(map(verdict_line, history.verdicts)),
        "damaged": list(history.damaged),
    }
    if changed:
        content["changes"] = asdict(changed) | {"before": changed.before["run"], "now": changed.now["run"]}
    return content
