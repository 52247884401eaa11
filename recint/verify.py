"""`recint verify`: check the input, then call pytest.

`recint verify X --seed 1` does what `pytest hypotheses --recint-checkpoint X --recint-seed 1` does, and three things more. Claims
may come from any folder. A baseline that is the path of a checkpoint is judged first. Options of pytest in the environment, and
configuration files around the claims, have no effect.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recint import BAD_CALL, shipped
from recint.catalogue import properties
from recint.globs import selected
from recint.judging import entries
from recint.judging.entry import Run
from recint.judging.subject import is_own
from recint.options import (
    CLAIMS,
    DRAWS,
    HYPOTHESES,
    NO_CONTROLS,
    NO_LOG,
    OPTIONS,
    PROFILE,
    PYTEST,
    SEED,
    TASK,
    RunOptions,
)
from recint.profiles import usual_profile
from recint.record import drift, log_file, verdict_file
from recint.record.identity import identity
from recint.session import prepare
from recint.subjects import load
from recint.system import files, outputs
from recint.system.escaping import line, terminal
from recint.verdict import STAGES

# These variables configure every pytest, and are meant for other test suites. They are replaced while the claims are judged.
_ENVIRONMENT = {
    "PYTEST_ADDOPTS": None,
    "PYTEST_PLUGINS": None,
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONSAFEPATH": "1",
}
_PLUGINS = ("html", "metadata", "xdist", "hypothesispytest", "recint.plugin", shipped.FIXTURES)


def verify(options: argparse.Namespace) -> int:
    """Judge claims on a checkpoint and return the exit status.

    Returns:
        0: every claim is supported or as expected; 1: a claim is not; 2: the call or the input is wrong.

    Raises:
        ValueError: the input is wrong, in one sentence.
        KeyboardInterrupt: the user stopped the run.
    """
    profile = options.profile or usual_profile()
    # The plugin checks this too. Here an error is one plain sentence, without pytest's report of a session that did not begin.
    folder = Path(options.hypotheses).resolve()
    _require_text(options)
    claims = [prop.claim for prop in properties(folder)]
    kept = log_file.folder_of(folder, options.log)
    asked = replace(RunOptions.of(vars(options).__getitem__), hypotheses=str(folder), log=str(kept))
    run = prepare(asked, claims=folder)
    _ = run.checkpoint
    run.require_fit(claims, whole=True)
    if asked.logging:
        log_file.require_writable(kept)
    outputs.require_files(*asked.written.values(), own=run.log_files if asked.logging else ())
    outputs.require_report(asked.report)
    # By default Hypothesis keeps its files in the working folder, which belongs to the user.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(files.cache_folder() / "hypothesis"))
    stopped = _Stopped()
    with TemporaryDirectory() as scratch:
        if asked.against:
            run.options = asked = replace(
                asked, against=_baseline(options, kept, {claim.id for claim in claims}, Path(scratch))
            )
            run.require_common(claims)
            _ = run.against_values, run.stages  # a baseline that cannot be read is one sentence, as other input
        if options.workers > 1:  # with one worker, the plugin prints it when it has collected the claims
            first = {claim.hash for claim in claims if selected(claim.id, asked.claims)}
            if warned := run.first_look(first):
                print(terminal(warned), flush=True)
            if is_own(folder):  # a model that cannot be built is told here, since a worker cannot end the run
                run.subject.model(run.checkpoint, run.device)
        with _undisturbed():
            arguments = _arguments(asked, folder, profile=profile, workers=options.workers)
            status = int(pytest.main(arguments, plugins=[stopped]))
    if stopped.by_user:
        raise KeyboardInterrupt
    # pytest's other statuses mean that there are no verdicts
    return status if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else BAD_CALL


def _require_text(options: argparse.Namespace) -> None:
    """Raises ValueError if several processes are asked for, but not all paths are text in UTF-8: xdist passes no others on."""
    given = (os.getcwd(), *map(str, RunOptions.of(vars(options).__getitem__).words()))
    if options.workers > 1 and (odd := [word for word in given if not files.is_text(word)]):
        raise ValueError(
            f"{odd[0]!r} is no text in UTF-8, and cannot be passed to other processes; rename it, or use -n 1"
        )


class _Stopped:
    """Whether the user interrupted the run. pytest's status for that is 2, which means a wrong call here."""

    by_user = False

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.by_user = isinstance(excinfo.value, KeyboardInterrupt)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Inside the block, the environment has no options for pytest."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    _set(_ENVIRONMENT)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _arguments(asked: RunOptions, folder: Path, *, profile: str, workers: int) -> list[str]:
    # No configuration file is read: one around the claims may set other options, or turn warnings into errors.
    # The folder of the claims is an option, since pytest reads brackets and colons in a path as parts of the name of a test.
    # pytest still wants a path: the root of the file system takes its place.
    arguments = [os.sep, "-c", os.devnull, "--rootdir", str(folder.parent)]
    arguments += ["--noconftest", "--import-mode=importlib", "-p", "no:cacheprovider"]
    arguments += [part for name in _PLUGINS for part in ("-p", name)]
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning", "-q", "--no-header", "--tb=no", "-rN"]
    arguments += ["-n", str(workers), "--dist", "loadfile"] if workers > 1 else []
    return [*arguments, f"--hypothesis-profile={profile}", *asked.words(PYTEST)]


