"""`recint verify`: check the input, then hand the call to pytest.

`recint verify X --seed 1` is `pytest hypotheses --recint-checkpoint X --recint-seed 1`, and three things more: claims may come
from any folder, a baseline that is a checkpoint is judged first if the log does not have it, and nothing else that pytest is told,
by the environment or by files around the claims, has a part in the run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recint import BAD_CALL, shipped
from recint import checkpoint as checkpoints
from recint.catalogue import properties, require_matches, selected
from recint.judging import entries
from recint.options import OPTIONS, PYTEST, RunOptions
from recint.profiles import usual_profile
from recint.record import drift, log_file, registration
from recint.record.identity import identity
from recint.record.procedure import registrations
from recint.session import prepare, require_known, require_report
from recint.system import outputs
from recint.system.escaping import terminal
from recint.system.files import cache_folder

# What the environment tells every pytest is meant for other suites: their options, plugins, and modules in the working folder.
_ENVIRONMENT = {
    "PYTEST_ADDOPTS": None,
    "PYTEST_PLUGINS": None,
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONSAFEPATH": "1",
}
_PLUGINS = ("html", "metadata", "xdist", "hypothesispytest", "recint.plugin", shipped.FIXTURES)


def verify(options: argparse.Namespace) -> int:
    """Judge every claim on a checkpoint.

    Raises:
        ValueError: one sentence on what was found in the input and what was expected.
        KeyboardInterrupt: somebody stopped the run.
    """
    profile = options.profile or usual_profile()
    # Checked here too, for one plain sentence instead of pytest's report of a session that never began.
    folder = Path(options.hypotheses).resolve()
    claims = [prop.claim for prop in properties(folder)]
    known = {claim.id for claim in claims}
    require_matches(options.claims or (), known)
    require_matches(options.allow or (), known, option="allow")
    kept = log_file.folder_of(folder, options.log)
    registration.require_unmoved(log_file.read(kept), registrations(claims))
    asked = replace(RunOptions.of(vars(options).__getitem__), hypotheses=str(folder), log=str(kept))
    run = prepare(asked, claims=folder)
    _ = run.checkpoint
    if not asked.against:
        require_known(run.expectations, known)
    if asked.logging:
        log_file.require_writable(kept)
    outputs.require_files(*asked.written.values(), *(run.log_files if asked.logging else ()))
    require_report(asked.report)
    # Hypothesis leaves files that it finds again where it was started, which is somebody's working folder.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(cache_folder() / "hypothesis"))
    stopped = _Stopped()
    with TemporaryDirectory() as scratch:
        if asked.against:
            run.options = asked = replace(asked, against=_baseline(options, kept, known, Path(scratch)))
            _ = run.against
        if options.workers > 1:  # else the plugin tells it, which knows of the claims where it collects them
            first = {claim.hash for claim in claims if selected(claim.id, asked.claims)}
            if warned := run.first_look(first):
                print(terminal(warned), flush=True)
        with _undisturbed():
            arguments = _arguments(asked, folder, profile=profile, workers=options.workers)
            status = int(pytest.main(arguments, plugins=[stopped]))
    if stopped.by_user:
        raise KeyboardInterrupt
    # pytest has more statuses than we, for calls that ended without verdicts
    return status if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else BAD_CALL


class _Stopped:
    """Whether the run was interrupted by the user, which pytest tells by the status that a bad call has here."""

    by_user = False

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.by_user = isinstance(excinfo.value, KeyboardInterrupt)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Inside the block, pytest obeys the options of this call alone."""
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
    # No configuration but this one: that of whoever owns the folder may bring other options, or warnings that are errors.
    # The folder is an option, for its name may hold what pytest reads otherwise; the root stands for it.
    arguments = [os.sep, "-c", os.devnull, "--rootdir", str(folder.parent)]
    arguments += ["--noconftest", "--import-mode=importlib", "-p", "no:cacheprovider"]
    arguments += [part for name in _PLUGINS for part in ("-p", name)]
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning", "-q", "--no-header", "--tb=no", "-rN"]
    arguments += ["-n", str(workers), "--dist", "loadfile"] if workers > 1 else []
    return [*arguments, f"--hypothesis-profile={profile}", *asked.words(PYTEST)]


def _baseline(options: argparse.Namespace, kept: Path, known: set[str], scratch: Path) -> str:
    """What pytest is to hold the run against: a verdict file or a run of the log; a checkpoint without one is judged first."""
    name = options.against
    if name.endswith(".json") or not Path(name).exists():
        return name
    of = identity(entries.about(checkpoints.load(name)))
    logged = drift.logged(log_file.read(kept), of)
    asked = {claim for claim in known if selected(claim, options.claims or ())}
    if logged and asked <= {entry.id for entry in logged.claims}:
        return of
    print(f"judging the baseline first: {name}", flush=True)
    judged = scratch / "baseline.json"
    given = vars(options) | {"log": kept}
    how = [word for option in OPTIONS if option.baseline for word in option.words(given[option.attribute])]
    # -P: whatever lies in the folder that the caller works in is no module of ours.
    command = [sys.executable, "-P", "-m", "recint.cli", "verify", f"--verdicts={judged}", *how, "--", name]
    if subprocess.run(command, check=False).returncode not in (0, 1):
        raise ValueError(f"against={name!r} could not be judged")
    return str(judged)
