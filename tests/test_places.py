"""What the engine asks of a place."""

import pytest

from recint.domain import Between, Condition, Recurrence, Several, UniformVectors


def test_small_coefficients_come_first_then_positive_ones_then_few_terms():
    places = [Condition(c=c, length=length) for c in (-0.1, 0.1, 0.0, 2.0) for length in (14, 5)]
    assert [(at.c, at.length) for at in sorted(places, key=lambda at: at.simplicity)] == [
        (0.0, 5), (0.0, 14), (0.1, 5), (0.1, 14), (-0.1, 5), (-0.1, 14), (2.0, 5), (2.0, 14),
    ]  # fmt: skip


def test_places_of_one_length_lie_side_by_side_and_vectors_by_themselves():
    first, second = Condition(c=0.5, batch=3), Condition(c=1.0, batch=4)
    together = first.beside([second])
    assert together == Several((first, second))
    assert (together.size, together.brief()) == (7, "2 conditions of 14 terms")
    assert Recurrence(c=0.5).beside([]).size == 1
    assert UniformVectors().beside([]) == UniformVectors()
    with pytest.raises(TypeError, match="cannot be measured beside others"):
        UniformVectors().beside([first])


def test_the_coefficient_of_a_place_is_that_of_the_previous_term_if_it_is_fixed():
    places = (Condition(c=(0.5, -1.0)), Recurrence(c=2.0), Condition(c=Between(-1, 1)), UniformVectors())
    assert [at.coordinate for at in places] == [-1.0, 2.0, None, None]
