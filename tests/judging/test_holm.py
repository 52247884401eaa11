"""The correction for many claims, as the textbook has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recint.judging.holm import holm


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_agrees_with_the_textbook(p_values):
    adjusted = holm({str(index): p for index, p in enumerate(p_values)})
    ordered = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank, index in enumerate(ordered):
        textbook = max(min(1, (len(p_values) - before) * p_values[ordered[before]]) for before in range(rank + 1))
        assert adjusted[str(index)] == pytest.approx(textbook)
