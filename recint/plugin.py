"""The pytest plugin: options, the judge behind every claim, and what is made of its evidence at the end of the run.

Evidence travels in `item.user_properties`, so that runs under xdist and JUnit XML see it too.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings

from recint import BAD_CALL, shipped, words
from recint import checkpoint as checkpoints
from recint.catalogue import SHIPPED, require_matches, require_sound, selected
from recint.checkpoint import Checkpoint
from recint.judging import entries as record
from recint.judging.claim import Claim, Property, Refuted
from recint.judging.draws import Share
from recint.judging.entry import Departure, Entry
from recint.judging.entry import Run as Result
from recint.judging.evaluate import Evidence, draw_together
from recint.judging.finite import require_finite_record
from recint.judging.judge import judge_one
from recint.judging.scan import Scan, scan
from recint.model.preconditions import require_verifiable
from recint.model.transformer import Model, resolve_device
from recint.pages import board, findings, junit
from recint.pages import report as html
from recint.profiles import load_profile, register_profiles
from recint.record import drift, git, log, standing, verdict_file
from recint.record import expected as expectations
from recint.record.procedure import registrations
from recint.system import files, outputs, reasons
from recint.system.escaping import line as one_line
from recint.system.files import named_path
from recint.system.threads import limit_threads
from recint.verdict import SYMBOLS, require_draws, stages_of

pytest_plugins = ["recint.collecting"]

REFERENCE_CHECKPOINT = shipped.CHECKPOINTS / "affine3-seed0"


@dataclass
class Run:
    """What the plugin knows of the run so far.

    Attributes:
        claims: the folder of the claims, known once one of them was collected; its log and expected verdicts are in it.
        log_in: where the log is kept instead.
        logged: the number of this run in the log; None until its first claim was judged, and without a log.
        standing: how many of its verdicts confirm, and why the others do not; empty without a log.
        declared: the claims that were found, in the order of the code, before any of them was left out or moved.
        whole: whether all of them are judged.
        unwritten: a sentence for each output that could not be written.
    """

    path: Path
    device: torch.device
    seed: int
    stages: tuple[int, ...]
    started: str = field(default_factory=log.now)
    begun: float = field(default_factory=time.monotonic)
    loaded: Checkpoint | None = None
    expected: Mapping[str, expectations.Expectation] | None = None
    expected_from: str | None = None
    against_from: str | None = None
    allow: tuple[str, ...] = ()
    claims: Path = SHIPPED
    log_in: str | None = None
    logging: bool = True
    logged: str | None = None
    standing: tuple[str, ...] = ()
    registrations: dict[int, dict[str, Any]] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    figures: dict[str, list[str]] = field(default_factory=dict)
    drawn: dict[str, Share] = field(default_factory=dict)
    scanned: dict[str, Scan | Exception] = field(default_factory=dict)
    result: Result | None = None
    departures: Sequence[Departure] = ()
    declared: list[Claim] = field(default_factory=list)
    expected_entries: int = 0
    whole: bool = True
    unwritten: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every claim was judged: fewer would be corrected for too small a family."""
        return 0 < len(self.entries) == self.expected_entries

    @property
    def checkpoint(self) -> Checkpoint:
        if self.loaded is None:
            self.loaded = checkpoints.load(self.path)
            require_verifiable(self.loaded, str(self.path))
            _require_text(self.loaded.name)
        return self.loaded

    @property
    def expectations(self) -> Mapping[str, expectations.Expectation]:
        if self.expected is None:
            if self.against:
                self.expected = {
                    entry.id: expectations.Expectation(entry.verdict, f"as in {self.against.checkpoint['name']}")
                    for entry in self.against.claims
                }
            elif self.expected_from:
                self.expected = expectations.load(Path(self.expected_from)).claims
            else:
                own, about = shipped.record(self.claims, "expected"), record.about(self.checkpoint)
                self.expected = expectations.find(own, about) or expectations.find(self.claims / "expected", about)
        return self.expected

    @cached_property
    def against(self) -> Result | None:
        """The baseline; it may be in the log of the claims, so it is not looked for before they are known."""
        return drift.baseline(self.against_from, log.read(self.log)) if self.against_from is not None else None

    @cached_property
    def code(self) -> git.Code:
        """As it was when it was first asked for, before anything was judged."""
        return log.code_of(self.claims)

    @property
    def log(self) -> Path:
        return log.folder_of(self.claims, self.log_in)

    def xfail(self, claim: Claim) -> pytest.MarkDecorator | None:
        """What a refutation of this claim is to pytest: a failure, or else just what was expected, or one thing that may be."""
        expectation = self.expectations.get(claim.id)
        if self.against and (
            (self.allow and selected(claim.id, self.allow))
            or claim.hash not in [entry.hash for entry in self.against.claims]
        ):
            return pytest.mark.xfail(strict=False, raises=Refuted, reason="may drift, or is not judged in the baseline")
        if expectation and expectation.verdict == "refuted":
            return pytest.mark.xfail(strict=True, raises=Refuted, reason=expectation.reason)
        return None


