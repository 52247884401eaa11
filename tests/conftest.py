"""Small models for tests, and the shipped checkpoint in the notebook's format with an independent measurement of it."""

import json
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest

from recint.checkpoint import ModelConfig, load, save
from recint.model import Model
from recint.model.untrained import untrained

from .commands import recint
from .made_up import claims
from .written_log import FIRST, OTHER, SECOND, Writer, entry

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


# Cheap to run: one layer of weights that see recurrences in R^40, so that claims about layers 1 and 2 do not apply.
TINY = ModelConfig(n_layers=1, n_heads=2, d_model=16, d_head=8, d_mlp=16, n_ctx=13, d_vocab=40)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return save(untrained(TINY, seed=0), tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture(scope="session")
def verified(tiny, tmp_path_factory):
    """Status, output, verdicts and report of a run on an untrained model."""
    folder = tmp_path_factory.mktemp("verified")
    report, verdicts = folder / "report.html", folder / "verdicts.json"
    status, out, _ = recint("verify", tiny, "--draws", 200, "--report", report, "--verdicts", verdicts)
    return status, out, json.loads(verdicts.read_text()), report


@pytest.fixture
def training(tmp_path):
    """A training with snapshots and its history, as `recint train` leaves it."""
    folder = save(untrained(TINY, seed=9), tmp_path / "runs" / "seed9")
    (folder / "history.json").write_text(json.dumps({"recipe": {"seed": 9, "steps": 200}}))
    for step in (0, 50, 100):
        save(untrained(TINY, seed=step), folder / "snapshots" / f"step-{step:06d}.safetensors")
    return folder


@pytest.fixture
def folder(tmp_path):
    return claims(tmp_path / "claims", {"id": "a.one"})


@pytest.fixture
def log(tmp_path):
    """Four runs on three checkpoints: one clean, one dirty, one again, one stopped; and a claim that was amended between."""
    writer = Writer(tmp_path / "log")
    writer.register(FIRST, OTHER)
    writer.run(
        "aa11aaaa", "one", "2026-01-02T08:00:00+00:00", entry(FIRST, "refuted"), entry(OTHER, ci=None), committed=[FIRST, OTHER]
    )  # fmt: skip
    writer.run("bb22bbbb", "two", "2026-01-03T08:00:00+00:00", entry(FIRST), committed=[FIRST, OTHER], dirty=True)
    writer.register(SECOND, when="2026-01-04T08:00:00+00:00")
    both = [FIRST, OTHER, SECOND]
    writer.run(
        "aa33cccc", "one", "2026-01-05T09:30:00+00:00",
        entry(FIRST, "refuted", 0.2, (0.1, 0.3)), entry(SECOND), entry(OTHER, "refuted", ci=None), committed=both, seed=7,
    )  # fmt: skip
    writer.run("dd44dddd", "three", "2026-01-06T08:00:00+00:00", committed=both, commit=None, dirty=None)
    return writer.folder


@pytest.fixture
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
