"""Rows of a replication, and loops over the same recurrences, for the tests of this room."""

import pytest

from benchmarks.notebook_way import loops
from recint.checkpoint import ModelConfig
from recint.model import Model
from recint.model.untrained import untrained
from recint.replication.data import Data
from recint.replication.table import NUMBERS, replicate

DEEP = ModelConfig(n_layers=3, n_heads=8, d_model=16, d_head=4, d_mlp=32, n_ctx=16, d_vocab=5)
DEPENDENT = [number.name for number in NUMBERS if not number.weights]
DRAWS = 5


@pytest.fixture(scope="package")
def deep():
    """As many layers and heads as the notebook's model, so that every number applies."""
    return Model(untrained(DEEP, seed=0, init_range=0.3))


@pytest.fixture(scope="package")
def rows(deep):
    return {row.name: row for row in replicate(deep, draws=DRAWS, seed=3)}


@pytest.fixture(scope="package")
def affine_rows(affine_a):
    return {row.name: row for row in replicate(affine_a, draws=150)}


@pytest.fixture(scope="package")
def looped(deep):
    return loops(Data(deep, draws=DRAWS, seed=3))


def agrees(row, looped):
    """Asserts that both columns of a row are what loops over the same recurrences give."""
    for measured, expected in zip((row.notebook_way, row.sound_way), looped, strict=True):
        if expected is None:
            assert measured is None
        else:
            assert measured.value == pytest.approx(expected, rel=2e-4)


def starting(rows, start):
    """The row whose name begins with this."""
    (row,) = (row for name, row in rows.items() if name.startswith(start))
    return row
