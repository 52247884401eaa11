"""Lines and mixtures that explain a part of the residual stream, against scipy, least squares and known truths."""

import numpy as np
import pytest
import torch
from scipy.stats import linregress

from recint.recurrence import REFERENCE, Distribution
from recint.statistics.lines import line_fit, mix_fit, signed_line_r2

RNG = np.random.default_rng(0)


def test_line_fit_agrees_with_scipy():
    x, y = RNG.standard_normal((2, 40))
    expected = linregress(x, y)
    r2, slope = line_fit(torch.tensor(x), torch.tensor(y))
    assert r2.item() == pytest.approx(expected.rvalue**2)
    assert slope.item() == pytest.approx(expected.slope)


def test_a_line_with_negative_slope_is_on_the_wrong_side():
    x = torch.arange(4.0)
    assert signed_line_r2(x, -2 * x).item() == pytest.approx(-1)


class TestMix:
    @pytest.mark.parametrize("parts", [1, 2, 3])
    def test_agrees_with_least_squares_with_a_constant(self, parts):
        x, y = RNG.standard_normal((4, 3, 40, parts)), RNG.standard_normal((4, 3, 40))
        r2, coefficients = mix_fit(torch.tensor(x), torch.tensor(y))
        assert r2.shape == (4, 3)
        assert coefficients.shape == (4, 3, parts)
        for index in np.ndindex(4, 3):
            design = np.column_stack([x[index], np.ones(40)])
            solution = np.linalg.lstsq(design, y[index], rcond=None)[0]
            left = ((y[index] - design @ solution) ** 2).sum() / ((y[index] - y[index].mean()) ** 2).sum()
            assert r2[index].item() == pytest.approx(1 - left)
            assert coefficients[index].tolist() == pytest.approx(solution[:parts])

    def test_of_one_part_it_is_the_line(self):
        x, y = RNG.standard_normal((2, 40))
        r2, coefficients = mix_fit(torch.tensor(x)[:, None], torch.tensor(y))
        expected = linregress(x, y)
        assert (r2.item(), coefficients.item()) == pytest.approx((expected.rvalue**2, expected.slope))

    def test_the_notebook_s_formula_is_found_in_terms_of_recurrences(self):
        terms = REFERENCE.sample(50, seed=0).terms
        parts = torch.stack([terms[:, 1:], terms[:, :-1]], dim=-1)
        r2, coefficients = mix_fit(parts, parts @ torch.tensor([1.0, 2.3]) + 0.7)
        assert r2.mean() > 0.999
        assert r2.min() > 0.9
        # Where terms have settled or explode, a_i is nearly a multiple of a_(i-1) and the two share; not elsewhere.
        told_apart = torch.linalg.svdvals(parts - parts.mean(-2, keepdim=True))
        told_apart = told_apart[..., 1] > 0.05 * told_apart[..., 0]
        assert told_apart.float().mean() > 0.2
        assert torch.allclose(coefficients[told_apart], torch.tensor([1.0, 2.3], dtype=torch.float64), atol=1e-2)

    def test_of_parts_that_are_multiples_the_smallest_coefficients_are_taken(self):
        x = torch.tensor(RNG.standard_normal(40)).float()
        r2, coefficients = mix_fit(torch.stack([x, 2 * x], dim=-1), 10 * x)
        assert r2.item() == pytest.approx(1)
        assert coefficients.tolist() == pytest.approx([2, 4], rel=1e-5)  # not [10, 0]

    @pytest.mark.parametrize("order", [1, 2, 3])
    def test_a_recurrence_that_has_settled_is_shared_out_evenly(self, order):
        settles = Distribution(c=(0.0, 0.0), order=order, length=14).sample(5, seed=1).terms
        parts = settles.unfold(1, order + 1, 1)[:, -1]
        r2, coefficients = mix_fit(parts, (order + 1) * settles[:, -1])
        assert r2.min() > 1 - 1e-6
        assert torch.allclose(coefficients, torch.ones((), dtype=torch.float64), atol=1e-2)

    def test_noise_does_not_decide_the_signs_of_terms_that_have_nearly_settled(self):
        generator = torch.Generator().manual_seed(10)
        parts = Distribution(c=(-0.2, -0.2), length=8).sample(100, seed=2).terms[:, -2:].mT  # a_6 and a_7
        noise = 0.05 * torch.randn(100, 40, generator=generator) * parts[..., 1].std(-1, keepdim=True)
        r2, coefficients = mix_fit(parts, parts @ torch.tensor([2.3, 1.0]) + noise)
        assert r2.min() > 0.99
        assert coefficients.min() > 0

    def test_parts_that_do_not_vary_explain_nothing(self):
        y = torch.tensor(RNG.standard_normal(40))
        r2, coefficients = mix_fit(torch.full((40, 2), 0.5), y)
        assert r2.item() == pytest.approx(0)
        assert coefficients.tolist() == [0, 0]

    def test_of_a_whole_that_does_not_vary_nothing_is_explained(self):
        r2, coefficients = mix_fit(torch.tensor(RNG.standard_normal((2, 40, 2))), torch.full((2, 40), 0.5))
        assert coefficients.tolist() == [[0, 0]] * 2
        assert r2.tolist() == [0, 0]
