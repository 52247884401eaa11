"""Processes beside each other keep to their share of the cores."""

import os
import subprocess
import sys

import pytest

TOLD = """
import numpy, scipy.linalg, torch
from threadpoolctl import threadpool_info
from recint.system.threads import limit_threads

def told():
    return torch.get_num_threads(), {found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"}

print(told())
limit_threads(1)
print(told())
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has one thread anyway")
def test_the_limit_reaches_torch_and_linear_algebra():
    two = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", TOLD], env=os.environ | two, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["(2, {2})", "(1, {1})"]
