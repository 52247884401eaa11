"""Pairs of coordinates are complex numbers."""

import pytest
import torch

from .test_family import usual


@pytest.mark.parametrize("dim", [8, 5])
def test_it_is_affine_over_the_complex_numbers(dim):
    drawn = usual("rotation", dim=dim).sample(50, seed=0)
    pairs = dim // 2 * 2
    z, d = (
        torch.view_as_complex(each[..., :pairs].unflatten(-1, (-1, 2)).contiguous())
        for each in (drawn.terms, drawn.offset)
    )
    c = drawn.coefficients[:, 0] * torch.exp(1j * drawn.others["angle"])
    torch.testing.assert_close(c[:, None, None] * z[:, :-1] + d[:, None], z[:, 1:], atol=2e-5, rtol=1e-5)
    if dim > pairs:
        last = drawn.coefficients * drawn.terms[:, :-1, -1] + drawn.offset[:, None, -1]
        torch.testing.assert_close(last, drawn.terms[:, 1:, -1], atol=2e-5, rtol=1e-5)
