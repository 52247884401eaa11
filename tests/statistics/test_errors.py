"""Errors of predictions: which positions count."""

import torch

from recint.statistics.errors import prediction_errors


def test_errors_leave_out_the_first_2k_positions():
    prediction, target = torch.ones(1, 5, 2), torch.zeros(1, 5, 2)
    prediction[:, :2] = 100
    assert prediction_errors(prediction, target, order=1).tolist() == [1]
    prediction[:, :4] = 100
    assert prediction_errors(prediction, target, order=2).tolist() == [1]
