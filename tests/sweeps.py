"""A short sweep, for tests of sweeps."""

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from recint.sweep import jobs

from .commands import ROOT, wait_for

ASKED = ("l0.previous-token", "l0.ov-line")
FEW = ("--claims", *ASKED, "--draws", "100", "--no-controls")
HOW = jobs.How(hypotheses=str(ROOT / "hypotheses"), claims=ASKED, stages=(100,), device="cpu", controls=False)


def snapshots(training):
    return sorted((training / "snapshots").iterdir())


@contextmanager
def running(*arguments):
    command = [sys.executable, "-m", "recint.cli", "sweep", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def running_elsewhere(training, folder, *, workers):
    """A sweep on a `dask scheduler` and `dask worker`s, as a user of a cluster has them, as soon as one checkpoint is judged.

    Yields its process, the scheduler's and the workers'.
    """
    dask, file, out = Path(sys.executable).with_name("dask"), folder / "scheduler.json", folder / "out"
    quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = []
    try:
        options = ["--port", "0", "--scheduler-file", file, "--no-dashboard"]
        started.append(subprocess.Popen([dask, "scheduler", *options], **quiet))
        address = json.loads(wait_for(lambda: file.exists() and file.read_text()))["address"]
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
        options += ["--preload", "transformer_lens.model_bridge", "--preload", "recint.sweep.task"]
        for number in range(workers):
            started.append(subprocess.Popen([dask, "worker", address, *options, "--name", str(number)], **quiet))
        call = (training, training / "snapshots" / "*", "--out", out, "--no-log", "--scheduler", address, *FEW)
        with running(*call) as process:
            wait_for(lambda: list(out.glob(f"{jobs.VERDICTS}/*.json")))
            yield process, started[0], started[1:]
    finally:
        for one in started:
            one.kill()
            one.wait()
