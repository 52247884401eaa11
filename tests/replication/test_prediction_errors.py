"""Numbers about a probe, and predictions of short sequences, against loops over recurrences, positions and heads."""

import pytest

from recint.replication.prediction_errors import NUMBERS

from .conftest import agrees


@pytest.mark.parametrize("name", [number.name for number in NUMBERS if not number.weights])
def test_numbers_agree_with_loops(rows, looped, name):
    agrees(rows[name], looped[name])
