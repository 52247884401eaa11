"""Further counterexamples differ from the first in one thing, and cost a few tries."""

import numpy as np

from recint.domain import Condition
from recint.judging.further_counterexamples import EACH, failing_in, further
from recint.judging.scan import Scan, Visit

from ..made_up import claim

FIRST = Condition(c=0.5, length=14)
FAILING = [Condition(c=c, length=length) for c in (0.5, 0.6, -2.0) for length in (14, 9, 5)]


def kinds(found):
    return [(at.c, at.length) for at in found]


def test_one_has_the_furthest_coefficient_and_one_another_length():
    assert kinds(further(FIRST, FAILING, lambda at: at, tries=9)) == [(-2.0, 14), (0.5, 9)]


def test_a_place_that_is_not_confirmed_makes_way_for_the_next():
    refused = [FAILING[6], FAILING[1]]
    found = further(FIRST, FAILING, lambda at: None if at in refused else at, tries=9)
    assert kinds(found) == [(-2.0, 9), (0.5, 5)]


def test_a_few_places_are_tried_at_most():
    tried = []
    assert further(FIRST, FAILING, lambda at: tried.append(at), tries=9) == ()
    assert len(tried) == 2 * EACH


def test_no_more_is_tried_than_may_be():
    for tries in range(2 * EACH):
        tried = []
        further(FIRST, FAILING, tried.append, tries=tries)
        assert len(tried) == tries


def test_there_is_none_if_only_the_first_fails():
    assert further(FIRST, [FIRST], lambda at: at, tries=9) == ()


def test_conditions_that_seem_to_fail_are_candidates_the_surest_first():
    spread = np.linspace(-0.1, 0.1, 16)
    visits = [Visit(at, centre + spread) for at, centre in zip(FAILING, (1.2, 0.5, 2.0, 1.001), strict=False)]
    assert failing_in(Scan(tuple(visits)), claim(), level=0.05) == [FAILING[2], FAILING[0]]


def test_no_place_is_tried_twice():
    tried = []
    assert further(FIRST, [Condition(c=1.0, length=9)], lambda at: tried.append(at) or at, tries=9) == (tried[0],)
    assert len(tried) == 1
