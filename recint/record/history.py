"""The research log put in order: which runs, which claims in which versions, and what their verdicts are worth.

Pure functions of a `Log`. The model's stack is loaded for a comparison of runs only: to look into the log is to be quick.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatch
from functools import cached_property
from typing import Any

from recint.judging.entry import Entry, Run
from recint.record.differences import differences
from recint.record.identity import identity
from recint.record.lines import Line
from recint.record.log import Log, Settled, by_run
from recint.record.log_file import verdict_line

# What a run was made with, as opposed to what came of it.
_HOW = ("checkpoint", "environment", "seed", "draws", "profile", "commit", "dirty")


@dataclass(frozen=True)
class Version:
    """One version of a claim, as far as the log tells.

    Attributes:
        id: with the version from the second on, e.g. "l0.previous-token@2".
        registered: its line; None if that is lost, and only verdicts speak of the claim.
        amended: the line that says why it was put beside the version before; None for a first version.
        corrected: the lines that say what the reason for the amendment left out.
        moved: what it claims otherwise than the version before: old and new, by path, e.g. `domain.length`.
    """

    id: str
    statement: str
    registered: Line | None = None
    amended: Line | None = None
    corrected: tuple[Line, ...] = ()
    moved: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What all versions of the claim have in common."""
        return self.id.partition("@")[0]


@dataclass(frozen=True)
class History:
    """A selection from the log.

    Attributes:
        runs: oldest first.
        claims: grouped by where they are made, every version below the one it amends.
        verdicts: of these claims in these runs, in the order of the runs; their `standing` is computed, not read.
        damaged: a sentence for all that could not be used, of the whole log.
    """

    runs: tuple[Line, ...] = ()
    claims: tuple[Version, ...] = ()
    verdicts: tuple[Settled, ...] = ()
    damaged: tuple[str, ...] = ()

    @cached_property
    def cells(self) -> Mapping[tuple[str, str], Entry]:
        """The verdicts by claim and run."""
        return {(settled.entry.id, settled.run): settled.entry for settled in self.verdicts}

    @cached_property
    def _settled(self) -> Mapping[str, Sequence[Entry]]:
        return by_run(self.verdicts)

    def of_run(self, run: Line) -> Sequence[Entry]:
        """What was settled in a run; nothing if it was stopped before."""
        return self._settled.get(run["run"], ())

    def of_claim(self, claim: Version) -> list[tuple[Line, Entry]]:
        """Every run that judged a claim, with the verdict."""
        return [(run, self.cells[claim.id, run["run"]]) for run in self.runs if (claim.id, run["run"]) in self.cells]

    @property
    def checkpoints(self) -> list[list[Line]]:
        """The runs, together if they are on the same checkpoint."""
        groups: dict[str, list[Line]] = {}
        for run in self.runs:
            groups.setdefault(identity(run["checkpoint"]), []).append(run)
        return list(groups.values())


def select(log: Log, *, checkpoint: str | None = None, claims: Sequence[str] = (), runs: Sequence[str] = ()) -> History:
    """What the log says of a checkpoint, of some claims, of some runs, or of all.

    Args:
        checkpoint: a name, an identity, or the beginning of a tensor hash.
        claims: globs; one that matches a claim selects all its versions. Runs that judged other claims only are left out, but
            not those that were stopped before their verdicts: somebody may have seen these claims fail in them.
        runs: numbers of runs, or how they begin.

    Raises:
        ValueError: one of these is not in the log; names what there is.
    """
    chosen = _matching(versions(log), claims)
    asked = {claim.id for claim in chosen}
    found = runs_on(log, checkpoint, named=repr(checkpoint)) if checkpoint else log.runs
    if runs:
        numbers = {numbered(found, number)["run"] for number in runs}
        found = tuple(run for run in found if run["run"] in numbers)
    kept, verdicts = [], []
    for run in found:
        settled = [entry for entry in log.verdicts_of(run["run"]) if entry.id in asked]
        if settled or run["run"] not in log.settled:
            kept.append(run)
        verdicts += [
            Settled(run["run"], replace(entry, standing=log.standing(run["run"], entry.hash))) for entry in settled
        ]
    lost = ("until what is lost is put back, no verdict of this log confirms",) if log.lost else ()
    return History(tuple(kept), tuple(chosen), tuple(verdicts), (*log.damaged, *_orphans(log), *lost))


