"""The examples in docstrings say what is so."""

import doctest
import importlib
import re
from pathlib import Path

import hypothesis
import pytest

from recint import catalogue
from recint.calibration.planted import plant
from recint.calibration.roles import Roles
from recint.checkpoint import load
from recint.domain import Condition, Domain
from recint.judging.entry import Entry, Run, SearchSummary
from recint.model import Model
from recint.recurrence import REFERENCE
from recint.sweep.emergence import sweep

from ..sweep_rows import rows_of

ROOT = Path(__file__).parents[2]
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "recint").rglob("*.py")
    if re.search("^ *>>> ", path.read_text(), re.MULTILINE)
)


def entry(id, **fields):
    return Entry(id=id, hash=id, statistic="it", relation=">=", threshold=0.5, quantifier="everywhere", **fields)


@pytest.fixture(scope="module")
def names():
    """What examples may use beside the names of their module: the shipped reference as `model`, and a few that make things."""
    return {
        "model": Model(load(ROOT / "fixtures" / "checkpoints" / "affine3-seed0")),
        "claim": lambda id: catalogue.find(id).claim,
        "find": lambda *of: hypothesis.find(*of, settings=hypothesis.settings(database=None, derandomize=True)),
        **{thing.__name__: thing for thing in (Condition, Domain, Roles, load, plant)},
        "REFERENCE": REFERENCE,
        "entry": entry("a", search=SearchSummary(conditions=57)),
        "run": Run(
            checkpoint={"name": "affine-a"},
            started="",
            claims=(
                entry("a", verdict="supported", expected="supported"),
                entry("b", verdict="supported"),
                entry("c", verdict="refuted", expected="refuted"),
            ),
        ),
        "study": sweep(rows_of(ROOT / "docs" / "study" / "table.parquet")),
    }


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(name, names, monkeypatch):
    monkeypatch.chdir(ROOT)
    module = importlib.import_module(name)
    found = doctest.testmod(module, globs=names | vars(module), optionflags=doctest.ELLIPSIS | doctest.FAIL_FAST)
    assert found.attempted
    assert not found.failed
