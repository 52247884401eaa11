"""Whether the verdicts of a log follow: from what their lines hold, from what was registered, and in the right order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from recint.judging.entry import Entry
from recint.record import verdict_file
from recint.record.lines import Line, is_vouched
from recint.record.log import Log
from recint.verdict import Verdict

# Verdicts that are given without a value, so that nothing can be derived.
_WITHOUT_VALUE: tuple[Verdict, ...] = ("error", "not_applicable")


@dataclass(frozen=True)
class Placed:
    """A line of the log, with the file and line where it stands, and whether it is chained."""

    where: str
    line: Line
    chained: bool


@dataclass(frozen=True)
class Derivation:
    """The lines of a log, checked against each other.

    Attributes:
        lines: all lines that can be read, without repeated ones.
        log: the same log.
        procedure: the hash of the procedure by which this version of recint judges.
    """

    lines: Sequence[Placed]
    log: Log
    procedure: str

    def flaws(self) -> Iterator[str]:
        """A sentence for each line that does not follow, with its place."""
        for placed in self.lines:
            if placed.line["kind"] == "registered" and not is_vouched(placed.line):
                yield f"{placed.where}: the hash of {placed.line['claim']} is not that of its fields: one of them was changed"
            if placed.line["kind"] == "verdict":
                for flaw in self._against_registration(placed):
                    yield f"{placed.where}: {placed.line['id']} {flaw}"
        for run, verdicts in self._verdicts.items():
            yield from self._of_run(run, verdicts)
            if not self.log.lost:
                yield from self._standing(run, verdicts)

    def of_another_procedure(self) -> list[str]:
        """The runs with chained verdicts that another procedure gave: they are not derived again."""
        return [
            run for run, verdicts in self._verdicts.items() if verdicts[0].chained and not self._same_procedure(run)
        ]

    @cached_property
    def _verdicts(self) -> dict[str, list[Placed]]:
        found: dict[str, list[Placed]] = {}
        for placed in self.lines:
            if placed.line["kind"] == "verdict":
                found.setdefault(placed.line["run"], []).append(placed)
        return found

    @cached_property
    def _runs(self) -> dict[str, Line]:
        return {run["run"]: run for run in self.log.runs}

    @cached_property
    def _when(self) -> dict[str, str]:
        """When each claim was registered first, by its hash."""
        found: dict[str, str] = {}
        for line in self.log.registered:
            found[line["hash"]] = min(line["when"], found.get(line["hash"], line["when"]))
        return found

    def _same_procedure(self, run: str) -> bool:
        since = self._when.get(self.procedure)
        return since is not None and run in self._runs and self._runs[run]["when"] >= since

    def _against_registration(self, placed: Placed) -> Iterator[str]:
        """What a verdict's line says otherwise than the line that registers its claim."""
        line = placed.line
        fields = self.log.fields.get(line["hash"])
        if fields is None:
            if placed.chained:
                yield "was judged, but the line that registers it is gone or was changed"
            return
        for name in ("id", "relation", "threshold", *verdict_file.REGISTERED):
            if name in line and line[name] != fields.get(name):
                yield f"has the {name} {line[name]!r}, but {fields.get(name)!r} is registered"
        contrasts = {contrast["name"]: contrast for contrast in fields.get("contrasts", ())}
        for contrast, part in (line.get("contrast") or {}).items():
            for name in ("relation", "threshold", "statistic"):
                registered = contrasts.get(contrast, {}).get(name)
                if name in part and part[name] != registered:
                    yield f"has the {name} {part[name]!r} in the contrast {contrast!r}, but {registered!r} is registered"

    def _of_run(self, run: str, verdicts: Sequence[Placed]) -> Iterator[str]:
        """Chained verdicts of a run that are too few, or that do not follow from what their lines hold."""
        where, chained = verdicts[0].where, [placed for placed in verdicts if placed.chained]
        if run not in self._runs:
            yield f"{where}: run {run} has verdicts, but its own line is gone"
        if not chained:
            return
        said = {placed.line.get("of") for placed in chained}
        if said != {len(verdicts)}:
            yield f"{where}: run {run} has {len(verdicts)} verdicts, but its lines say {' and '.join(map(str, said))}"
        if not self._same_procedure(run):
            return
        entries = {placed.where: self._entry(placed.line) for placed in chained}
        adjusted = _adjusted(entries.values()) if said == {len(chained)} else {}
        for at, entry in entries.items():
            for flaw in _underived(entry, family=max(filter(None, said), default=len(chained)), adjusted=adjusted):
                yield f"{at}: {entry.id} {flaw}"

    def _entry(self, line: Line) -> Entry:
        return verdict_file.entry(line, self.log.fields.get(line["hash"], {}))

    def _standing(self, run: str, verdicts: Sequence[Placed]) -> Iterator[str]:
        """Verdicts that are said to be confirmatory, and are not: a sentence for each reason."""
        doubts: dict[str, list[Placed]] = {}
        for placed in verdicts:
            if placed.line.get("standing") == "confirmatory" and run in self._runs:
                since = self._when.get(placed.line["hash"])
                younger = since is not None and since > self._runs[run]["when"]
                doubt = "the claim was registered after the run began" if younger else None
                if doubt := doubt or self.log.doubt(run, placed.line["hash"]):
                    doubts.setdefault(doubt, []).append(placed)
        for doubt, doubted in doubts.items():
            more = f" and {len(doubted) - 1} more" if len(doubted) > 1 else ""
            yield f"{doubted[0].where}: {doubted[0].line['id']}{more} in run {run} is not confirmatory, as the line says: {doubt}"


def _adjusted(entries: Any) -> Mapping[str, float]:
    from recint.judging.holm import holm

    return holm({entry.id: entry.p for entry in entries if entry.estimate})


def _underived(entry: Entry, *, family: int, adjusted: Mapping[str, float]) -> Iterator[str]:
    """What of an entry does not follow from the rest of it.

    Args:
        family: the number of claims of the run.
        adjusted: the corrected p-values of the run; empty if not all of its verdicts are there.
    """
    from recint.judging.entries import judged  # which loads torch: a log without chained verdicts does without

    if entry.value is None:
        if entry.verdict not in _WITHOUT_VALUE:
            yield f"is {entry.verdict}, but its line has no value"
        return
    p_holm = entry.estimate.p_holm if entry.estimate else None
    if entry.id in adjusted and p_holm != adjusted[entry.id]:
        yield f"has the corrected p-value {p_holm}, but {adjusted[entry.id]} follows from the p-values of the run"
    follows = judged(entry, family=family, p_holm=1.0 if p_holm is None else p_holm).verdict
    if follows != entry.verdict:
        yield f"is {entry.verdict}, but {follows} follows from what its line holds"