def runs_on(log: Log, checkpoint: str, *, named: str) -> tuple[Line, ...]:
    """The runs on a checkpoint, as `Log.on` finds them.

    Raises:
        ValueError: there is none; names the checkpoint as it was named, and those there are.
    """
    if found := log.on(checkpoint):
        return found
    known = ", ".join(dict.fromkeys(str(run["checkpoint"]["name"]) for run in log.runs)) or "none"
    raise ValueError(f"checkpoint={named} is none of those that the log has runs on: {known}")


def numbered(runs: Sequence[Line], number: str) -> Line:
    """The one run whose number begins so.

    Raises:
        ValueError: there is none, or more than one.
    """
    found = [run for run in runs if run["run"].startswith(number)]
    if len(found) != 1:
        known = ", ".join(run["run"] for run in found or runs) or "none"
        problem = "begins the numbers of several runs" if found else "begins the number of no run"
        raise ValueError(f"run={number!r} {problem}: {known}")
    return found[0]


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
        corrected = tuple(found for found in log.corrected if found["claim"] == claim)
        return Version(claim, statement, line, amended.get((name, number)), corrected, moved)

    return [version(claim) for claim in sorted(known, key=order)]


def _parts(claim: str) -> tuple[str, int]:
    name, _, version = claim.partition("@")
    return name, int(version) if version.isdecimal() else 1


def _matching(claims: Sequence[Version], globs: Sequence[str]) -> list[Version]:
    for glob in globs:
        if not any(_matches(claim, glob) for claim in claims):
            known = ", ".join(claim.id for claim in claims) or "those in the log: it has none"
            raise ValueError(f"claims={glob!r} matches none of {known}")
    return [claim for claim in claims if not globs or any(_matches(claim, glob) for glob in globs)]


def _matches(claim: Version, glob: str) -> bool:
    return fnmatch(claim.id, glob) or fnmatch(claim.name, glob)


def _orphans(log: Log) -> Iterator[str]:
    """Verdicts whose run is lost: nobody can tell on what they were reached."""
    known = {run["run"] for run in log.runs}
    for run, lines in log.settled.items():
        if run not in known:
            yield f"run {run}: its line is missing, and its verdicts are left out ({len(lines)})"


@dataclass(frozen=True)
class Changes:
    """What came out otherwise in one run than in another, and what may explain it.

    Attributes:
        how: what the two were made with, where that differs: old and new, by path.
        drift: a sentence for each claim whose verdict changed, or whose figure did beyond the intervals.
        incomparable: a sentence for each claim that only one of the two judged.
        compared: how many claims both judged.
    """

    before: Line
    now: Line
    how: Mapping[str, tuple[Any, Any]]
    drift: tuple[str, ...]
    incomparable: tuple[str, ...]
    compared: int


def changes(history: History, before: Line, now: Line) -> Changes:
    """From one run to another.

    Raises:
        ValueError: one of them has no verdicts on the selected claims.
    """
    from recint.record.drift import drift  # which loads torch

    for run in (before, now):
        if not history.of_run(run):
            raise ValueError(f"run {run['run']} has no verdicts on these claims, but two runs that have are compared")
    baseline = Run(checkpoint=before["checkpoint"], started=before["when"], claims=tuple(history.of_run(before)))
    drifted = tuple(found.sentence for found in drift(baseline, history.of_run(now)))
    incomparable = tuple(_incomparable(history, before, now))
    how = differences(*({key: run[key] for key in _HOW} for run in (before, now)))
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
    """The selection as plain values: the lines of the log, each claim with its amendment and each verdict with its standing."""
    found: dict[str, Any] = {
        "schema": 1,
        "runs": list(history.runs),
        "claims": [asdict(claim) for claim in history.claims],
        "verdicts": list(map(verdict_line, history.verdicts)),
        "damaged": list(history.damaged),
    }
    if changed:
        kept = asdict(changed)
        found["changes"] = kept | {"before": changed.before["run"], "now": changed.now["run"]}
    return found
