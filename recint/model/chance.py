"""The level of chance for a claim about the weights of one layer.

Such a claim says that the heads of one layer differ from the heads of the others. Chance deals all heads to the layers at
random: a permutation test.
"""

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
    """Random permutations of all heads, the same for every claim.

    Shape (deal, layer, head). An entry is the number of a head, counted through all layers.
    """
    rng = np.random.default_rng(derive_seed(0, "deals", layers, heads))
    shuffled = rng.permuted(np.tile(np.arange(layers * heads), (DEALS, 1)), axis=1)
    return shuffled.reshape(DEALS, layers, heads)


def share_of_deals(statistic: Callable[[NDArray], NDArray], per_head: NDArray, *, relation: Relation) -> np.float64:
    """Share of random deals whose statistic is at least as extreme as that of the real model.

    The real model counts as one more deal, so that the share is a p-value of "the layers do not differ".

    Args:
        statistic: a function from values of shape (*deal, layer, head) to the statistic of shape (*deal,).
        per_head: one value for each head, shape (layer, head).
        relation: ">=" if a large statistic supports the claim, "<=" if a small one does.

    Raises:
        Unmet: so few different deals exist that the share can never be as small as the threshold of CHANCE.

    >>> share_of_deals(lambda values: values[..., 0, :].mean(-1), np.array([[1.0] * 4, [0.0] * 4]), relation=">=").round(3)
    np.float64(0.015)
    """
    layers, heads = per_head.shape
    if (different := comb(layers * heads, heads)) * CHANCE.threshold < 1:
        raise Unmet(
            f"{layers} x {heads} heads can be dealt to a layer in only {different} ways, too few for a level of chance"
        )
    actual, dealt = statistic(per_head), statistic(per_head.flatten()[deals(*per_head.shape)])
    slack = 1e-9 * abs(actual)  # the sums run in another order, which changes the last digits
    as_far = dealt >= actual - slack if relation == ">=" else dealt <= actual + slack
    return np.float64((1 + as_far.sum()) / (1 + DEALS))
