"""The bound for noisy terms against a least-squares reader, who reaches it."""

import pytest
import torch

from recint.checkpoint import ModelConfig, with_task
from recint.model import Model
from recint.model.noise import best_error, derivatives, sentences
from recint.model.untrained import untrained
from recint.recurrence import Distribution
from recint.task import Task

NOISY = Distribution(dim=6, c=(-1.2, 1.2), length=10, noise=0.05)


def test_a_reader_who_knows_c_and_d_reaches_the_bound():
    drawn = NOISY.sample(4000, seed=1)
    c, d = drawn.coefficients[:, :1].double(), drawn.offset.double()
    read = drawn.inputs.double()
    powers = c ** torch.arange(NOISY.length)  # derivative of each term with respect to a_0
    constant = torch.zeros_like(d)
    shifts = [constant]
    for _ in range(NOISY.length - 1):
        constant = c * constant + d
        shifts.append(constant)
    shift, errors = torch.stack(shifts, 1), []
    for i in range(NOISY.first, NOISY.length - 1):
        seen = powers[:, : i + 1, None]
        start = (seen * (read[:, : i + 1] - shift[:, : i + 1])).sum(1) / seen.square().sum(1)
        errors.append((powers[:, i + 1, None] * start + shift[:, i + 1] - drawn.targets[:, i]).square().mean())
    assert float(torch.stack(errors).mean()) == pytest.approx(best_error(NOISY, batch=500, seed=2), rel=0.1)


def test_derivatives_of_an_affine_recurrence_are_powers_of_c():
    drawn = NOISY.sample(3, seed=0)
    by_start = derivatives(drawn)
    assert by_start.shape == (3, 10, 6, 6)
    expected = drawn.coefficients[:, 0].double()[:, None] ** torch.arange(10)
    torch.testing.assert_close(by_start[:, :, 2, 2], expected, atol=1e-6, rtol=1e-6)


def test_a_report_says_the_error_as_a_multiple_of_the_bound():
    shape = ModelConfig(n_layers=1, n_heads=1, d_model=8, d_head=8, d_mlp=8, n_ctx=9, d_vocab=6)
    (said,) = sentences(Model(untrained(with_task(shape, NOISY.task), seed=0)))
    assert "noise of 0.05" in said
    assert "times that of the best unbiased reader" in said
    assert sentences(Model(untrained(with_task(shape, Task(length=10)), seed=0))) == ()