def _require_text(name: str) -> None:
    """Raises ValueError if a checkpoint's name, which stands in all that is written, cannot be."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name!r} is no text in UTF-8, but the name of a checkpoint must be: rename it") from None


RUN = pytest.StashKey[Run]()
_PLACE = pytest.StashKey[int]()  # of a claim among those declared


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("recint", "verification of checkpoints")
    group.addoption(
        "--recint-checkpoint",
        type=named_path,
        metavar="CHECKPOINT",
        help="folder, .safetensors or .pth; default: the reference",
    )
    group.addoption("--recint-device", default="auto", metavar="auto|cpu|cuda", help="where to run the model")
    group.addoption("--recint-claims", action="append", default=[], metavar="GLOB", help="only claims whose id matches")
    group.addoption("--recint-report", type=named_path, metavar="FILE", help="write an HTML report")
    group.addoption("--recint-verdicts", type=named_path, metavar="FILE", help="write the verdicts as JSON")
    group.addoption(
        "--recint-expected",
        type=named_path,
        metavar="FILE",
        help="expected verdicts; default: those on record by tensor hash",
    )
    group.addoption(
        "--recint-against",
        type=named_path,
        metavar="BASELINE",
        help="fail on what drifted from a verdict file, or from the last logged run on a checkpoint",
    )
    group.addoption(
        "--recint-allow", action="append", default=[], metavar="GLOB", help="claims that may drift from the baseline"
    )
    group.addoption("--recint-junit", type=named_path, metavar="FILE", help="write the settled verdicts as JUnit XML")
    group.addoption(
        "--recint-summary", type=named_path, metavar="FILE", help="append the board, and what drifted, as Markdown"
    )
    group.addoption(
        "--recint-log",
        type=named_path,
        metavar="DIR",
        help="folder of the research log; default: log, beside the claims (./recint-log if these are installed)",
    )
    group.addoption(
        "--recint-no-log", dest="--recint-logging", action="store_false", help="leave no line in the research log"
    )
    group.addoption("--recint-seed", type=int, default=0, metavar="N", help="seed of the independent draws")
    group.addoption(
        "--recint-draws", type=int, metavar="N", help="draws per estimate (default: until decided, in stages)"
    )
    group.addoption(
        "--recint-no-controls",
        dest="--recint-controls",
        action="store_false",
        help="do not ask untrained models too; nothing is then found vacuous",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    register_profiles()
    # A folder without room for pytest's notes costs no verdicts.
    config.addinivalue_line("filterwarnings", "ignore::pytest.PytestCacheWarning")
    if hasattr(
        config, "workerinput"
    ):  # workers share the cores; threads of one that wait for those of another cost both
        limit_threads(max(1, (os.cpu_count() or 1) // config.workerinput["workercount"]))
    try:
        config.stash[RUN] = prepare(
            checkpoint=config.getoption("--recint-checkpoint"),
            device=config.getoption("--recint-device"),
            seed=config.getoption("--recint-seed"),
            draws=config.getoption("--recint-draws"),
            expected=config.getoption("--recint-expected"),
            against=config.getoption("--recint-against"),
            allow=config.getoption("--recint-allow"),
            log_in=config.getoption("--recint-log"),
        )
        config.stash[RUN].logging = config.getoption("--recint-logging")
        _ask_for_report(config)
        if not hasattr(config, "workerinput"):
            read = [config.getoption(f"--recint-{name}") for name in ("checkpoint", "expected", "against")]
            outputs.require_files(*(config.getoption(option) for option in _OUTPUTS), inputs=read)
    except ValueError as error:
        pytest.exit(str(error), returncode=2)


_OUTPUTS = ("--recint-report", "--recint-verdicts", "--recint-junit", "--recint-summary")


def _ask_for_report(config: pytest.Config) -> None:
    """Let pytest-html write the report.

    Raises:
        ValueError: pytest runs without it, or it would write elsewhere.
    """
    if path := config.getoption("--recint-report"):
        if not hasattr(config.option, "htmlpath"):
            raise ValueError(f"report={path!r} is written by pytest-html, which is not loaded: add -p html -p metadata")
        require_report(path)
        config.option.htmlpath = os.path.abspath(path)
        config.option.self_contained_html = True


def require_report(path: str | None) -> None:
    """Raises ValueError if pytest-html would not write the report there."""
    if path and os.path.expandvars(whole := os.path.abspath(path)) != whole:
        raise ValueError(
            f"{whole}: names a variable of the environment, which pytest-html would put in place; "
            "name another file for the report"
        )


def prepare(
    *,
    checkpoint: str | None,
    device: str,
    seed: int,
    draws: int | None,
    expected: str | None = None,
    against: str | None = None,
    allow: Sequence[str] = (),
    claims: Path | None = None,
    log_in: str | None = None,
) -> Run:
    """Check the input of a run; a checkpoint that was named is read at once, the reference only when claims ask for it.

    The baseline is looked for when it is asked for.

    Raises:
        ValueError: one sentence on what was found and what was expected.
    """
    stages = stages_of(draws)
    require_draws(stages[0])
    if against and expected:
        raise ValueError(f"against={against!r} and expected={expected!r} both say what is expected: give one of them")
    if allow and not against:
        raise ValueError(f"allow={list(allow)!r} names claims that may drift, but no baseline is given (--against)")
    run = Run(
        path=REFERENCE_CHECKPOINT if checkpoint is None else Path(checkpoint),
        device=resolve_device(device),
        seed=seed,
        stages=stages,
        expected_from=expected,
        allow=tuple(allow),
        against_from=against,
        claims=claims or SHIPPED,
        log_in=log_in,
    )
    if checkpoint is not None:
        _ = run.checkpoint
    if expected:
        _ = run.expectations
    return run


def _property(item: pytest.Item) -> Property | None:
    """The claim's property behind an item, if it has one."""
    return getattr(getattr(item, "function", None), "recint_property", None)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Where no tracebacks are shown, why a module could not be imported is still told."""
    config = _CONTROLLER.get("config")
    if report.failed and config is not None and config.getoption("tbstyle") == "no":
        _print(
            config, f"! {report.nodeid}: {reasons.printable(reasons.of_traceback(str(report.longrepr)))}", whole=True
        )


def pytest_itemcollected(item: pytest.Item) -> None:
    """The order of the claims in what is written is that of the code: plugins may shuffle the tests."""
    if prop := _property(item):
        declared = item.config.stash[RUN].declared
        item.stash[_PLACE] = len(declared)
        declared.append(prop.claim)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select by glob, and mark expected refutations as strict xfails."""
    claims = [(item, prop) for item in items if (prop := _property(item))]
    if not claims:
        return
    run = config.stash[RUN]
    run.claims = claims[0][1].folder
    known = {claim.id for claim in run.declared}
    try:
        _ = run.checkpoint
        require_sound(run.declared, run.claims)
        if _collects_all(config) and not run.against:  # a baseline may have judged other claims
            require_known(run.expectations, known)
        globs = require_matches(config.getoption("--recint-claims"), known)
        require_matches(run.allow, known, option="allow")
        log.require_unmoved(log.read(run.log), registrations(prop.claim for _, prop in claims))
        if run.logging and not hasattr(config, "workerinput"):
            outputs.require_files(
                *(config.getoption(option) for option in _OUTPUTS),
                run.log / log.CLAIMS,
                log.file_of(run.log, run.checkpoint.name),
            )
    except ValueError as error:
        pytest.exit(str(error), returncode=BAD_CALL)
    dropped = {item for item, prop in claims if not selected(prop.claim.id, globs)}
    if dropped:
        config.hook.pytest_deselected(items=list(dropped))
        items[:] = [item for item in items if item not in dropped]
    for item, prop in claims:
        if item not in dropped and (mark := run.xfail(prop.claim)):
            item.add_marker(mark)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Attach the claims to those items that all selections left, and say what is done before the table's first line."""
    run = session.config.stash[RUN]
    chosen = [(item, prop) for item in session.items if (prop := _property(item))]
    run.expected_entries = len(chosen)
    if chosen:
        load_profile(session.config.getoption("--hypothesis-profile", None))
    for item, prop in chosen:
        blank = {
            "index": item.stash[_PLACE],
            "of": len(chosen),
            "whole": len(chosen) == len(run.declared),
            "claims": str(prop.folder),
            "entry": verdict_file.plain(record.blank(prop.claim)),
            "registration": log.registration(prop.claim),
        }
        item.user_properties.append(("recint_blank", json.dumps(blank)))
    if chosen and not hasattr(session.config, "workerinput"):
        if session.config.getoption("--recint-hypotheses") is None:  # else `recint verify` has told them
            for note in run.checkpoint.notes:
                _print(session.config, note, whole=True)
        claims = "claims" if len(chosen) > 1 else "claim"
        _print(
            session.config,
            f"{len(chosen)} {claims}: measured together first, {_drawn(run.stages)}; then judged one by one",
        )
        if warned := first_look(run, [prop.claim.hash for _, prop in chosen]):
            _print(session.config, warned, whole=True)


