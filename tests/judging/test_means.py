"""The one test behind all p-values of means, simulated at the levels and on the data it is used at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recint.judging.means import FURTHER, p_positive

LEVELS = (1e-2, 1e-3, 1e-4)


def slow(values):
    """The same, one step after the other, in the words of its description."""
    furthest = min(values)
    more = [*values, np.mean(values) - FURTHER * (np.mean(values) - furthest)]
    n, mean, deviation = len(more), np.mean(more), np.std(more)
    t = mean / deviation * np.sqrt(n - 1)
    skewness = stats.skew(more)
    hall = t + skewness / np.sqrt(n) * (t**2 / 3 + 1 / 6) + skewness**2 / n * t**3 / 27
    return stats.t.sf(min(t, hall), n - 1)


@given(st.integers(0, 1000), st.sampled_from([0.1, 1.0, 1.5]), st.floats(-1, 3))
def test_it_agrees_with_a_slow_second_implementation(seed, sigma, shift):
    values = np.random.default_rng(seed).lognormal(sigma=sigma, size=(2, 120)) - shift
    assert p_positive(values) == pytest.approx([slow(row) for row in values], rel=1e-9)


@given(st.integers(0, 1000))
def test_it_falls_as_the_mean_rises(seed):
    values = np.random.default_rng(seed).lognormal(sigma=1.2, size=100) - 1
    ps = [float(p_positive(values + shift)) for shift in np.linspace(-1, 1, 21)]
    assert ps == sorted(ps, reverse=True)


def test_of_data_that_are_not_skewed_it_is_student_s_t_and_one_draw_more():
    values = np.random.default_rng(0).normal(0.1, 1, size=10_000)
    student = stats.ttest_1samp(values, 0, alternative="greater").statistic
    assert stats.norm.isf(float(p_positive(values))) == pytest.approx(student, rel=0.03)


def test_what_does_not_vary_is_certain_as_far_as_its_number_goes():
    assert p_positive(np.ones(100), noise=1e-6) == 0.5**99
    assert p_positive(-np.ones(100), noise=1e-6) == 1
    assert p_positive(np.full(100, 1e-7), noise=1e-6) == 1, "what rounding may do is not told from zero"


def rates(draw, n, simulations):
    """How often a mean of exactly zero is called positive, over each of the levels."""
    rng, found = np.random.default_rng(0), []
    for _ in range(simulations // 1000):
        found.append(p_positive(draw(rng, (1000, n))))
    found = np.concatenate(found)
    return [(int((found <= level).sum()), level * len(found)) for level in LEVELS]


def lognormal(sigma):
    """Minus the errors of a model: what looks small where the long tail has not shown itself."""
    return lambda rng, size: 1 - np.exp(sigma * rng.standard_normal(size) - sigma**2 / 2)


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 300, 1000])
@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("errors, skewness 5", lognormal(0.9)),
        ("errors, skewness 8", lognormal(1.1)),
        ("the other side, skewness 8", lambda rng, size: -lognormal(1.1)(rng, size)),
        ("normal", lambda rng, size: rng.standard_normal(size)),
        ("shares", lambda rng, size: rng.beta(0.5, 2, size) - 0.2),
    ],
)
def test_it_keeps_its_level_on_data_as_skewed_as_errors(name, draw, n):
    for wrong, allowed in rates(draw, n, 200_000):
        assert stats.poisson.sf(wrong - 1, allowed) > 0.01, f"{name}: {wrong} of {allowed:g} allowed"


def test_a_quicker_look_at_the_same_level():
    (wrong, allowed), *_ = rates(lognormal(1.1), 100, 20_000)
    assert wrong <= allowed


def test_student_s_t_alone_would_not():
    """The positive control of the simulation: it can tell a test that does not keep its level."""
    rng = np.random.default_rng(0)
    values = lognormal(1.1)(rng, (20_000, 100))
    wrong = (stats.ttest_1samp(values, 0, axis=1, alternative="greater").pvalue <= 1e-3).sum()
    assert wrong > 5 * 20
