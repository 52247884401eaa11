"""The pytest plugin: hooks only. They keep what they learn about the run in a `Session`.

Evidence travels in `item.user_properties`, so that it also reaches the main process of xdist and JUnit XML.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recint import BAD_CALL, appendix
from recint.catalogue import SHIPPED, require_sound
from recint.globs import selected
from recint.judging import entries
from recint.judging.claim import Property, Refuted
from recint.judging.entry import Entry
from recint.judging.evaluate import Evidence, draw_together
from recint.judging.finite import require_finite_numbers
from recint.judging.judge import judge_one
from recint.judging.scan import scan
from recint.judging.values import DrawnValues
from recint.options import HYPOTHESES, PYTEST, TWINS, RunOptions
from recint.pages import progress
from recint.pages import report as html
from recint.profiles import load_profile, register_profiles
from recint.record import log, log_file, registration, value_file, verdict_file
from recint.session import Session, prepare
from recint.subjects import folder_of, require_one_subject
from recint.system import outputs, reasons
from recint.system.escaping import line as one_line
from recint.system.threads import limit_threads

pytest_plugins = ["recint.collecting"]

RUN = pytest.StashKey[Session]()
_VALUES = "recint_values"  # the property under which a test passes the values of its draws
_FIGURE = "recint_figure"  # the name of a property of a test
_INDEX = pytest.StashKey[int]()  # of a claim among the declared ones
# Ends a session. pytest shows the name of the class before the sentence. So the class has the name of the command.
_REFUSAL = type("recint", (pytest.exit.Exception,), {"__module__": "builtins"})
# Some hooks receive no config. A process has at most one controller, whose config is kept here.
_CONTROLLER: dict[str, pytest.Config] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("recint", "verification of checkpoints")
    for option in TWINS:
        if option == HYPOTHESES:
            option = replace(option, default=None, otherwise="what pytest is told to collect")
        option.declare(group.addoption, PYTEST)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    register_profiles()
    # pytest warns if it cannot write its cache. Where warnings are errors, that must not cost the verdicts.
    config.addinivalue_line("filterwarnings", "ignore::pytest.PytestCacheWarning")
    if hasattr(
        config, "workerinput"
    ):  # workers share the cores: each takes its part, so that no thread waits for a core
        limit_threads(max(1, (os.cpu_count() or 1) // config.workerinput["workercount"]))
    try:
        options = RunOptions.of(config.getoption, PYTEST)
        run = config.stash[RUN] = prepare(options, claims=folder_of(options.hypotheses, config.args))
        _ask_for_report(config, run.options.report)
        if not hasattr(config, "workerinput"):
            outputs.require_files(*run.options.written.values(), inputs=run.options.read)
    except ValueError as error:
        raise _REFUSAL(str(error), BAD_CALL) from None


def _ask_for_report(config: pytest.Config, path: str | None) -> None:
    """Let pytest-html write the report.

    Raises:
        ValueError: pytest-html is not loaded, or it would write to another file.
    """
    if path:
        if not hasattr(config.option, "htmlpath"):
            raise ValueError(f"report={path!r} is written by pytest-html, which is not loaded: add -p html -p metadata")
        outputs.require_report(path)
        config.option.htmlpath = os.path.abspath(path)
        config.option.self_contained_html = True


def _property(item: pytest.Item) -> Property | None:
    """The property of the claim that a pytest item tests; None if the item is another test."""
    return getattr(getattr(item, "function", None), "recint_property", None)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """With `--tb=no`, print at least why a module could not be imported."""
    config = _CONTROLLER.get("config")
    if report.failed and config is not None and config.getoption("tbstyle") == "no":
        _print(
            config, f"! {report.nodeid}: {reasons.printable(reasons.of_traceback(str(report.longrepr)))}", whole=True
        )


def pytest_itemcollected(item: pytest.Item) -> None:
    """Number the claims in the order of the code: plugins may shuffle the tests, but all that is written keeps this order."""
    if prop := _property(item):
        declared = item.config.stash[RUN].declared
        item.stash[_INDEX] = len(declared)
        declared.append(prop.claim)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select by glob, and mark expected refutations as strict xfails."""
    claims = [(item, prop) for item in items if (prop := _property(item))]
    if not claims:
        return
    run = config.stash[RUN]
    run.claims = claims[0][1].folder
    try:
        _ = run.checkpoint, run.stages, run.seed, run.against_values
        require_one_subject({prop.folder for _, prop in claims})
        require_sound(run.declared, run.claims)
        run.require_fit(run.declared, whole=_collects_all(config))
        run.require_common(prop.claim for _, prop in claims)
        if run.options.logging and not hasattr(config, "workerinput"):
            log_file.require_writable(run.log)
            outputs.require_files(*run.options.written.values(), own=run.log_files)
    except ValueError as error:
        raise _REFUSAL(str(error), BAD_CALL) from None
    dropped = {item for item, prop in claims if not selected(prop.claim.id, run.options.claims)}
    if dropped:
        config.hook.pytest_deselected(items=list(dropped))
        items[:] = [item for item in items if item not in dropped]
    for item, prop in claims:
        if item not in dropped and (may := run.refutable(prop.claim)):
            item.add_marker(pytest.mark.xfail(strict=may.strict, raises=Refuted, reason=may.reason))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Attach each claim to its item, among the items that are still selected, and print what is going to be judged."""
    run = session.config.stash[RUN]
    chosen = [(item, prop) for item in session.items if (prop := _property(item))]
    run.expected_entries = len(chosen)
    if chosen:
        load_profile(session.config.getoption("--hypothesis-profile", None))
    for item, prop in chosen:
        blank = {
            "index": item.stash[_INDEX],
            "of": len(chosen),
            "whole": len(chosen) == len(run.declared),
            "claims": str(prop.folder),
            "entry": verdict_file.plain(entries.blank(prop.claim)),
            "registration": registration.of_claim(prop.claim),
        }
        item.user_properties.append(("recint_blank", json.dumps(blank)))
    if chosen and not hasattr(session.config, "workerinput"):
        if run.options.hypotheses is None:  # otherwise `recint verify` has printed them
            for note in run.checkpoint.notes:
                _print(session.config, note, whole=True)
        _print(session.config, progress.opening(len(chosen), run.stages, noun=chosen[0][1].claim.noun))
        if warned := run.first_look([prop.claim.hash for _, prop in chosen]):
            _print(session.config, warned, whole=True)


def _collects_all(config: pytest.Config) -> bool:
    """Whether whole folders of claims are collected. Only then is an expected verdict without a claim a mistake."""
    return all(Path(argument).is_dir() for argument in config.args) and not config.getoption("lf", default=False)


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Callable[[Property, Any], None]:
    """A function that judges a claim on a model, keeps the evidence, and raises `Refuted` if the claim is refuted."""
    run = request.config.stash[RUN]
    family = sum(_property(item) is not None for item in request.session.items)
    beside = _beside(request)

    def judged(prop: Property, model: Any) -> None:
        properties = request.node.user_properties
        try:
            if prop.claim.quantifier != "weights" and prop.claim.id not in run.drawn:
                run.drawn |= draw_together(beside, model, seed=run.seed.number, stages=run.stages, family=family)
                run.scanned |= scan(beside, model, seed=run.seed.number)
            evidence, entry = judge_one(
                prop,
                model,
                seed=run.seed.number,
                stages=run.stages,
                family=family,
                drawn=run.drawn.pop(prop.claim.id, None),
                scanned=run.scanned.pop(prop.claim.id, None),
                controls=run.options.controls,
                beside=beside,
            )
            require_finite_numbers(verdict_file.plain(entry), what=prop.claim.id)
        except Exception as error:
            properties.append(_evidence(entries.blank(prop.claim, reasons.of(error))))
            raise
        if evidence.unmet:
            properties.append(_evidence(entry))
            pytest.skip(evidence.unmet)
        properties.append(_evidence(entry))
        if run.keeps_values and (values := DrawnValues.of(evidence)):
            properties.append((_VALUES, value_file.as_text({prop.claim.id: values})))
        # Figures are shown in the report only. Drawing them takes a while, and the verdict is printed first.
        if getattr(request.config.option, "htmlpath", None):
            request.addfinalizer(lambda: properties.append((_FIGURE, _figure(prop, model, evidence))))
        if entry.verdict == "refuted":
            raise Refuted(entry.message)

    return judged


def _evidence(entry: Entry) -> tuple[str, object]:
    """The property under which a test passes its evidence to the process that settles the verdicts."""
    return "recint", json.dumps({"entry": verdict_file.plain(entry)})


def _figure(prop: Property, model: Any, evidence: Evidence) -> str:
    """The claim's figure, or a note that it could not be drawn: the verdict does not depend on it."""
    try:
        return prop.figure(model, evidence)
    except Exception as error:
        return html.missing(f"The figure could not be drawn: {reasons.of(error)}")


