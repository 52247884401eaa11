"""Numbers about composition, against an independent implementation in float64."""

import pytest

from recint.replication.composition import NUMBERS

from ..conftest import ORACLE
from .conftest import starting


def test_they_are_of_the_weights_alone():
    assert len(NUMBERS) == 3
    assert all(number.weights for number in NUMBERS)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("Q-composition", ORACLE["composition_q_1to2_mean"]),
        ("K-composition", ORACLE["composition_k_1to2_mean"]),
        ("V-composition", max(ORACLE[f"composition_v_{pair}_mean"] for pair in ("0to1", "0to2", "1to2"))),
    ],
)
def test_numbers_of_the_weights(affine_rows, start, expected):
    assert starting(affine_rows, start).notebook_way.value == pytest.approx(expected, rel=1e-3)
