"""Numbers about eigenvalue scores and their stand-ins, against loops over recurrences, positions and heads."""

import pytest

from recint.replication.eigenvalue_scores import NUMBERS

from .conftest import agrees


@pytest.mark.parametrize("name", [number.name for number in NUMBERS if not number.weights])
def test_numbers_agree_with_loops(rows, looped, name):
    agrees(rows[name], looped[name])
