"""`recint verify`: check the input, then hand the call to pytest.

`recint verify X --seed 1` is `pytest hypotheses --recint-checkpoint X --recint-seed 1`, and two things more: claims may come
from any folder, and a baseline that is a checkpoint is judged first if the log does not have it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recint import BAD_CALL, drift, log, plugin, record, shipped
from recint import checkpoint as checkpoints
from recint.catalogue import properties, require_matches, selected
from recint.escaping import terminal
from recint.files import cache_folder, require_files
from recint.identity import identity

# Options that pytest takes under the same name with `--recint-` before it.
_SAME = ("checkpoint", "device", "report", "verdicts", "junit", "summary", "expected", "seed", "draws")
# Options that shape the evidence, which a baseline is to be judged with, too.
_HOW = ("hypotheses", "device", "profile", "seed", "draws", "workers")


def verify(options: argparse.Namespace) -> int:
    """Judge every claim on a checkpoint.

    Raises:
        ValueError: one sentence on what was found in the input and what was expected.
    """
    # Checked here too, for one plain sentence instead of pytest's report of a session that never began.
    folder = Path(options.hypotheses).resolve()
    claims = [prop.claim for prop in properties(folder)]
    known = {claim.id for claim in claims}
    require_matches(options.claims or (), known)
    require_matches(options.allow or (), known)
    require_files(options.report, options.verdicts, options.junit, options.summary)
    kept = log.folder_of(folder, options.log)
    log.require_unmoved(log.read(kept), map(log.registration, claims))
    if options.logging:
        log.require_writable(kept)
    # Hypothesis leaves files that it finds again where it was started, which is somebody's working folder.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(cache_folder() / "hypothesis"))
    with TemporaryDirectory() as scratch:
        against = options.against and _baseline(options, kept, known, Path(scratch))
        run = plugin.prepare(
            checkpoint=str(plugin.REFERENCE_CHECKPOINT) if options.checkpoint is None else options.checkpoint,
            device=options.device,
            seed=options.seed,
            draws=options.draws,
            expected=options.expected,
            against=against,
            allow=options.allow or (),
            claims=folder,
            log_in=str(kept),
        )
        run.logging = options.logging
        if options.workers > 1:  # else the plugin tells it, which knows of the claims where it collects them
            asked = {claim.hash for claim in claims if selected(claim.id, options.claims or ())}
            if warned := plugin.first_look(run, asked):
                print(terminal(warned), flush=True)
        if not against:
            plugin.require_known(run.expectations, known)
        status = int(pytest.main([*_arguments(options, folder, against), f"--recint-log={kept}"]))
    # pytest's own statuses for a bad call and for nothing collected
    return BAD_CALL if status in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED) else status


def _arguments(options: argparse.Namespace, folder: Path, against: str | None) -> list[str]:
    # No configuration but this one: that of whoever owns the folder may bring other options, or warnings that are errors.
    # The pattern names the folder: with a bare *.py pytest would rewrite the asserts of every module it imports.
    arguments = [str(folder), "-c", os.devnull, "--rootdir", str(folder.parent), "--import-mode=importlib"]
    arguments += ["-o", f"python_files={folder.name}/*.py", "-p", "no:cacheprovider"]
    arguments += ["-p", "recint.plugin", "-p", shipped.FIXTURES, "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    arguments += ["-q", "--no-header", "--tb=no", "-rN"]
    arguments += ["-n", str(options.workers), "--dist", "loadfile"] if options.workers > 1 else []
    arguments += [f"--hypothesis-profile={options.profile}"] if options.profile else []
    for name in _SAME:
        value = getattr(options, name)
        arguments += [f"--recint-{name}={value}"] if value is not None else []
    arguments += [f"--recint-against={against}"] if against else []
    arguments += [f"--recint-allow={glob}" for glob in options.allow or ()]
    arguments += [] if options.controls else ["--recint-no-controls"]
    arguments += [] if options.logging else ["--recint-no-log"]
    arguments += [f"--recint-claims={glob}" for glob in options.claims or ()]
    return arguments


def _baseline(options: argparse.Namespace, kept: Path, known: set[str], scratch: Path) -> str:
    """What pytest is to hold the run against: a verdict file or a run of the log; a checkpoint without one is judged first."""
    name = options.against
    if name.endswith(".json") or not Path(name).exists():
        return name
    of = identity(record.about(checkpoints.load(name)))
    logged = drift.logged(log.read(kept), of)
    asked = {claim for claim in known if selected(claim, options.claims or ())}
    if logged and asked <= {entry["id"] for entry in logged["claims"]}:
        return of
    print(f"judging the baseline first: {name}", flush=True)
    judged = scratch / "baseline.json"
    how = [f"--{key}={getattr(options, key)}" for key in _HOW if getattr(options, key) is not None]
    how += [f"--log={kept}"] if options.logging else ["--no-log"]
    how += [] if options.controls else ["--no-controls"]
    how += ["--claims", *options.claims] if options.claims else []
    # -P: whatever lies in the folder that the caller works in is no module of ours.
    command = [sys.executable, "-P", "-m", "recint.cli", "verify", name, f"--verdicts={judged}", *how]
    if subprocess.run(command, check=False).returncode not in (0, 1):
        raise ValueError(f"against={name!r} could not be judged")
    return str(judged)
