"""Planted models, and what claims hold their statistics against."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from recint.calibration.planted import plant
from recint.calibration.roles import ROLES, SMALL
from recint.model import Model
from recint.recurrence import REFERENCE
from recint.statistics.weights import (
    composition_chance,
    composition_scores,
    effective_rank,
    eigenvalue_score,
    input_matrices,
)

EXTREMES = [(c, length) for c in (-2.0, 0.0, 2.0) for length in (5, 14)]


@dataclass(frozen=True)
class Bar:
    id: str
    relation: str
    threshold: float
    loss_share: bool = False
    contrasts: tuple = ()

    @property
    def name(self):
        return self.id


# What the claims hold these statistics against, in the order of the roles; then those that need a solver.
BARS = (
    Bar("l0.previous-token", ">=", 0.5),
    Bar("l0.ov-line", ">=", 0.5),
    Bar("l1.second-position", ">=", 2.0),
    Bar("l1.low-effective-rank", ">=", 0.07),
    Bar("l2.ov-negative-copying", "<=", -0.5),
    Bar("l2.subtracts-what-it-attends-to", "<=", -0.3),
    Bar("composition.k-l1-l2", ">=", 1.2),
    Bar("composition.q-l1-l2", ">=", 1.2),
    Bar("composition.no-v", "<=", 1.2),
    Bar("l2.qk-similarity", ">=", 0.5),
    Bar("model.predicts-next-term", "<=", 2e-4),
    Bar("model.predicts-short-sequences", "<=", 2e-4),
    Bar("model.predicts-every-recurrence", "<=", 2e-3),
)
DECIDED_BY = dict(zip((bar.id for bar in BARS), ROLES, strict=False))


def bar_of(role):
    return next(bar for bar in BARS if DECIDED_BY.get(bar.id) == role)


@cache
def planted(roles, seed=0, heads="share", folded=True, config=SMALL):
    return Model(plant(roles, seed=seed, heads=heads, folded=folded, config=config))


def drawn(model, *, c=None, length=14, batch=128, seed=0):
    return replace(REFERENCE, dim=model.config.d_vocab).at(c=c, length=length).sample(batch, seed=seed)


def over_chance(model, kind, early, late):
    output, qk = model.W_OV.numpy(), model.W_QK.numpy()
    reader = input_matrices(output, qk, kind)
    scores = composition_scores(output[[early, late]], reader[[early, late]])[0, :, 1]
    return scores.mean() / composition_chance(output[early], reader[late], rng=np.random.default_rng(0)).mean()


def low_rank(model):
    ranks = effective_rank(model.W_OV.numpy()).mean(-1)
    return 1 - ranks[1] / ranks[[0, 2]].mean()


WEIGHTS = {
    "low_rank": low_rank,
    "negative_copying": lambda model: eigenvalue_score(model.W_OV[2].numpy()),
    "k_composition": lambda model: over_chance(model, "k", 1, 2),
    "q_composition": lambda model: over_chance(model, "q", 1, 2),
    "v_composition": lambda model: max(over_chance(model, "v", *pair) for pair in ((0, 1), (0, 2), (1, 2))),
    "qk_similarity": lambda model: eigenvalue_score(model.W_QK[2].numpy()),
}
