"""A training that was not interrupted, for the tests of this room."""

import json

import pytest

from recint.recurrence import Distribution
from recint.training.recipe import Recipe
from recint.training.train import HISTORY, train

from ..conftest import SMALL

RECIPE = Recipe(
    model=SMALL,
    data=Distribution(dim=5),
    steps=40,
    batch=8,
    warmup=10,
    rate=3e-3,
    init_range=0.2,
    log_every=5,
    validate_every=10,
    validation=16,
)


@pytest.fixture(scope="package")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    return train(RECIPE, folder, save_every=10, snapshots=frozenset({0, 20, 40})), folder


def history(folder):
    return {key: value for key, value in json.loads((folder / HISTORY).read_text()).items() if key != "seconds"}
