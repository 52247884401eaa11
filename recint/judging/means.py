"""Is a mean above zero? A t-test that keeps its level at 1e-5 on data as skewed as the errors of trained models.

Student's t rejects several times too often on the side where a long tail has not shown itself yet. `tests/judging/test_means.py`
simulates both, the slow ones at the levels in use.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import special

FURTHER = 2.0  # how far out the one more draw lies, in units of the furthest draw's distance from the mean


def p_positive(values: Float[NDArray, "*heads draw"], *, noise: float = 0.0) -> Float[NDArray, "*heads"]:
    """p-value of "the mean is not above zero", for every row.

    The sample is taken with one more draw, which lies on the side that speaks against a positive mean, twice as far out
    as the furthest draw there. Its t is corrected for skewness by Hall's transformation (1992, Journal of the Royal
    Statistical Society B 54), where that is the more cautious of the two.

    Args:
        noise: what rounding alone may do. Values that spread by no more are all alike: had even half of all draws
            another value, n alike would be as rare as 0.5^(n-1). A mean that is no larger is not told from zero.

    >>> p_positive(np.array([[1.0, 2.0, 1.5, 1.2] * 30, [-1.0, 1.0, -0.5, 0.5] * 30])).round(3)
    array([0.   , 0.589])
    """
    n = values.shape[-1]
    mean, deviation = values.mean(-1), values.std(-1)
    alike = deviation <= noise
    furthest = mean - FURTHER * (mean - values.min(-1))
    more = np.concatenate([values, furthest[..., None]], axis=-1)
    more_mean, more_deviation = more.mean(-1), more.std(-1)
    with np.errstate(divide="ignore", invalid="ignore"):  # rows that are all alike are told apart below
        t = more_mean / more_deviation * n**0.5
        centred = more - more_mean[..., None]
        skewness = (centred * centred * centred).mean(-1) / more_deviation**3  # ** 3 of an array is slow
    cautious = np.minimum(t, _hall(t, skewness, n + 1))
    certain = np.where(mean > noise, 0.5 ** (n - 1), 1.0)
    # Student's distribution function by itself: scipy.stats.t, which calls it, takes far longer to check what it is given.
    return np.where(alike, certain, special.stdtr(n, -np.nan_to_num(cautious)))


def _hall(t: NDArray, skewness: NDArray, n: int) -> NDArray:
    """t without the first-order effect of skewness; increasing in t, so that a test of it can be turned into an interval."""
    by_skewness: NDArray = skewness / n**0.5
    return t + by_skewness * (t**2 / 3 + 1 / 6) + by_skewness**2 * t**3 / 27
