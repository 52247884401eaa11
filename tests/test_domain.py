"""A domain that cannot be is refused when it is written down, in one sentence."""

import pytest

from recint.domain import Domain


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"c": (1.0, -1.0)}, r"c=\(1.0, -1.0\) is empty: the lower bound must not exceed the upper one"),
        ({"c": (-0.25, 1.0)}, r"c=\(-0.25, 1.0\) must have bounds that are multiples of 0.1"),
        ({"c": (0.0, float("inf"))}, r"a bound of c=inf must be a finite number"),
        ({"c": (float("nan"), 1.0)}, r"a bound of c=nan must be a finite number"),
        ({"c": 1.0}, r"c=1.0 must be a tuple of a lower and an upper bound"),
        ({"c": [0.0, 1.0]}, r"c=\[0.0, 1.0\] must be a tuple of a lower and an upper bound"),
        ({"c": (-1.0, 2.0), "either_sign": True}, r"c=\(-1.0, 2.0\) must not be negative with either_sign=True"),
        ({"length": (14, 5)}, r"length=\(14, 5\) is empty"),
        ({"length": (0, 5)}, r"length=\(0, 5\) must be whole numbers from 1 on"),
        ({"length": (5.0, 14.0)}, r"length=\(5.0, 14.0\) must be whole numbers from 1 on"),
        ({"length": (2, 3)}, r"length=\(2, 3\) must reach 4: of fewer terms nothing can be predicted"),
        ({"length": 14}, r"length=14 must be a tuple of a lower and an upper bound"),
    ],
)
def test_bounds_that_cannot_be_are_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        Domain(**fields)


@pytest.mark.parametrize("c", [(-2.0, 2.0), (0.3, 0.7), (3, 4), (0.0, 0.0)])
def test_bounds_of_tenths_are_taken(c):
    assert Domain(c=c).c == c