def _drawn(stages: Sequence[int]) -> str:
    """In words: "on 200 recurrences, and on 1000 or 5000 where these do not decide"."""
    further = f", and on {' or '.join(map(str, stages[1:]))} where these do not decide" if len(stages) > 1 else ""
    return f"on {stages[0]} recurrences{further}"


def first_look(run: Run, claims: Collection[str]) -> str | None:
    """What to say before the first look at the checkpoint is spent on claims, given by their hashes, and confirms nothing."""
    return standing.warning(run.log, run.code, claims, checkpoint=record.about(run.checkpoint)) if run.logging else None


def require_known(expected: Collection[str], known: Collection[str]) -> None:
    """Raises ExpectedError if a verdict is expected of a claim that does not exist."""
    if unknown := sorted(set(expected) - set(known)):
        raise expectations.ExpectedError(f"expected verdicts name {', '.join(unknown)}, which no claim matches")


def _collects_all(config: pytest.Config) -> bool:
    """Whether the whole of a folder of claims was asked for, so that an expectation without a claim is a mistake."""
    return all(Path(argument).is_dir() for argument in config.args) and not config.getoption("lf", default=False)


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Callable[[Property, Any], None]:
    """Run both arms of a claim, keep the evidence, and raise `Refuted` if the claim lost."""
    run = request.config.stash[RUN]
    family = sum(_property(item) is not None for item in request.session.items)
    beside = _beside(request)

    def judged(prop: Property, model: Any) -> None:
        properties = request.node.user_properties
        try:
            if prop.claim.quantifier != "weights" and prop.claim.id not in run.drawn:
                run.drawn |= draw_together(beside, model, seed=run.seed, stages=run.stages, family=family)
                run.scanned |= scan(beside, model, seed=run.seed)
            evidence, entry = judge_one(
                prop,
                model,
                seed=run.seed,
                stages=run.stages,
                family=family,
                drawn=run.drawn.pop(prop.claim.id, None),
                scanned=run.scanned.pop(prop.claim.id, None),
                controls=request.config.getoption("--recint-controls"),
                beside=beside,
            )
            require_finite_record(verdict_file.plain(entry), what=prop.claim.id)
        except Exception as error:
            properties.append(_evidence(record.blank(prop.claim, reasons.of(error))))
            raise
        if evidence.unmet:
            properties.append(_evidence(entry))
            pytest.skip(evidence.unmet)
        # Without a report nobody sees a figure.
        figures = [_figure(prop, model, evidence)] if getattr(request.config.option, "htmlpath", None) else []
        properties.append(_evidence(entry, figures))
        if entry.verdict == "refuted":
            raise Refuted(entry.message)

    return judged


