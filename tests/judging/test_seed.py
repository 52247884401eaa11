"""The seed follows from the tensors, and a seed that follows from nothing is known as chosen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recint.judging.entry import Run
from recint.judging.seed import Seed, seed_for, seed_of

HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
OWN, OTHER, THIRD = ("1" * 64, "2" * 64, "3" * 64)


def baseline(seed, seed_from=None):
    return Run(checkpoint={"name": "old", "sha256": OTHER}, started="", claims=(), seed=seed, seed_from=seed_from)


@given(HASHES, st.none() | HASHES)
def test_without_being_asked_it_follows_from_the_tensors_or_from_those_of_the_baseline(own, other):
    against = other and Run(checkpoint={"sha256": other}, started="", claims=(), seed=seed_of(other))
    found = seed_for(own, against=against)
    assert found.number == seed_of(other or own)
    assert seed_of(found.follows) == found.number
    assert 0 <= found.number < 2**32


@pytest.mark.parametrize(
    ("asked", "against", "seed"),
    [
        (5, None, Seed(5, None)),
        (seed_of(OWN), None, Seed(seed_of(OWN), OWN)),
        (None, baseline(seed_of(OTHER)), Seed(seed_of(OTHER), OTHER)),
        (None, baseline(seed_of(THIRD), THIRD), Seed(seed_of(THIRD), THIRD)),  # it had a baseline of its own
        (None, baseline(0), Seed(0, None)),
        (None, baseline(None), Seed(seed_of(OWN), OWN)),  # an old file without a seed
        (5, baseline(seed_of(OTHER)), Seed(5, None)),
    ],
)
def test_whether_it_was_chosen_is_known(asked, against, seed):
    assert seed_for(OWN, asked=asked, against=against) == seed
