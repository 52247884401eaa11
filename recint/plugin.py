"""The pytest plugin: options, the judge behind every claim, and what is made of its evidence at the end of the run.

Evidence travels in `item.user_properties`, so that runs under xdist and JUnit XML see it too.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings

from recint import board, drift, git, junit, log, record, shipped, standing
from recint import checkpoint as checkpoints
from recint import expected as expectations
from recint import report as html
from recint.catalogue import SHIPPED, require_matches, selected
from recint.checkpoint import Checkpoint
from recint.claim import Claim, Property, Refuted
from recint.draws import DRAWS, Share, draw
from recint.escaping import line as one_line
from recint.files import write
from recint.judge import judge_one
from recint.model import Model, resolve_device
from recint.preconditions import require_verifiable
from recint.profiles import register_profiles
from recint.threads import limit_threads
from recint.verdict import require_draws

REFERENCE_CHECKPOINT = shipped.CHECKPOINTS / "affine3-seed0"


@dataclass
class Run:
    """What the plugin knows of the run so far.

    Attributes:
        claims: the folder of the claims, known once one of them was collected; its log and expected verdicts are in it.
        log_in: where the log is kept instead.
        logged: the number of this run in the log; None until its first claim was judged, and without a log.
        standing: how many of its verdicts confirm, and why the others do not; empty without a log.
    """

    path: Path
    device: torch.device
    seed: int
    draws: int
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
    entries: dict[int, dict[str, Any]] = field(default_factory=dict)
    figures: dict[str, list[str]] = field(default_factory=dict)
    drawn: dict[str, Share] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    departures: list[str] = field(default_factory=list)
    expected_entries: int = 0

    @property
    def complete(self) -> bool:
        """Whether every claim was judged: fewer would be corrected for too small a family."""
        return 0 < len(self.entries) == self.expected_entries

    @property
    def checkpoint(self) -> Checkpoint:
        if self.loaded is None:
            self.loaded = checkpoints.load(self.path)
            require_verifiable(self.loaded, str(self.path))
        return self.loaded

    @property
    def expectations(self) -> Mapping[str, expectations.Expectation]:
        if self.expected is None:
            if self.against:
                self.expected = {
                    entry["id"]: expectations.Expectation(
                        entry["verdict"], f"as in {self.against['checkpoint']['name']}"
                    )
                    for entry in self.against["claims"]
                }
            elif self.expected_from:
                self.expected = expectations.load(Path(self.expected_from)).claims
            else:
                own, about = shipped.record(self.claims, "expected"), record.about(self.checkpoint)
                self.expected = expectations.find(own, about) or expectations.find(self.claims / "expected", about)
        return self.expected

    @cached_property
    def against(self) -> dict[str, Any] | None:
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
            or claim.hash not in [entry["hash"] for entry in self.against["claims"]]
        ):
            return pytest.mark.xfail(strict=False, raises=Refuted, reason="may drift, or is not judged in the baseline")
        if expectation and expectation.verdict == "refuted":
            return pytest.mark.xfail(strict=True, raises=Refuted, reason=expectation.reason)
        return None


RUN = pytest.StashKey[Run]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("recint", "verification of checkpoints")
    group.addoption(
        "--recint-checkpoint", metavar="CHECKPOINT", help="folder, .safetensors or .pth; default: the reference"
    )
    group.addoption("--recint-device", default="auto", metavar="auto|cpu|cuda", help="where to run the model")
    group.addoption("--recint-claims", action="append", default=[], metavar="GLOB", help="only claims whose id matches")
    group.addoption("--recint-report", metavar="FILE", help="write an HTML report")
    group.addoption("--recint-verdicts", metavar="FILE", help="write the verdicts as JSON")
    group.addoption(
        "--recint-expected", metavar="FILE", help="expected verdicts; default: those on record by tensor hash"
    )
    group.addoption(
        "--recint-against",
        metavar="BASELINE",
        help="fail on what drifted from a verdict file, or from the last logged run on a checkpoint",
    )
    group.addoption(
        "--recint-allow", action="append", default=[], metavar="GLOB", help="claims that may drift from the baseline"
    )
    group.addoption("--recint-junit", metavar="FILE", help="write the settled verdicts as JUnit XML")
    group.addoption("--recint-summary", metavar="FILE", help="append the board, and what drifted, as Markdown")
    group.addoption(
        "--recint-log",
        metavar="DIR",
        help="folder of the research log; default: log, beside the claims (./recint-log if these are installed)",
    )
    group.addoption(
        "--recint-no-log", dest="--recint-logging", action="store_false", help="leave no line in the research log"
    )
    group.addoption("--recint-seed", type=int, default=0, metavar="N", help="seed of the independent draws")
    group.addoption(
        "--recint-draws", type=int, default=DRAWS, metavar="N", help=f"draws per estimate (default {DRAWS})"
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
    if hasattr(
        config, "workerinput"
    ):  # workers share the cores; threads of one that wait for those of another cost both
        limit_threads(max(1, (os.cpu_count() or 1) // config.workerinput["workercount"]))
    if report_path := config.getoption("--recint-report"):
        config.option.htmlpath = report_path
        config.option.self_contained_html = True
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
    except ValueError as error:
        pytest.exit(str(error), returncode=2)


def prepare(
    *,
    checkpoint: str | None,
    device: str,
    seed: int,
    draws: int,
    expected: str | None = None,
    against: str | None = None,
    allow: Sequence[str] = (),
    claims: Path | None = None,
    log_in: str | None = None,
) -> Run:
    """Check the input of a run; a checkpoint that was named is read at once, the reference only when claims ask for it.

    Raises:
        ValueError: one sentence on what was found and what was expected.
    """
    require_draws(draws)
    if against and expected:
        raise ValueError(f"against={against!r} and expected={expected!r} both say what is expected: give one of them")
    if allow and not against:
        raise ValueError(f"allow={list(allow)!r} names claims that may drift, but no baseline is given (--against)")
    run = Run(
        path=REFERENCE_CHECKPOINT if checkpoint is None else Path(checkpoint),
        device=resolve_device(device),
        seed=seed,
        draws=draws,
        expected_from=expected,
        allow=tuple(allow),
        against_from=against,
        claims=claims or SHIPPED,
        log_in=log_in,
    )
    if checkpoint is not None:
        _ = run.checkpoint
    if claims:
        _ = run.against
    if expected:
        _ = run.expectations
    return run


def _property(item: pytest.Item) -> Property | None:
    """The claim's property behind an item, if it has one."""
    return getattr(getattr(item, "function", None), "recint_property", None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select by glob, attach the claim to its item, and mark expected refutations as strict xfails."""
    claims = [(item, prop) for item in items if (prop := _property(item))]
    if not claims:
        return
    run = config.stash[RUN]
    run.claims = claims[0][1].folder
    known = {prop.claim.id for _, prop in claims}
    try:
        _ = run.checkpoint
        if len(known) < len(claims):
            raise ValueError(f"{run.claims}: an id is claimed more than once, but it names one claim")
        if _collects_all(config) and not run.against:  # a baseline may have judged other claims
            require_known(run.expectations, known)
        globs = require_matches(config.getoption("--recint-claims"), known)
        require_matches(run.allow, known)
        log.require_unmoved(log.read(run.log), [log.registration(prop.claim) for _, prop in claims])
    except ValueError as error:
        pytest.exit(str(error), returncode=2)
    chosen = [(item, prop) for item, prop in claims if selected(prop.claim.id, globs)]
    if dropped := {item for item, _ in claims} - {item for item, _ in chosen}:
        config.hook.pytest_deselected(items=list(dropped))
        items[:] = [item for item in items if item not in dropped]
    for index, (item, prop) in enumerate(chosen):
        blank = {
            "index": index,
            "of": len(chosen),
            "claims": str(prop.folder),
            "entry": record.blank(prop.claim),
            "registration": log.registration(prop.claim),
        }
        item.user_properties.append(("recint_blank", json.dumps(blank)))
        if mark := run.xfail(prop.claim):
            item.add_marker(mark)


def pytest_collection_finish(session: pytest.Session) -> None:
    """The first line of the table is a while in coming: say what is done before it."""
    judged = [prop.claim for item in session.items if (prop := _property(item))]
    if judged and not hasattr(session.config, "workerinput"):
        run, count = session.config.stash[RUN], len(judged)
        claims = "claims" if count > 1 else "claim"
        _print(
            session.config,
            f"{count} {claims}: measured together on {run.draws} recurrences first, then judged one by one",
        )
        if warned := first_look(run, [claim.hash for claim in judged]):
            _print(session.config, warned, whole=True)


def first_look(run: Run, claims: Collection[str]) -> str | None:
    """What to say before the first look at the checkpoint is spent on claims, given by their hashes, and confirms nothing."""
    return standing.warning(run.log, run.code, claims, checkpoint=record.about(run.checkpoint)) if run.logging else None


def require_known(expected: Collection[str], known: Collection[str]) -> None:
    """Raises ExpectedError if a verdict is expected of a claim that does not exist."""
    if unknown := sorted(set(expected) - set(known)):
        raise expectations.ExpectedError(f"expected verdicts name {', '.join(unknown)}, which no claim matches")


def _collects_all(config: pytest.Config) -> bool:
    """Whether the whole of a folder of claims was asked for, so that an expectation without a claim is a mistake."""
    return all(Path(argument).is_dir() for argument in config.args)


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Callable[[Property, Any], None]:
    """Run both arms of a claim, keep the evidence, and raise `Refuted` if the claim lost."""
    run = request.config.stash[RUN]
    family = sum(_property(item) is not None for item in request.session.items)
    beside = _beside(request)

    def judged(prop: Property, model: Any) -> None:
        properties = request.node.user_properties
        if prop.claim.id not in run.drawn:
            run.drawn |= draw(beside, model, seed=run.seed, draws=run.draws)
        evidence, entry = judge_one(
            prop,
            model,
            seed=run.seed,
            draws=run.draws,
            family=family,
            drawn=run.drawn.pop(prop.claim.id, None),
            controls=run.device if request.config.getoption("--recint-controls") else None,
        )
        if evidence.unmet:
            properties.append(("recint", json.dumps({"entry": entry, "figures": []})))
            pytest.skip(evidence.unmet)
        properties.append(("recint", json.dumps({"entry": entry, "figures": [prop.figure(model, evidence)]})))
        if entry["verdict"] == "refuted":
            raise Refuted(entry["message"])

    return judged


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
    run.expected_entries = blank["of"]
    if "recint" in properties:
        kept = json.loads(str(properties["recint"]))
        entry = kept["entry"]
        run.figures[entry["id"]] = kept["figures"]
    else:
        entry = blank["entry"] | {"message": _last_line(report)}
    first = blank["index"] not in run.entries
    if not run.entries:
        run.claims = Path(blank["claims"])
        _begin_log(run)
    run.entries[blank["index"]] = entry
    run.registrations[blank["index"]] = blank["registration"]
    if first and config.get_terminal_writer() and not hasattr(config, "workerinput"):
        _print(config, _line(entry))


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
        draws=run.draws,
        profile=settings.get_current_profile_name(),
    )
    try:
        log.append(log.file_of(run.log, run.checkpoint.name), [line])
    except log.LogError as error:
        pytest.exit(str(error), returncode=2)
    run.logged = line["run"]


def _end_log(run: Run, claims: list[dict[str, Any]]) -> None:
    """Register the claims that are new, say of each verdict whether it confirms, and keep them all."""
    if run.logged is None:
        return
    log.register(run.log, [run.registrations[index] for index in sorted(run.registrations)], when=run.started)
    known = log.read(run.log)
    for entry in claims:
        entry["standing"] = known.standing(run.logged, entry["hash"])
    run.standing = tuple(standing.told(known, run.logged, claims, run.code))
    log.append(log.file_of(run.log, run.checkpoint.name), log.verdict_lines(run.logged, claims))


# The hook above is handed no config; there is one controller in a process.
_CONTROLLER: dict[str, pytest.Config] = {}


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        _CONTROLLER["config"] = session.config


def _last_line(report: pytest.TestReport) -> str:
    lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
    return lines[-1] if lines else "no evidence and no error was reported"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Settle the verdicts over all claims, write them, and let them decide the exit status."""
    config = session.config
    run = config.stash.get(RUN, None)
    if run is None or hasattr(config, "workerinput") or not run.complete:
        return
    claims = record.settle([run.entries[index] for index in sorted(run.entries)], run.expectations)
    _end_log(run, claims)
    run.result = record.run(
        run.checkpoint,
        claims,
        device=run.device,
        seed=run.seed,
        draws=run.draws,
        profile=settings.get_current_profile_name(),
        started=run.started,
        seconds=time.monotonic() - run.begun,
    )
    if run.against:
        run.result |= drift.compared(run.against, run.result, allow=run.allow)
        run.departures = [found["sentence"] for found in run.result["drift"] if not found["allowed"]]
    else:
        run.departures = record.departures(claims)
    if path := config.getoption("--recint-verdicts"):
        write(Path(path), json.dumps(run.result, indent=1) + "\n")
    if path := config.getoption("--recint-junit"):
        write(Path(path), junit.xml(run.result, departures=run.departures))
    if path := config.getoption("--recint-summary"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with Path(path).open("a") as summary:
            summary.write(board.summary(run.result, departures=run.departures))
    if run.departures and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    run = config.stash.get(RUN, None)
    if run is None or hasattr(config, "workerinput"):
        return

    def say(sentence: str) -> None:
        terminalreporter.write_line(one_line(sentence))

    if run.entries and not run.complete:
        terminalreporter.section("no verdicts", "=")
        say(
            f"{len(run.entries)} of {run.expected_entries} claims were judged before the run ended: "
            "verdicts are settled over all claims of a run, so none are given"
        )
    if run.result is None:
        return
    terminalreporter.section("verdicts", "=")
    say(html.headline(run.result))
    for sentence in run.departures:
        say(f"  {sentence}")
    for sentence in [found["sentence"] for found in run.result.get("drift", ()) if found["allowed"]]:
        say(f"  allowed: {sentence}")
    for sentence in run.result.get("incomparable", ()):
        say(f"  not compared: {sentence}")
    for sentence in run.result.get("judged_otherwise", ()):
        say(f"  judged otherwise: {sentence}")
    for sentence in run.standing:
        say(sentence)
    if run.logged:
        say(f"log: {log.file_of(run.log, run.checkpoint.name)}")
    for option in ("--recint-report", "--recint-verdicts", "--recint-junit", "--recint-summary"):
        if path := config.getoption(option):
            say(f"{option.removeprefix('--recint-')}: {path}")


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    """The board and the evidence, on top of pytest-html's page."""
    run = session.config.stash.get(RUN, None)
    if run is not None and run.result is not None:
        whole = run.claims == SHIPPED and not session.config.getoption("--recint-claims")
        prefix.append(html.page(run.result, run.figures, below=_replication(run) if whole else ""))


def _replication(run: Run) -> str:
    """The notebook's figures, measured again: what `recint replicate` shows of the same checkpoint."""
    from recint.replication.gallery import gallery
    from recint.replication.table import replicate

    try:
        model = Model(run.checkpoint, device=run.device)
        return html.replication(replicate(model, seed=run.seed), gallery(model, seed=run.seed))
    except Exception as error:  # the verdicts stand without it
        return html.missing(f"The notebook's figures could not be measured again: {error}")


@pytest.hookimpl(optionalhook=True)
def pytest_html_report_title(report: Any) -> None:
    config = _CONTROLLER.get("config")
    if config is not None and config.getoption("--recint-report"):
        report.title = f"recint: {config.stash[RUN].path.stem}"


def _line(entry: dict[str, Any]) -> str:
    """One line of the table that grows as claims are judged."""
    value = "" if entry["value"] is None else f"{entry['value']:.4g} {entry['relation']} {entry['threshold']:g}"
    found = entry["search"] and entry["search"]["counterexample"]
    verb = "stops holding" if entry["quantifier"] == "average" else "broken"
    where = f"   {verb} at {found['where']}" if found else ""
    return f"{html.SYMBOLS[entry['verdict']]} {entry['verdict']:<14} {entry['id']:<36} {value:<22}{where}"


def _print(config: pytest.Config, text: str, *, whole: bool = False) -> None:
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