def _evidence(entry: Entry, figures: Sequence[str] = ()) -> tuple[str, object]:
    """What a test hands to the process that settles the verdicts."""
    return "recint", json.dumps({"entry": verdict_file.plain(entry), "figures": list(figures)})


def _figure(prop: Property, model: Any, evidence: Evidence) -> str:
    """The claim's figure, or what stands in its place: the verdict does without."""
    try:
        return prop.figure(model, evidence)
    except Exception as error:
        return html.missing(f"The figure could not be drawn: {reasons.of(error)}")


def _beside(request: pytest.FixtureRequest) -> list[Property]:
    """The claims that this process will judge, whose estimates share their passes.

    A worker of xdist knows of its own file only (with --dist loadfile); others may go to another worker.
    """
    alone = hasattr(request.config, "workerinput")
    items = [item for item in request.session.items if not alone or item.path == request.node.path]
    return [prop for item in items if (prop := _property(item))]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    config = _CONTROLLER.get("config")
    properties = dict(report.user_properties)
    if config is None or "recint_blank" not in properties:
        return
    if report.when != "call" and report.passed:
        return
    blank = json.loads(str(properties["recint_blank"]))
    run = config.stash[RUN]
    run.expected_entries, run.whole = blank["of"], blank["whole"]
    if "recint" in properties:
        kept = json.loads(str(properties["recint"]))
        entry = verdict_file.entry(kept["entry"])
        run.figures[entry.id] = kept["figures"]
    else:
        message = reasons.of_traceback(str(report.longrepr))
        entry = replace(verdict_file.entry(blank["entry"]), message=message)
    first = blank["index"] not in run.entries
    if not run.entries:
        run.claims = Path(blank["claims"])
        _begin_log(run)
    run.entries[blank["index"]] = entry
    run.registrations[blank["index"]] = blank["registration"]
    if first and not hasattr(config, "workerinput"):
        _print(config, _line(entry))
        if entry.verdict == "error":
            _print(config, f"  {reasons.printable(entry.message)}", whole=True)


