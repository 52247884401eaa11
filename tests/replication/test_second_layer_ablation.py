"""Numbers about the ablation of layer 1, against loops over recurrences, positions and heads."""

import pytest

from recint.replication.second_layer_ablation import NUMBERS

from .conftest import agrees


@pytest.mark.parametrize("name", [number.name for number in NUMBERS if not number.weights])
def test_numbers_agree_with_loops(rows, looped, name):
    agrees(rows[name], looped[name])
