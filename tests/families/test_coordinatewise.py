"""Coefficients of coordinates lie around c."""

import torch

from .test_family import usual


def test_every_coordinate_is_an_affine_recurrence_of_its_own():
    drawn = usual("coordinatewise").sample(50, seed=0)
    c = drawn.coefficients[:, 0, None] + drawn.others["spread"]
    torch.testing.assert_close(
        c[:, None] * drawn.terms[:, :-1] + drawn.offset[:, None], drawn.targets, atol=2e-5, rtol=1e-5
    )
    assert drawn.others["spread"].abs().max() <= 0.5
    assert drawn.others["spread"].std(dim=1).min() > 0.05
