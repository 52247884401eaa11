"""Whether the verdicts of a run confirm, told to whoever makes it: a warning before the first look, and the reasons after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from recint import shipped
from recint.judging.entry import Entry
from recint.record import log, log_file
from recint.record.git import Code
from recint.record.identity import identity
from recint.system.escaping import command


def warning(
    folder: Path,
    code: Code,
    claims: Collection[str],
    *,
    hypotheses: Path = shipped.CLAIMS,
    checkpoint: Mapping[str, Any] | None = None,
) -> str | None:
    """What to say before claims, given by their hashes, are judged, if a first look at a checkpoint is about to confirm nothing.

    Args:
        folder: of the log.
        hypotheses: of the claims.
        checkpoint: as the line of a run has it; None for a sweep, which begins before its checkpoints are read.
    """
    known = log_file.read(folder)
    if checkpoint and identity(checkpoint) in known.first:
        return None
    unregistered = set(claims) - set(log_file.committed_hashes(folder))
    name = checkpoint["name"] if checkpoint else "a checkpoint that is new"
    lost = f"no verdict about {name} will confirm"
    if known.lost:
        because = log.LOST
    elif code.why:
        because = code.why
    elif unregistered:
        if len(unregistered) < len(claims):
            lost = f"{len(unregistered)} of {len(claims)} verdicts about {name} will not confirm"
        because = f"no commit has the claims registered (`{_register(folder, hypotheses)}`, then commit {folder / log_file.CLAIMS})"
    else:
        return None
    return (
        f"warning: {lost}, now or in a later run, for this is the first look, and {because}; "
        "stop now (Ctrl-C) to put that right first"
    )


def _register(folder: Path, hypotheses: Path) -> str:
    """The command that registers the claims of a folder in this log."""
    options = [] if hypotheses == shipped.CLAIMS else ["--hypotheses", str(hypotheses)]
    options += [] if folder == log_file.folder_of(hypotheses, None) else ["--log", str(folder)]
    return command("recint", "register", *options)


def told(known: log.Log, run: str, verdicts: Iterable[Entry], code: Code) -> Iterator[str]:
    """How many verdicts of a run confirm, and why the others do not."""
    doubts = Counter(known.doubt(run, verdict.hash) for verdict in verdicts)
    yield counted(doubts[None], doubts.total())
    for doubt, count in doubts.items():
        if doubt:
            yield f"  {count} exploratory: {doubt}{f' ({code.why})' if doubt == log.UNCOMMITTED and code.why else ''}"


def of_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """How many verdicts of a sweep confirm, by the rows of its table."""
    found = Counter(row["standing"] for row in rows if row["claim"] is not None)
    return counted(found["confirmatory"], found.total())


def counted(confirmatory: int, verdicts: int) -> str:
    """How many of the verdicts confirm, in one sentence."""
    verdict, verb = ("verdict" if verdicts == 1 else "verdicts"), ("is" if 1 in (confirmatory, verdicts) else "are")
    return f"standing: {confirmatory or 'none'} of {verdicts} {verdict} {verb} confirmatory"
