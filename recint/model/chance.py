"""The level of chance of a claim that singles out a layer by its weights: heads dealt to layers at random."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np
from numpy.typing import NDArray

from recint.claim import Contrast, Unmet
from recint.judging.relation import Relation
from recint.system.seeds import derive_seed

DEALS = 10_000
CHANCE = Contrast(
    name="heads dealt to layers at random",
    statistic="share of deals that come out as far",
    relation="<=",
    threshold=0.05,
)


def deals(layers: int, heads: int) -> NDArray[np.intp]:
    """Which head, counted through all layers, is dealt to which place: shape (deal, layer, head), the same for every claim."""
    rng = np.random.default_rng(derive_seed(0, "deals", layers, heads))
    shuffled = rng.permuted(np.tile(np.arange(layers * heads), (DEALS, 1)), axis=1)
    return shuffled.reshape(DEALS, layers, heads)


def share_of_deals(statistic: Callable[[NDArray], NDArray], per_head: NDArray, *, relation: Relation) -> np.float64:
    """Share of deals in which the statistic comes out as far as it does for the heads in their places.

    The deal as it is counts as one of them, so that the share is a p-value of "the layers do not differ".

    Raises:
        Unmet: there are so few different deals that no share can fall to the threshold of CHANCE.

    Args:
        statistic: from values of shape (*deal, layer, head) to the statistic of shape (*deal,).
        per_head: shape (layer, head).

    >>> share_of_deals(lambda values: values[..., 0, :].mean(-1), np.array([[1.0] * 4, [0.0] * 4]), relation=">=").round(3)
    np.float64(0.015)
    """
    layers, heads = per_head.shape
    if (different := comb(layers * heads, heads)) * CHANCE.threshold < 1:
        raise Unmet(f"{layers} x {heads} heads can be dealt to a layer in {different} ways only: chance cannot be told")
    found, dealt = statistic(per_head), statistic(per_head.flatten()[deals(*per_head.shape)])
    slack = 1e-9 * abs(found)  # sums in another order
    as_far = dealt >= found - slack if relation == ">=" else dealt <= found + slack
    return np.float64((1 + as_far.sum()) / (1 + DEALS))
