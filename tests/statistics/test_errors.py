"""Errors of predictions: which positions count."""

import pytest
import torch

from recint.judging.reductions import REDUCTIONS
from recint.statistics.errors import prediction_errors, ratio, squared_length


def test_errors_leave_out_the_first_2k_positions():
    prediction, target = torch.ones(1, 5, 2), torch.zeros(1, 5, 2)
    prediction[:, :2] = 100
    assert prediction_errors(prediction, target, first=2).tolist() == [1]
    prediction[:, :4] = 100
    assert prediction_errors(prediction, target, first=4).tolist() == [1]


def test_squared_length_is_that_of_a_loop_from_the_first_position_on():
    vectors = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0))
    for recurrence, found in enumerate(squared_length(vectors, first=2)):
        expected = sum(value**2 for vector in vectors[recurrence, 2:].tolist() for value in vector)
        assert found.item() == pytest.approx(expected, rel=1e-5)
    assert squared_length(vectors, first=6).tolist() == [0, 0, 0]


def test_the_values_of_a_ratio_are_those_of_its_reduction():
    above, below = torch.tensor([1.0, 5.0]), torch.tensor([4.0, 8.0])
    assert ratio(above, below).tolist() == [[1, 4], [5, 8]]
    values = ratio(above, below).double().numpy().T
    assert REDUCTIONS["ratio of means"].value(values, "<=") == pytest.approx(6 / 12)
    assert REDUCTIONS["explained share"].value(values, ">=") == pytest.approx(1 - 6 / 12)
