"""What all families have in common: see also the tests of each family."""

import pytest

from recint.families import FAMILIES, family_of
from recint.recurrence import Distribution


def test_an_unknown_family_is_one_sentence():
    with pytest.raises(ValueError, match="family='cubic' must be one of affine"):
        Distribution(family="cubic")
    assert all(family_of(name).name == name for name in FAMILIES)


def test_ranges_of_other_numbers_have_to_be_those_of_the_family():
    with pytest.raises(ValueError, match="others=\\['q'\\] must be the ranges \\[\\] of affine"):
        Distribution(others=(("q", (0.0, 1.0)),))
