"""Figures of the notebook about composition between layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from recint.replication.look import Look
from recint.replication.rows import Answer, Figures, Measured
from recint.statistics.weights import Composition, composition_chance, composition_scores, input_matrices
from recint.system.seeds import derive_seed

FIGURES = Figures()
ROTATIONS = 2  # random orientations of every pair of heads


def _composition(look: Look, kind: Composition, pairs: Sequence[tuple[int, int]]) -> Answer:
    """Largest mean score over pairs of layers, and largest ratio to the score of random heads with the same singular values."""
    output = look.model.W_OV.cpu().numpy()
    reader = input_matrices(output, look.model.W_QK.cpu().numpy(), kind)
    rng = np.random.default_rng(derive_seed(look.seed, "replication", "composition", kind))
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


@FIGURES.declare(
    "Q-composition of layers 1 and 2, mean score", where="Analysis", notebook="we see it", layers=(1, 2), weights=True
)
def _q_composition(look: Look) -> Answer:
    return _composition(look, "q", [(1, 2)])


@FIGURES.declare(
    "K-composition of layers 1 and 2, mean score", where="Analysis", notebook="we see it", layers=(1, 2), weights=True
)
def _k_composition(look: Look) -> Answer:
    return _composition(look, "k", [(1, 2)])


@FIGURES.declare(
    "V-composition of any two layers, largest mean score",
    where="Analysis", notebook="none significant", layers=(0, 1), weights=True,
)  # fmt: skip
def _v_composition(look: Look) -> Answer:
    return _composition(look, "v", list(combinations(range(look.model.config.n_layers), 2)))
