"""How a number is told."""

import pytest

from recint.replication.rows import number


@pytest.mark.parametrize(
    ("value", "text"), [(2855.8, "2860"), (7.358e-6, "7.36e-06"), (0.5, "0.5"), (-0.4784, "-0.478")]
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text
