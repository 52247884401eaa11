"""The mean residual stream after layer 0, given c: would adding the difference of two of them swap one c for another?"""

from __future__ import annotations

from dataclasses import replace
from math import ceil, floor

import torch
from jaxtyping import Float
from torch import Tensor

from recint.domain import reference_of
from recint.judging.claim import Unmet
from recint.model.transformer import Model
from recint.system.seeds import derive_seed

AFTER_LAYER_0 = "blocks.0.hook_resid_post"
AVERAGED = 64  # recurrences at each tenth of c


def stream_given_c(model: Model, c: Float[Tensor, recurrence]) -> Float[Tensor, "recurrence position d_model"]:
    """E[stream after layer 0 | c]: means at tenths of c, and a line between neighbouring tenths.

    Raises:
        Unmet: the coefficients of the task lie within less than a tenth.
    """
    low, high = reference_of(model.config).c
    if high - low < 0.1:
        raise Unmet(f"swaps one c for another, but the task has c from {low:g} to {high:g}")
    return between_tenths(_table(model), c, low=floor(low * 10 + 1e-9) / 10)


def between_tenths(
    table: Float[Tensor, tenth * value], c: Float[Tensor, recurrence], *, low: float
) -> Float[Tensor, recurrence * value]:
    """Values at each c, on a line between those at neighbouring tenths. Beyond the ends of the table its ends count.

    Args:
        table: the values at tenths of c, from `low` on.

    >>> between_tenths(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0.25]), low=0.1)
    tensor([3.])
    """
    place = ((c.double() - low) * 10).clamp(0, len(table) - 1)
    below = place.floor().long().clamp(max=len(table) - 2)
    share = (place - below).reshape(-1, *[1] * (table.ndim - 1)).to(table)
    return torch.lerp(table[below], table[below + 1], share)


def _table(model: Model) -> Float[Tensor, "tenth position d_model"]:
    def measure() -> Tensor:
        reference = reference_of(model.config)
        tenths = range(floor(10 * reference.c[0] + 1e-9), ceil(10 * reference.c[1] - 1e-9) + 1)
        drawn = [
            replace(reference, c=(tenth / 10, tenth / 10)).sample(AVERAGED, seed=derive_seed(0, "given c", tenth))
            for tenth in tenths
        ]
        with model.unedited():
            return torch.stack([model.activations(at.inputs, AFTER_LAYER_0)[AFTER_LAYER_0].mean(0) for at in drawn])

    table: Tensor = model.once("stream given c", measure)
    return table
