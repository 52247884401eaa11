"""Sentences on which verdicts of a run are confirmatory: a warning before the first look, and the reasons afterwards."""

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
    chosen: bool = False,
) -> str | None:
    """A warning if this is the first look at a checkpoint, but its verdicts cannot be confirmatory; otherwise None.

    Args:
        folder: the folder of the log.
        code: the state of the code.
        claims: the hashes of the claims that are going to be judged.
        hypotheses: the folder of the claims.
        checkpoint: as in the line of a run; None for a sweep, which begins before its checkpoints are read.
        chosen: whether the seed is another than that of the tensors.
    """
    known = log_file.read(folder)
    if checkpoint and identity(checkpoint) in known.first:
        return None
    unregistered = set(claims) - set(log_file.committed_hashes(folder))
    name = checkpoint["name"] if checkpoint else "a checkpoint that is new"
    lost = f"no verdict about {name} will be confirmatory"
    if known.lost:
        because = log.LOST
    elif code.why:
        because = code.why
    elif chosen:
        because = "its seed is not that of the tensors (leave --seed and --against out)"
    elif unregistered:
        if len(unregistered) < len(claims):
            lost = f"{len(unregistered)} of {len(claims)} verdicts about {name} will not be confirmatory"
        because = f"no commit has the claims registered (`{_register(folder, hypotheses)}`, then commit {folder / log_file.CLAIMS})"
    else:
        return None
    return (
        f"warning: {lost}, now or in a later run: this is the first look at it, and {because}; "
        "stop now (Ctrl-C) to put that right first"
    )


def _register(folder: Path, hypotheses: Path) -> str:
    """The command that registers the claims of a folder in this log."""
    options = [] if hypotheses == shipped.CLAIMS else ["--hypotheses", str(hypotheses)]
    options += [] if folder == log_file.folder_of(hypotheses, None) else ["--log", str(folder)]
    return command("recint", "register", *options)


def sentences(known: log.Log, run: str, verdicts: Iterable[Entry], code: Code) -> Iterator[str]:
    """How many verdicts of a run are confirmatory, and why the others are not, in sentences."""
    doubts = Counter(known.doubt(run, verdict.hash) for verdict in verdicts)
    yield counted(doubts[None], doubts.total())
    for doubt, count in doubts.items():
        if doubt:
            yield f"  {count} exploratory: {doubt}{f' ({code.why})' if doubt == log.UNCOMMITTED and code.why else ''}"


def of_sweep(standings: Iterable[str | None]) -> str:
    """How many verdicts of a sweep are confirmatory, in one sentence.

    Args:
        standings: the standing of each verdict; None for one that is not in the log.
    """
    counts = Counter(standings)
    return counted(counts["confirmatory"], counts.total())


def counted(confirmatory: int, verdicts: int) -> str:
    """How many of the verdicts are confirmatory, in one sentence."""
    verdict, verb = ("verdict" if verdicts == 1 else "verdicts"), ("is" if 1 in (confirmatory, verdicts) else "are")
    return f"standing: {confirmatory or 'none'} of {verdicts} {verdict} {verb} confirmatory"
