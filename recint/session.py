"""What one run knows, from the options to the settled verdicts. It is importable without pytest, whose hooks are in `plugin`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from hypothesis import settings

from recint import checkpoint as checkpoints
from recint import shipped
from recint.catalogue import SHIPPED, selected
from recint.checkpoint import Checkpoint
from recint.judging import entries
from recint.judging.claim import Claim
from recint.judging.draws import Share
from recint.judging.entry import Departure, Entry
from recint.judging.entry import Run as Result
from recint.judging.scan import Scan
from recint.model.preconditions import require_verifiable
from recint.model.transformer import resolve_device
from recint.options import RunOptions
from recint.pages import board, junit
from recint.record import drift, git, log_file, registration, standing, verdict_file
from recint.record import expected as expectations
from recint.record.procedure import registrations
from recint.system import files, outputs
from recint.verdict import require_draws, stages_of

REFERENCE_CHECKPOINT = shipped.CHECKPOINTS / "affine3-seed0"


@dataclass(frozen=True)
class Refutable:
    """A claim whose refutation does not fail the run.

    Attributes:
        reason: why, for whoever reads the report.
        strict: whether the run fails if the claim is not refuted.
    """

    reason: str
    strict: bool


@dataclass
class Run:
    """What is known of the run so far.

    Attributes:
        claims: the folder of the claims, known once one of them was collected; its log and expected verdicts are in it.
        logged: the number of this run in the log; None until its first claim was judged, and without a log.
        standing: how many of its verdicts confirm, and why the others do not; empty without a log.
        declared: the claims that were found, in the order of the code, before any of them was left out or moved.
        entries: what became of each claim, by its place among those declared; so are the registrations.
        figures: the figures of each claim, by its id.
        drawn, scanned: what was measured for claims that are not judged yet, by their ids.
        result: what the run found out, once the verdicts are settled.
        departures: the verdicts that fail the run.
        expected_entries: how many claims are to be judged.
        whole: whether these are all that were declared.
        unwritten: a sentence for each output that could not be written, by the name of its option.
    """

    options: RunOptions
    device: torch.device
    stages: tuple[int, ...]
    claims: Path = SHIPPED
    started: str = field(default_factory=log_file.now)
    begun: float = field(default_factory=time.monotonic)
    logged: str | None = None
    standing: tuple[str, ...] = ()
    declared: list[Claim] = field(default_factory=list)
    registrations: dict[int, dict[str, Any]] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    figures: dict[str, list[str]] = field(default_factory=dict)
    drawn: dict[str, Share] = field(default_factory=dict)
    scanned: dict[str, Scan | Exception] = field(default_factory=dict)
    result: Result | None = None
    departures: Sequence[Departure] = ()
    expected_entries: int = 0
    whole: bool = True
    unwritten: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return Path(self.options.checkpoint or REFERENCE_CHECKPOINT)

    @cached_property
    def checkpoint(self) -> Checkpoint:
        loaded = checkpoints.load(self.path)
        require_verifiable(loaded, str(self.path))
        _require_text(loaded.name)
        return loaded

    @cached_property
    def expectations(self) -> Mapping[str, expectations.Expectation]:
        """The expected verdicts, by claim: those of the baseline, of the file that is named, or on record."""
        if self.against:
            reason = f"as in {self.against.checkpoint['name']}"
            return {entry.id: expectations.Expectation(entry.verdict, reason) for entry in self.against.claims}
        if self.options.expected:
            return expectations.load(Path(self.options.expected)).claims
        own, about = shipped.record(self.claims, "expected"), entries.about(self.checkpoint)
        return expectations.find(own, about) or expectations.find(self.claims / "expected", about)

    @cached_property
    def against(self) -> Result | None:
        """The baseline; it may be in the log of the claims, so it is not looked for before they are known."""
        name = self.options.against
        return drift.baseline(name, log_file.read(self.log)) if name is not None else None

    @cached_property
    def code(self) -> git.Code:
        """As it was when it was first asked for, before anything was judged."""
        return log_file.code_of(self.claims)

    @property
    def log(self) -> Path:
        return log_file.folder_of(self.claims, self.options.log)

    @property
    def log_files(self) -> tuple[Path, Path]:
        """The files of the log that this run adds lines to."""
        return self.log / log_file.CLAIMS, log_file.file_of(self.log, self.checkpoint.name)

    @property
    def complete(self) -> bool:
        """Whether every claim was judged: fewer would be corrected for too small a family."""
        return 0 < len(self.entries) == self.expected_entries

    def refutable(self, claim: Claim) -> Refutable | None:
        """Whether a refutation of the claim is what was expected, or one thing that may be; None if it is a failure."""
        expectation = self.expectations.get(claim.id)
        if self.against and (
            (self.options.allow and selected(claim.id, self.options.allow))
            or claim.hash not in [entry.hash for entry in self.against.claims]
        ):
            return Refutable("may drift, or is not judged in the baseline", strict=False)
        if expectation and expectation.verdict == "refuted":
            return Refutable(expectation.reason, strict=True)
        return None

    def first_look(self, claims: Collection[str]) -> str | None:
        """What to say before the first look at the checkpoint is spent on claims, given by their hashes, and confirms nothing."""
        if not self.options.logging:
            return None
        about = entries.about(self.checkpoint)
        return standing.warning(self.log, self.code, claims, hypotheses=self.claims, checkpoint=about)

    def keep(self, index: int, entry: Entry, registration: dict[str, Any], *, folder: Path) -> bool:
        """Keep what became of a claim. The run is put on record before its first verdict is shown.

        Args:
            index: the claim's place among those declared.
            folder: the folder of the claims.

        Returns:
            Whether this is the first that is known of the claim.

        Raises:
            LogError: the log cannot be written.
        """
        if not self.entries:
            self.claims = folder
            self._begin_log()
        first = index not in self.entries
        self.entries[index] = entry
        self.registrations[index] = registration
        return first

    def _begin_log(self) -> None:
        if not self.options.logging:
            return
        line = log_file.run_line(
            self.log,
            self.code,
            checkpoint=entries.about(self.checkpoint),
            environment=entries.environment(self.device),
            when=self.started,
            seed=self.options.seed,
            draws=self.stages[-1],
            stages=list(self.stages),
            profile=settings.get_current_profile_name(),
        )
        log_file.append(log_file.file_of(self.log, self.checkpoint.name), [line])
        self.logged = line["run"]

    def settle(self) -> None:
        """Settle the verdicts over all claims and write all files but the report, each whatever becomes of the others."""
        expected = {claim: expectation.verdict for claim, expectation in self.expectations.items()}
        claims = entries.settle([self.entries[index] for index in sorted(self.entries)], expected)
        try:
            claims = self._end_log(claims)
        except (OSError, ValueError) as error:  # what is not on record confirms nothing
            self.unwritten["log"] = str(error)
        result = entries.run(
            self.checkpoint,
            claims,
            device=self.device,
            seed=self.options.seed,
            stages=self.stages,
            profile=settings.get_current_profile_name(),
            started=self.started,
            seconds=time.monotonic() - self.begun,
        )
        if self.against:
            result = drift.compared(self.against, result, allow=self.options.allow)
            self.departures = result.not_allowed
        else:
            self.departures = entries.departures(claims)
        self.result = result
        self._write(result)

    def _end_log(self, claims: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """Register the claims that are new, say of each verdict whether it confirms, and keep them all."""
        if self.logged is None:
            return claims
        judged = [self.registrations[index] for index in sorted(self.registrations)]
        registration.register(self.log, [*judged, *registrations(())], when=self.started)
        known = log_file.read(self.log)
        claims = tuple(replace(entry, standing=known.standing(self.logged, entry.hash)) for entry in claims)
        self.standing = tuple(standing.told(known, self.logged, claims, self.code))
        log_file.append(log_file.file_of(self.log, self.checkpoint.name), log_file.verdict_lines(self.logged, claims))
        return claims

    def _write(self, result: Result) -> None:
        writers: dict[str, Callable[[Path], None]] = {
            "verdicts": lambda path: files.write(path, verdict_file.text(result)),
            "junit": lambda path: files.write(path, junit.xml(result, departures=self.departures)),
            "summary": lambda path: outputs.append(path, board.summary(result, departures=self.departures)),
        }
        for name, path in self.options.written.items():
            if name in writers:
                try:
                    writers[name](Path(path))
                except (OSError, ValueError) as error:
                    self.unwritten[name] = outputs.not_written(path, error)

    def kept_in(self) -> Iterator[tuple[str, str | Path]]:
        """Where this run can be read: the log, and every output that was written, each with its name."""
        if self.logged:
            yield "log", log_file.file_of(self.log, self.checkpoint.name)
        for name, path in self.options.written.items():
            if name not in self.unwritten:
                yield name, path


def prepare(options: RunOptions, *, claims: Path | None = None) -> Run:
    """Check the input of a run; a checkpoint that was named is read at once, the reference only when claims ask for it.

    The baseline is looked for when it is asked for.

    Args:
        claims: the folder of the claims, if it is known already.

    Raises:
        ValueError: one sentence on what was found and what was expected.
    """
    stages = stages_of(options.draws)
    require_draws(stages[0])
    against, expected, allow = options.against, options.expected, options.allow
    if against and expected:
        raise ValueError(f"against={against!r} and expected={expected!r} both say what is expected: give one of them")
    if allow and not against:
        raise ValueError(f"allow={list(allow)!r} names claims that may drift, but no baseline is given (--against)")
    run = Run(options, device=resolve_device(options.device), stages=stages, claims=claims or SHIPPED)
    if options.checkpoint is not None:
        _ = run.checkpoint
    if expected:
        _ = run.expectations
    return run


def require_known(expected: Collection[str], known: Collection[str]) -> None:
    """Raises ExpectedError if a verdict is expected of a claim that does not exist."""
    if unknown := sorted(set(expected) - set(known)):
        raise expectations.ExpectedError(f"expected verdicts name {', '.join(unknown)}, which no claim matches")


def require_report(path: str | None) -> None:
    """Raises ValueError if pytest-html would not write the report there."""
    if path and os.path.expandvars(whole := os.path.abspath(path)) != whole:
        raise ValueError(
            f"{whole}: names a variable of the environment, which pytest-html would put in place; "
            "name another file for the report"
        )


def _require_text(name: str) -> None:
    """Raises ValueError if a checkpoint's name, which stands in all that is written, cannot be."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name!r} is no text in UTF-8, but the name of a checkpoint must be: rename it") from None
