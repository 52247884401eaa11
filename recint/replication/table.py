"""The replication table: every number that the notebook printed or used, measured again on a given model.

Each number is computed the notebook's way, and beside it a sound way. The sound way measures many recurrences and gives an
interval, compares with chance, or leaves out the flawed step. Each part of the notebook has a module here that declares its
numbers. The table has roughly the order of the notebook.
"""

from __future__ import annotations

import torch

from recint.checkpoint import require_notebook
from recint.model import Model
from recint.recurrence import REFERENCE
from recint.replication import (
    composition,
    direct_attribution,
    eigenvalue_scores,
    ov_circuit,
    prediction_errors,
    second_layer_ablation,
)
from recint.replication.data import Data
from recint.replication.rows import Row

NUMBERS = (
    *direct_attribution.NUMBERS,
    *second_layer_ablation.NUMBERS,
    *ov_circuit.NUMBERS,
    *eigenvalue_scores.NUMBERS,
    *composition.NUMBERS,
    *prediction_errors.NUMBERS,
)
DRAWS = 500


def replicate(model: Model, *, draws: int = DRAWS, seed: int = 0, weights: bool = True) -> tuple[Row, ...]:
    """The rows of the table for a model, in the order of `NUMBERS`.

    Args:
        draws: how many recurrences are behind each number that is measured the sound way.
        weights: whether to include numbers that depend on the weights alone.

    Raises:
        ValueError: there are fewer than two draws, the model takes no recurrences of the reference length, or products of its
            weights overflow.
    """
    if draws < 2:
        raise ValueError(f"draws={draws!r} must be at least 2")
    require_notebook(model.checkpoint)
    if model.config.n_ctx < REFERENCE.length - 1 or 2 * model.config.order >= REFERENCE.length - 1:
        raise ValueError(
            f"{model.checkpoint.name}: n_ctx={model.config.n_ctx} and order={model.config.order}, but sequences of "
            f"length={REFERENCE.length} need {REFERENCE.length - 1} positions, and of those some from 2 * order on"
        )
    for name, products in (("OV", model.W_OV), ("QK", model.W_QK)):
        if not products.isfinite().all():
            raise ValueError(
                f"{model.checkpoint.name}: its {name} matrices, which are products of its weights, must be finite, but overflow: "
                "the notebook's numbers have no value for it"
            )
    data = Data(model, draws=draws, seed=seed)
    with torch.no_grad():
        return tuple(number.row(data) for number in NUMBERS if weights or not number.weights)
