"""Statistics of the terms of reference recurrences. Planted models are built to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from recint.recurrence import REFERENCE

# How much of the last term the unembedding repeats. The best coefficient of a_i is about 0, but terms have to be visible.
COPIED = 0.25


@dataclass(frozen=True)
class TermStatistics:
    """Of the reference distribution: the best coefficient of a_{i-1} in a prediction of a_{i+1}; a term's mean square length."""

    before: float
    energy: float


@lru_cache
def term_statistics(dim: int) -> TermStatistics:
    terms = replace(REFERENCE, dim=dim).sample(4000, seed=0).terms.double().numpy()
    before, now, after = terms[:, 1:-2], terms[:, 2:-1], terms[:, 3:]
    best = (before * (after - COPIED * now)).sum() / np.square(before).sum()
    return TermStatistics(float(best), float(np.square(terms[:, :-1]).sum(-1).mean()))