def _baseline(options: argparse.Namespace, kept: Path, known: set[str], scratch: Path) -> str:
    """The baseline for pytest: a verdict file or a name in the log. A checkpoint that is given by its path is judged first.

    The log has no values. So a checkpoint of the log is judged again, which allows a comparison recurrence by recurrence. It gets
    no second line in the log for that.

    Raises:
        ValueError: the checkpoint could not be judged.
    """
    name = options.against
    if name.endswith(".json") or not Path(name).exists():
        return name
    checkpoint = load(name, options.hypotheses, task=options.task)
    logged = drift.logged(log_file.read(kept), identity(entries.about(checkpoint)))
    asked = {claim for claim in known if selected(claim, options.claims or ())}
    is_new = logged is None or not asked <= {entry.id for entry in logged.claims}
    print(line(f"judging the baseline first: {name}"), flush=True)
    given = vars(options) | {"log": kept, "logging": options.logging and is_new}
    how = [word for option in OPTIONS if option.baseline for word in option.words(given[option.attribute])]
    return str(_judged(scratch / "baseline.json", how, name, option="against"))


def again(run: Run, checkpoint: str, *, hypotheses: Path, task: str | None = None) -> Run:
    """Judge a run again: the same claims with the same seed, draws and profile, in a process of its own that logs nothing.

    Untrained models are judged if the run judged any.

    Args:
        run: a run of the log.
        checkpoint: the path of the checkpoint that it judged.
        hypotheses: the folder of the claims.
        task: the file that says what the checkpoint was trained on, if it does not say it itself.

    Raises:
        ValueError: the folder has no longer all claims of the run, or the checkpoint could not be judged.
    """
    known = {prop.claim.hash for prop in properties(hypotheses)}
    if lacking := [entry.id for entry in run.claims if entry.hash not in known]:
        raise ValueError(
            f"hypotheses={str(hypotheses)!r} lacks {', '.join(lacking)}, but all claims of a run are judged again together, "
            "since verdicts depend on their number"
        )
    how = [
        *TASK.words(task), *HYPOTHESES.words(hypotheses), *CLAIMS.words([entry.id for entry in run.claims]), *SEED.words(run.seed),
        *DRAWS.words(None if run.stages == STAGES else run.draws), *PROFILE.words(run.profile), *NO_LOG.words(False),
        *NO_CONTROLS.words(any(entry.untrained for entry in run.claims)),
    ]  # fmt: skip
    with TemporaryDirectory() as scratch:
        return verdict_file.read(_judged(Path(scratch, "again.json"), how, checkpoint, option="checkpoint"))


def _judged(into: Path, how: Sequence[str], checkpoint: str, *, option: str) -> Path:
    """Judge a checkpoint in a process of its own, and return the path of its verdict file.

    Args:
        option: the option that names the checkpoint, for the error.

    Raises:
        ValueError: the checkpoint could not be judged.
    """
    # -P: modules are not imported from the working folder.
    command = [sys.executable, "-P", "-m", "recint.cli", "verify", f"--verdicts={into}", *how, "--", checkpoint]
    if subprocess.run(command, check=False).returncode not in (0, 1):
        raise ValueError(f"{option}={checkpoint!r} could not be judged")
    return into
