"""Which c a prediction implies, and which c fits a sequence best, against loops and against recurrences whose c is known."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recint.recurrence import REFERENCE
from recint.statistics.differences import implied_c, least_squares_c

C = st.floats(-2, 2)
RANDOM = torch.Generator().manual_seed(0)


@given(c=C, seed=st.integers(0, 999))
def test_the_rule_implies_its_c(c, seed):
    before, last = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert implied_c(last + c * (last - before), last, before).tolist() == pytest.approx([c] * 3, abs=1e-9)


def test_what_lies_across_the_difference_implies_nothing():
    before, last = torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]])
    assert implied_c(torch.tensor([[3.0, 7.0]]), last, before).tolist() == [0.5]


@given(c=C.filter(lambda c: abs(c) > 0.01), seed=st.integers(0, 999))
def test_a_recurrence_is_fitted_by_its_c(c, seed):
    drawn = REFERENCE.at(c=c).sample(5, seed=seed)
    assert least_squares_c(drawn.terms).tolist() == pytest.approx([c] * 5, abs=1e-5)


def test_the_fit_is_that_of_a_solver_over_all_coordinates_of_all_pairs():
    terms = torch.randn(6, 9, 4, generator=RANDOM)
    for sequence, found in zip(terms.double(), least_squares_c(terms), strict=True):
        steps = [later - earlier for earlier, later in pairwise(sequence)]
        solved = torch.linalg.lstsq(torch.cat(steps[:-1])[:, None], torch.cat(steps[1:])[:, None]).solution
        assert found.item() == pytest.approx(solved.item(), abs=1e-9)
        best = _misfit(steps, found)
        assert best <= min(_misfit(steps, found + 0.01), _misfit(steps, found - 0.01))


def _misfit(steps, c):
    return sum((following - c * step).square().sum() for step, following in pairwise(steps))
