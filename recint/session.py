"""The state of one run, from its options to its settled verdicts. This module does without pytest, whose hooks are in `plugin`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from hypothesis import settings

from recint import shipped
from recint.catalogue import SHIPPED, properties
from recint.globs import require_matches
from recint.judging import entries
from recint.judging.claim import Claim
from recint.judging.difference import Difference, Key, differences, judged_by, same_draws
from recint.judging.draws import Share
from recint.judging.entry import Entry, Run
from recint.judging.scan import Scan
from recint.judging.seed import Seed, seed_for
from recint.judging.subject import Checkpoint, Kind
from recint.judging.told import Departure
from recint.judging.values import DrawnValues
from recint.model.transformer import resolve_device
from recint.options import RunOptions
from recint.pages import board, junit
from recint.record import drift, git, log_file, registration, standing, value_file, verdict_file
from recint.record import expected as expectations
from recint.record.procedure import registrations
from recint.subjects import checkpoint_of, load, require_about, require_task_fits, subject_of
from recint.system import files, outputs
from recint.verdict import TOLERANCE, require_draws, stages_of


@dataclass(frozen=True)
class Refutable:
    """A claim whose refutation does not fail the run.

    Attributes:
        reason: why, for the reader of the report.
        strict: whether the run fails if the claim is not refuted.
    """

    reason: str
    strict: bool


@dataclass
class Session:
    """What is known about the run so far.

    Attributes:
        claims: the folder of the claims; it is known when the first claim is collected.
        logged: the number of this run in the log; None before its first claim is judged, and always without a log.
        standing: sentences on how many verdicts are confirmatory, and why the others are not; empty without a log.
        declared: all claims that were collected, in the order of the code, before any was deselected or moved.
        registrations: what the log registers of each claim, by the claim's index in `declared`.
        entries: the entry of each claim that was judged, by the same index.
        values: the values of the draws of each claim, by its id. They are kept only if a file is written for them.
        figures: the figures of each claim, by its id.
        drawn, scanned: what was measured for claims that are not judged yet, by their ids.
        result: all entries of the run; None until the verdicts are settled.
        departures: the verdicts that fail the run.
        expected_entries: how many claims are to be judged.
        whole: whether all declared claims are to be judged.
        unwritten: a sentence for each output that could not be written, by the name of its option.
    """

    options: RunOptions
    device: torch.device
    claims: Path = SHIPPED
    started: str = field(default_factory=log_file.now)
    begun: float = field(default_factory=time.monotonic)
    logged: str | None = None
    standing: tuple[str, ...] = ()
    declared: list[Claim] = field(default_factory=list)
    registrations: dict[int, dict[str, Any]] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    values: dict[str, DrawnValues] = field(default_factory=dict)
    figures: dict[str, list[str]] = field(default_factory=dict)
    drawn: dict[str, Share] = field(default_factory=dict)
    scanned: dict[str, Scan | Exception] = field(default_factory=dict)
    result: Run | None = None
    departures: Sequence[Departure] = ()
    expected_entries: int = 0
    whole: bool = True
    unwritten: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return Path(checkpoint_of(self.options.checkpoint, self.claims))

    @cached_property
    def subject(self) -> Kind:
        """What the claims are about."""
        return subject_of(self.claims)

    @cached_property
    def checkpoint(self) -> Checkpoint:
        loaded: Checkpoint = load(self.path, self.claims, task=self.options.task)
        return loaded

    @cached_property
    def expectations(self) -> Mapping[str, expectations.Expectation]:
        """The expected verdicts, by claim id: from the baseline, from `--expected`, or from the file of this checkpoint."""
        if self.against:
            reason = f"as in {self.against.checkpoint['name']}"
            return {entry.id: expectations.Expectation(entry.verdict, reason) for entry in self.against.claims}
        if self.options.expected:
            return expectations.load(Path(self.options.expected)).claims
        own, about = shipped.record(self.claims, "expected"), entries.about(self.checkpoint)
        return expectations.find(own, about) or expectations.find(self.claims / "expected", about)

    @cached_property
    def against(self) -> Run | None:
        """The baseline, if there is one. It may be in the log of the claims, so that their folder must be known first."""
        name = self.options.against
        return drift.baseline(name, log_file.read(self.log)) if name is not None else None

    @cached_property
    def against_values(self) -> Mapping[str, DrawnValues]:
        """The values of the baseline's draws, by the id of the claim; none if there is no file of them.

        Raises:
            ValueError: there is such a file, but it is another one than the baseline names.
        """
        if self.against is None or self.against.values is None:
            return {}
        path = Path(self.options.against or "")
        return value_file.read(path, self.against.values) if value_file.path_of(path, self.against.values) else {}

    @cached_property
    def stages(self) -> tuple[int, ...]:
        """After how many recurrences of an estimate it is looked at whether they decide.

        Where no number is asked for, they are those of the baseline: two runs that draw the same recurrences compare best.

        Raises:
            ValueError: the baseline was judged by so few that no verdict can be held against it.
        """
        asked = self.options.draws
        if asked is None and self.against and self.against.draws is not None:
            stages = self.against.stages or stages_of(self.against.draws)
        else:
            stages = stages_of(asked)
        require_draws(stages[0])
        return stages

    @cached_property
    def seed(self) -> Seed:
        """The seed of the draws."""
        return seed_for(self.checkpoint.sha256, asked=self.options.seed, against=self.against)

    @cached_property
    def code(self) -> git.Code:
        """What git says about the code. It is read once, before the first claim is judged."""
        return log_file.code_of(self.claims)

    @property
    def keeps_values(self) -> bool:
        """Whether the values of all draws are kept: they are written to a file, or compared with those of a baseline."""
        return self.options.values is not None or self.options.against is not None

    @property
    def log(self) -> Path:
        return log_file.folder_of(self.claims, self.options.log)

    @property
    def log_files(self) -> tuple[Path, Path]:
        """The files of the log that this run adds lines to."""
        return self.log / log_file.CLAIMS, log_file.file_of(self.log, self.checkpoint.name)

    @property
    def complete(self) -> bool:
        """Whether every claim was judged. With fewer claims, the correction for many claims would be too weak."""
        return 0 < len(self.entries) == self.expected_entries

    def refutable(self, claim: Claim) -> Refutable | None:
        """How a refutation of the claim is treated, if it is expected or allowed; None if it fails the run."""
        if self.against:
            return Refutable(f"compared with {self.against.checkpoint['name']}: only drift fails the run", strict=False)
        expectation = self.expectations.get(claim.id)
        if expectation and expectation.verdict == "refuted":
            return Refutable(expectation.reason, strict=True)
        return None

    def require_fit(self, claims: Sequence[Claim], *, whole: bool) -> None:
        """Check that the options fit the claims that were found, and that the log has no other claims under their ids.

        Args:
            whole: whether these are all claims of the folder. Only then is an expected verdict without a claim a mistake.

        Raises:
            ValueError: they do not fit, in one sentence.
        """
        require_about(self.claims, claims)
        known = {claim.id for claim in claims}
        require_matches(self.options.claims, known)
        require_matches(self.options.allow, known, option="allow")
        if whole and not self.options.against:  # a baseline may have judged other claims
            _require_known(self.expectations, known)
        registration.require_unmoved(log_file.read(self.log), registrations(claims))

    def require_common(self, claims: Iterable[Claim]) -> None:
        """Raises ValueError if there is a baseline, but it judged none of these claims: then nothing could drift."""
        if self.against and not {claim.hash for claim in claims} & {entry.hash for entry in self.against.claims}:
            raise ValueError(
                f"against={self.options.against!r} judged none of these claims, so that nothing can be compared with it"
            )

    def first_look(self, claims: Collection[str]) -> str | None:
        """A warning if this is the first look at the checkpoint, but verdicts on claims with these hashes cannot be confirmatory.

        None if there is nothing to warn of, or no log is kept.
        """
        if not self.options.logging:
            return None
        about = entries.about(self.checkpoint)
        chosen = self.seed.follows != self.checkpoint.sha256
        return standing.warning(self.log, self.code, claims, hypotheses=self.claims, checkpoint=about, chosen=chosen)

    def keep(self, index: int, entry: Entry, registration: dict[str, Any], *, folder: Path) -> bool:
        """Keep the entry of a claim. At the first entry of the run, the log gets a line for the run.

        Args:
            index: the claim's index in `declared`.
            folder: the folder of the claims.

        Returns:
            Whether this is the first entry of the claim.

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
            seed=self.seed.number,
            seed_from=self.seed.follows,
            draws=self.stages[-1],
            stages=list(self.stages),
            profile=settings.get_current_profile_name(),
        )
        log_file.append(log_file.file_of(self.log, self.checkpoint.name), [line])
        self.logged = line["run"]

    def settle(self) -> None:
        """Settle the verdicts over all claims, then write every file but the report; an error in one does not stop the others."""
        expected = {claim: expectation.verdict for claim, expectation in self.expectations.items()}
        claims = entries.settle([self.entries[index] for index in sorted(self.entries)], expected)
        try:
            claims = self._end_log(claims)
        except (
            OSError,
            ValueError,
        ) as error:  # a verdict that is not in the log is not confirmatory: `standing` stays None
            self.unwritten["log"] = str(error)
        result = entries.run(
            self.checkpoint,
            claims,
            device=self.device,
            seed=self.seed,
            stages=self.stages,
            profile=settings.get_current_profile_name(),
            started=self.started,
            seconds=time.monotonic() - self.begun,
        )
        if self.against:
            result = drift.compared(
                self.against,
                result,
                differences=self._differences(result, self.against),
                tolerance=self.options.tolerance,
                allow=self.options.allow,
                strict=self.options.strict,
            )
        self.departures = entries.failing(result)
        self.result = result
        self._write(result)

    def _differences(self, result: Run, against: Run) -> dict[Key, Difference]:
        """The differences on the recurrences that this run and the baseline share."""
        if not same_draws(against, result):
            return {}
        claims = [prop.claim for prop in properties(self.claims)]  # of workers of xdist, this process collects none
        return differences(judged_by(claims, against), self.against_values, self.values)

    def _end_log(self, claims: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """Register new claims, decide which verdicts are confirmatory, and add all verdicts to the log."""
        if self.logged is None:
            return claims
        judged = [self.registrations[index] for index in sorted(self.registrations)]
        registration.register(self.log, [*judged, *registrations(())], when=self.started)
        known = log_file.read(self.log)
        claims = tuple(replace(entry, standing=known.standing(self.logged, entry.hash)) for entry in claims)
        self.standing = tuple(standing.sentences(known, self.logged, claims, self.code))
        lines = log_file.verdict_lines(self.logged, claims, known)
        log_file.append(log_file.file_of(self.log, self.checkpoint.name), lines)
        return claims

    def _write(self, result: Run) -> None:
        values = b""
        if self.options.values:  # beside a baseline, values are kept for the comparison too
            values = value_file.content(self.values)
            result = replace(result, values=value_file.named(Path(self.options.values), values))
        writers: dict[str, Callable[[Path], None]] = {
            "verdicts": lambda path: files.write(path, verdict_file.text(result)),
            "values": lambda path: files.write(path, values),
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
        """The files that hold this run, with their names: the log, and every output that was written."""
        if self.logged:
            yield "log", log_file.file_of(self.log, self.checkpoint.name)
        for name, path in self.options.written.items():
            if name not in self.unwritten:
                yield name, path


def prepare(options: RunOptions, *, claims: Path | None = None) -> Session:
    """Check the options of a run.

    A checkpoint and a file of expected verdicts that the options name are read at once. The reference checkpoint and the
    baseline are read when they are first used.

    Args:
        claims: the folder of the claims, if it is known already.

    Raises:
        ValueError: an option, the checkpoint or the file of expected verdicts is wrong, in one sentence.
    """
    if options.draws is not None:
        require_draws(options.draws)
    require_task_fits(options.task, claims or SHIPPED)
    against, expected, allow = options.against, options.expected, options.allow
    if against and expected:
        raise ValueError(f"against={against!r} and expected={expected!r} both say what is expected: give one of them")
    if options.tolerance < 0 or not isfinite(options.tolerance):
        raise ValueError(f"tolerance={options.tolerance!r} must be a share of 0 or more, for example 0.1")
    if (options.strict or options.tolerance != TOLERANCE) and not against:
        raise ValueError("tolerance and strict say how to compare with a baseline, but none is given (--against)")
    if allow and not against:
        raise ValueError(f"allow={list(allow)!r} names claims that may drift, but no baseline is given (--against)")
    run = Session(options, device=resolve_device(options.device), claims=claims or SHIPPED)
    if options.checkpoint is not None:
        _ = run.checkpoint
    if expected:
        _ = run.expectations
    return run


def _require_known(expected: Collection[str], known: Collection[str]) -> None:
    """Raises ExpectedError if there is an expected verdict for a claim that does not exist."""
    if unknown := sorted(set(expected) - set(known)):
        raise expectations.ExpectedError(f"expected verdicts name {', '.join(unknown)}, which no claim matches")
