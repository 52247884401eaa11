"""Recipes that cannot be trained are refused."""

from dataclasses import replace

import pytest

from recint.recurrence import Distribution

from ..conftest import SMALL
from .conftest import RECIPE


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps=0 must be at least 1"),
        ({"rate": 0.0}, "rate=0.0 must be above 0"),
        ({"data": Distribution(dim=4)}, "dim=4 of the recurrences must be d_vocab=5"),
        ({"data": Distribution(dim=5, length=18)}, "length=18 needs 17 positions, but n_ctx=16"),
        ({"data": Distribution(dim=5, order=2)}, "order=2 of the recurrences must be order=1"),
        ({"precision": "float16"}, "precision='float16' must be one of 'float32', 'bfloat16'"),
        ({"rate": float("inf")}, "rate=inf must be at most 1000000"),
        ({"clip": float("nan")}, "clip=nan must be at most 1000000"),
        ({"weight_decay": float("nan")}, "weight_decay=nan must be at most 1000000"),
        ({"init_range": 1e300}, r"init_range=1e\+300 must be at most 1000000"),
        ({"warmup": 10**400}, "must be at most 1000000000"),
        ({"batch": 10**12}, "batch=1000000000000 must be at most 100000"),
        ({"validation": 10**12}, "validation=1000000000000 must be at most 100000"),
        ({"model": replace(SMALL, n_layers=10**8)}, "n_layers=100000000 must be at most 1000"),
        (
            {"model": replace(SMALL, d_mlp=10**12)},
            "the model has [0-9,]+ weights, but must have at most 10,000,000,000",
        ),
    ],
)
def test_recipes_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        replace(RECIPE, **wrong)
