"""What importing recint does to a process: its threads sleep while they wait, unless the user has said how they should."""

import os
import subprocess
import sys

import pytest

NAMES = ("OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS")
CODE = f"import os, recint; print(*(os.environ[name] for name in {NAMES!r}))"


@pytest.mark.parametrize(
    ("told", "then"), [({}, "PASSIVE 1"), (dict(zip(NAMES, ("ACTIVE", "2"), strict=True)), "ACTIVE 2")]
)
def test_threads_that_wait_leave_the_cores_to_others(told, then):
    environment = {name: value for name, value in os.environ.items() if name not in NAMES} | told
    said = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == then.split()


def test_linear_algebra_of_numpy_runs_on_one_thread():
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    code = (
        "import recint.plugin, numpy\nfrom threadpoolctl import threadpool_info\n"
        "print({pool['num_threads'] for pool in threadpool_info() if pool['user_api'] == 'blas'})"
    )
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "{1}"
