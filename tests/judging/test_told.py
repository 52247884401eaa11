"""A sentence about a claim, and its parts."""

import pytest

from recint.judging.entry import Drift
from recint.judging.told import Departure


@pytest.mark.parametrize(
    ("told", "rest"),
    [
        (Departure(claim="a", happened="refuted"), ": refuted"),
        (Drift(claim="a", contrast="b", happened="moved", kind="moved", allowed=False), ", contrast 'b': moved"),
    ],
)
def test_a_sentence_is_the_claim_and_what_is_told_of_it(told, rest):
    assert (told.rest, told.sentence) == (rest, f"a{rest}")