def _beside(request: pytest.FixtureRequest) -> list[Property]:
    """The claims that this process is going to judge. Their estimates share forward passes.

    A worker of xdist is sure of the claims in the same file only (with --dist loadfile): other files may go to other workers.
    """
    is_worker = hasattr(request.config, "workerinput")
    items = [item for item in request.session.items if not is_worker or item.path == request.node.path]
    return [prop for item in items if (prop := _property(item))]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    config = _CONTROLLER.get("config")
    properties = dict(report.user_properties)
    if config is None or "recint_blank" not in properties:
        return
    run = config.stash[RUN]
    if report.when == "teardown" and _FIGURE in properties and "recint" in properties:
        run.figures[json.loads(str(properties["recint"]))["entry"]["id"]] = [str(properties[_FIGURE])]
    if _VALUES in properties:  # they are long, and pytest's own JUnit file would have them
        run.values |= value_file.of_text(str(properties[_VALUES]))
        report.user_properties = [(name, value) for name, value in report.user_properties if name != _VALUES]
    if report.when != "call" and report.passed:
        return
    blank = json.loads(str(properties["recint_blank"]))
    run.expected_entries, run.whole = blank["of"], blank["whole"]
    if "recint" in properties:
        entry = verdict_file.entry(json.loads(str(properties["recint"]))["entry"])
    else:
        message = reasons.of_traceback(str(report.longrepr))
        entry = replace(verdict_file.entry(blank["entry"]), message=message)
    try:
        first = run.keep(blank["index"], entry, blank["registration"], folder=Path(blank["claims"]))
    except log.LogError as error:
        raise _REFUSAL(str(error), BAD_CALL) from None
    if first and not hasattr(config, "workerinput"):
        _print(config, progress.row(entry))
        if entry.verdict == "error":
            _print(config, f"  {reasons.printable(entry.message)}", whole=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        _CONTROLLER["config"] = session.config


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Iterator[None]:
    """Settle the verdicts over all claims, write them, and set the exit status.

    Other plugins finish after that (pytest-html writes its report then). Their errors cannot undo what is written.
    """
    config = session.config
    run = config.stash.get(RUN, None)
    if run is None or hasattr(config, "workerinput"):
        return (yield)
    if run.complete:
        run.settle()
        _say_verdicts(config, run)
        if run.departures and exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    elif _ended_early(run, config) and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        session.exitstatus = BAD_CALL
    report = run.options.report
    is_new = report is not None and not Path(report).exists()
    try:
        return (yield)
    except (OSError, ValueError) as error:
        if not report:
            raise
        run.unwritten["report"] = outputs.not_written(report, error)
        if is_new:
            with suppress(OSError):
                Path(report).unlink()
    finally:
        if run.unwritten:
            session.exitstatus = BAD_CALL


def _ended_early(run: Session, config: pytest.Config) -> bool:
    """Whether claims were to be judged, and some of them were not."""
    return bool(run.expected_entries) and not run.complete and not config.option.collectonly


def _say_verdicts(config: pytest.Config, run: Session) -> None:
    """The answer, before the report is drawn, which takes a while."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or run.result is None:
        return
    reporter.section("verdicts", "=")
    for sentence in (*progress.verdicts(run.result, run.departures), *run.standing):
        reporter.write_line(one_line(sentence))
    if run.options.report:
        reporter.write_line("drawing the report ...")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    run = config.stash.get(RUN, None)
    if run is None or hasattr(config, "workerinput"):
        return

    def say(sentence: str) -> None:
        terminalreporter.write_line(one_line(sentence))

    if _ended_early(run, config):
        terminalreporter.section("no verdicts", "=")
        say(
            f"{len(run.entries)} of {run.expected_entries} claims were judged before the run ended: "
            "verdicts are settled over all claims of a run, so none are given"
        )
    if run.result is None:
        return
    for name, place in run.kept_in():
        say(f"{name}: {place}")
    for sentence in run.unwritten.values():
        say(f"recint: {sentence}")


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    """Put the board and the evidence on top of pytest-html's page."""
    run = session.config.stash.get(RUN, None)
    if run is not None and run.result is not None:
        whole = run.claims == SHIPPED and run.whole
        amended = {of["claim"]: of["because"] for of in run.registrations.values() if of["because"]}
        below = appendix.of(run, replicated=whole)
        prefix.append(html.page(run.result, run.figures, subject=run.subject.NAME, amended=amended, below=below))


@pytest.hookimpl(optionalhook=True)
def pytest_html_report_title(report: Any) -> None:
    config = _CONTROLLER.get("config")
    if config is not None and config.stash[RUN].options.report:
        report.title = f"recint: {config.stash[RUN].path.stem}"


def _print(config: pytest.Config, text: str, *, whole: bool = False) -> None:
    """Print a line. On a terminal it is cut to the width, unless it has to be `whole`."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.ensure_newline()
        cut = reporter.isatty and not whole
        reporter.write_line(one_line(text)[: max(60, reporter._tw.fullwidth)] if cut else one_line(text))


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """Print no dot for a claim, which has its line in the table."""
    if report.when == "call" and "recint_blank" in dict(report.user_properties):
        category = "xfailed" if hasattr(report, "wasxfail") and report.skipped else report.outcome
        return category, "", ""
    return None


__all__ = ["RUN"]
