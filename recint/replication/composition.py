"""Numbers of the notebook about composition between layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from recint.replication.data import Data
from recint.replication.rows import Answer, Measured, Numbers
from recint.statistics.weights import Composition, composition_chance, composition_scores, input_matrices
from recint.system.seeds import derive_seed

NUMBERS = Numbers()
ROTATIONS = 2  # random orientations of every pair of heads


def _composition(data: Data, kind: Composition, pairs: Sequence[tuple[int, int]]) -> Answer:
    """Largest mean score over pairs of layers, and largest ratio to the score of random heads with the same singular values."""
    output = data.model.W_OV.cpu().numpy()
    reader = input_matrices(output, data.model.W_QK.cpu().numpy(), kind)
    rng = np.random.default_rng(derive_seed(data.seed, "replication", "composition", kind))
    scores = composition_scores(output, reader)
    means = np.array([scores[early, :, late].mean() for early, late in pairs])
    chances = np.array(
        [composition_chance(output[early], reader[late], rng=rng, draws=ROTATIONS).mean() for early, late in pairs]
    )
    above = means / chances
    best = int(above.argmax())
    between = f" between layers {pairs[best][0]} and {pairs[best][1]}" if len(pairs) > 1 else ""
    why = (
        f"A score has no meaning without its level of chance: heads of the same singular values in random orientation score "
        f"{chances[best]:.3f}{between}."
    )
    return Measured(float(means.max())), Measured(float(above[best]), "× chance"), why


@NUMBERS.declare(
    "Q-composition of layers 1 and 2, mean score", where="Analysis", notebook="we see it", layers=(1, 2), weights=True
)
def _q_composition(data: Data) -> Answer:
    return _composition(data, "q", [(1, 2)])


@NUMBERS.declare(
    "K-composition of layers 1 and 2, mean score", where="Analysis", notebook="we see it", layers=(1, 2), weights=True
)
def _k_composition(data: Data) -> Answer:
    return _composition(data, "k", [(1, 2)])


@NUMBERS.declare(
    "V-composition of any two layers, largest mean score",
    where="Analysis", notebook="none significant", layers=(0, 1), weights=True,
)  # fmt: skip
def _v_composition(data: Data) -> Answer:
    return _composition(data, "v", list(combinations(range(data.model.config.n_layers), 2)))
