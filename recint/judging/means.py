"""Is a mean above zero? A t-test that keeps its level, down to 1e-5, on data as skewed as the errors of trained models.

Student's t-test rejects several times too often if the data have a long tail of which no draw has been seen yet.
`tests/judging/test_means.py` simulates both tests; the simulations at the levels in use are marked as slow.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import special

FURTHER = 2.0  # the additional draw lies so many times as far from the mean as the furthest draw


def p_positive(values: Float[NDArray, "*heads draw"], *, noise: float = 0.0) -> Float[NDArray, "*heads"]:
    """The p-value of "the mean is not above zero", for every row.

    One draw is added to the sample. It lies below the mean, twice as far away as the smallest value, so that it speaks against a
    positive mean. The t statistic is corrected for skewness by Hall's transformation (1992, Journal of the Royal Statistical
    Society B 54). The smaller of the corrected and the uncorrected t is used.

    Args:
        values: the draws of each row on the last axis.
        noise: how far rounding alone may move a value. If the standard deviation is not above it, all values count as equal. The
            p-value of n equal values is then 0.5^(n-1) if their mean is above the noise, since so many would be that rare if
            half of all draws had another value. Otherwise it is 1.

    >>> p_positive(np.array([[1.0, 2.0, 1.5, 1.2] * 30, [-1.0, 1.0, -0.5, 0.5] * 30])).round(3)
    array([0.   , 0.589])
    """
    n = values.shape[-1]
    mean, deviation = values.mean(-1), values.std(-1)
    alike = deviation <= noise
    furthest = mean - FURTHER * (mean - values.min(-1))
    more = np.concatenate([values, furthest[..., None]], axis=-1)
    more_mean, more_deviation = more.mean(-1), more.std(-1)
    with np.errstate(divide="ignore", invalid="ignore"):  # rows of equal values are replaced below
        t = more_mean / more_deviation * n**0.5
        centred = more - more_mean[..., None]
        skewness = (centred * centred * centred).mean(-1) / more_deviation**3  # `centred**3` is slow
    cautious = np.minimum(t, _hall(t, skewness, n + 1))
    certain = np.where(mean > noise, 0.5 ** (n - 1), 1.0)
    # `special.stdtr` is Student's distribution function. scipy.stats.t calls it too, but checks its arguments for far longer.
    return np.where(alike, certain, special.stdtr(n, -np.nan_to_num(cautious)))


def _hall(t: NDArray, skewness: NDArray, n: int) -> NDArray:
    """t without the first-order effect of skewness (Hall 1992). It increases with t, so that the test can be inverted."""
    by_skewness: NDArray = skewness / n**0.5
    return t + by_skewness * (t**2 / 3 + 1 / 6) + by_skewness**2 * t**3 / 27