def _begin_log(run: Run) -> None:
    """The run is on record before its first verdict is shown."""
    if not run.logging:
        return
    line = log.run_line(
        run.log,
        run.code,
        checkpoint=record.about(run.checkpoint),
        environment=record.environment(run.device),
        when=run.started,
        seed=run.seed,
        draws=run.stages[-1],
        stages=list(run.stages),
        profile=settings.get_current_profile_name(),
    )
    try:
        log.append(log.file_of(run.log, run.checkpoint.name), [line])
    except log.LogError as error:
        pytest.exit(str(error), returncode=2)
    run.logged = line["run"]


def _end_log(run: Run, claims: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Register the claims that are new, say of each verdict whether it confirms, and keep them all."""
    if run.logged is None:
        return claims
    judged = [run.registrations[index] for index in sorted(run.registrations)]
    log.register(run.log, [*judged, *registrations(())], when=run.started)
    known = log.read(run.log)
    claims = tuple(replace(entry, standing=known.standing(run.logged, entry.hash)) for entry in claims)
    run.standing = tuple(standing.told(known, run.logged, claims, run.code))
    log.append(log.file_of(run.log, run.checkpoint.name), log.verdict_lines(run.logged, claims))
    return claims


# The hook above is handed no config; there is one controller in a process.
_CONTROLLER: dict[str, pytest.Config] = {}


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        _CONTROLLER["config"] = session.config


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Iterator[None]:
    """Settle the verdicts over all claims, write them, and let them decide the exit status.

    What the others do at the end, of which pytest-html's report is part, comes after that, and cannot undo it.
    """
    config = session.config
    run = config.stash.get(RUN, None)
    if run is None or hasattr(config, "workerinput"):
        return (yield)
    if run.complete:
        _settle(config, run)
        if run.departures and exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    elif run.expected_entries and exitstatus == 0 and not config.option.collectonly:
        session.exitstatus = BAD_CALL
    report = config.getoption("--recint-report")
    is_new = bool(report) and not Path(report).exists()
    try:
        return (yield)
    except (OSError, ValueError) as error:
        if not report:
            raise
        run.unwritten.append(outputs.not_written(report, error))
        if is_new:
            with suppress(OSError):
                Path(report).unlink()
    finally:
        if run.unwritten:
            session.exitstatus = BAD_CALL


def _settle(config: pytest.Config, run: Run) -> None:
    """The verdicts, and all files but the report: each is written whatever becomes of the others."""
    expected = {claim: expectation.verdict for claim, expectation in run.expectations.items()}
    claims = record.settle([run.entries[index] for index in sorted(run.entries)], expected)
    try:
        claims = _end_log(run, claims)
    except (OSError, ValueError) as error:  # what is not on record confirms nothing
        run.unwritten.append(str(error))
    result = record.run(
        run.checkpoint,
        claims,
        device=run.device,
        seed=run.seed,
        stages=run.stages,
        profile=settings.get_current_profile_name(),
        started=run.started,
        seconds=time.monotonic() - run.begun,
    )
    if run.against:
        result = drift.compared(run.against, result, allow=run.allow)
        run.departures = result.not_allowed
    else:
        run.departures = record.departures(claims)
    run.result = result
    written: dict[str, Callable[[Path], None]] = {
        "--recint-verdicts": lambda path: files.write(path, verdict_file.text(result)),
        "--recint-junit": lambda path: files.write(path, junit.xml(result, departures=run.departures)),
        "--recint-summary": lambda path: outputs.append(path, board.summary(result, departures=run.departures)),
    }
    for option, write in written.items():
        if path := config.getoption(option):
            try:
                write(Path(path))
            except (OSError, ValueError) as error:
                run.unwritten.append(outputs.not_written(path, error))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    run = config.stash.get(RUN, None)
    if run is None or hasattr(config, "workerinput"):
        return

    def say(sentence: str) -> None:
        terminalreporter.write_line(one_line(sentence))

    if run.expected_entries and not run.complete and not config.option.collectonly:
        terminalreporter.section("no verdicts", "=")
        say(
            f"{len(run.entries)} of {run.expected_entries} claims were judged before the run ended: "
            "verdicts are settled over all claims of a run, so none are given"
        )
    if run.result is None:
        return
    terminalreporter.section("verdicts", "=")
    say(findings.headline(run.result))
    say(words.questions(run.result.claims))
    for departure in run.departures:
        say(f"  {departure.sentence}")
    for found in run.result.drift:
        if found.allowed:
            say(f"  allowed: {found.sentence}")
    for sentence in run.result.incomparable:
        say(f"  not compared: {sentence}")
    for sentence in run.result.judged_otherwise:
        say(f"  judged otherwise: {sentence}")
    for sentence in run.standing:
        say(sentence)
    if run.logged:
        say(f"log: {log.file_of(run.log, run.checkpoint.name)}")
    for option in _OUTPUTS:
        path = config.getoption(option)
        if path and not any(sentence.startswith(f"{path}: ") for sentence in run.unwritten):
            say(f"{option.removeprefix('--recint-')}: {path}")
    for sentence in run.unwritten:
        say(f"recint: {sentence}")


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    """The board and the evidence, on top of pytest-html's page."""
    run = session.config.stash.get(RUN, None)
    if run is not None and run.result is not None:
        whole = run.claims == SHIPPED and run.whole
        prefix.append(html.page(run.result, run.figures, below=_replication(run) if whole else ""))


def _replication(run: Run) -> str:
    """The notebook's figures, measured again: what `recint replicate` shows of the same checkpoint."""
    from recint.replication import page as replication_page
    from recint.replication.gallery import gallery
    from recint.replication.table import replicate

    try:
        model = Model(run.checkpoint, device=run.device)
        return replication_page.section(replicate(model, seed=run.seed), gallery(model, seed=run.seed))
    except Exception as error:  # the verdicts stand without it
        return html.missing(f"The notebook's figures could not be measured again: {error}")


@pytest.hookimpl(optionalhook=True)
def pytest_html_report_title(report: Any) -> None:
    config = _CONTROLLER.get("config")
    if config is not None and config.getoption("--recint-report"):
        report.title = f"recint: {config.stash[RUN].path.stem}"


def _line(entry: Entry) -> str:
    """One line of the table that grows as claims are judged."""
    value = "" if entry.value is None else f"{entry.value:.4g} {entry.relation} {entry.threshold:g}"
    found = entry.counterexample
    verb = "broken" if entry.decisive else "stops holding"
    where = f"{verb} at {found.where}" if found else words.reach(entry)
    # All other words are final: Holm's correction over the run can only make up for what this one lacks.
    verdict = f"{entry.verdict}{' so far' if entry.is_open else ''}"
    return f"{SYMBOLS[entry.verdict]} {verdict:<20} {entry.id:<36} {value:<22}   {where}".rstrip()


def _print(config: pytest.Config, text: str, *, whole: bool = False) -> None:
    """A line of its own, cut to the width of a terminal if it need not be `whole`."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.ensure_newline()
        cut = reporter.isatty and not whole
        reporter.write_line(one_line(text)[: max(60, reporter._tw.fullwidth)] if cut else one_line(text))


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """No dots between the lines of the table."""
    if report.when == "call" and "recint_blank" in dict(report.user_properties):
        category = "xfailed" if hasattr(report, "wasxfail") else report.outcome
        return category, "", ""
    return None


__all__ = ["RUN"]
