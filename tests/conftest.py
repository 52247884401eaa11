"""Small models for tests, and the shipped checkpoint in the notebook's format with an independent measurement of it."""

import json
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest

from recint.checkpoint import ModelConfig, load
from recint.model import Model
from recint.model.untrained import untrained

AFFINE_A = Path(__file__).parents[1] / "fixtures" / "checkpoints" / "affine-a.pth"
# What an independent implementation in float64 measured on that checkpoint.
ORACLE = json.loads((Path(__file__).parent / "data" / "affine-a.oracle.json").read_text())
SMALL = ModelConfig(n_layers=2, n_heads=2, d_model=16, d_head=8, d_mlp=32, n_ctx=16, d_vocab=5)


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory):
    """What untrained models get is not read from, or left in, the cache of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECINT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def affine_a():
    return Model(load(AFFINE_A))


@pytest.fixture(scope="session")
def small():
    return untrained(SMALL, seed=0, init_range=0.2)


@contextmanager
def files_of_at_most(count):
    """As on a disk that is full: no file may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
