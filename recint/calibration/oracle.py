"""An oracle: what the terms in a residual stream are, and their coefficient c. Permanent edits ask it.

A transformer that is written by hand cannot read c exactly. So c is told from outside.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from recint.model import Model

_TOLERATED = 0.01  # how far a step may be from c times the one before, relative to the one before
_ROUNDING = 1e-6  # and absolutely: terms are float32


def terms_in(
    model: Model, stream: Float[Tensor, "recurrence position d_model"]
) -> Float[Tensor, "recurrence position dim"]:
    """The terms that were embedded, in float64.

    The stream may hold more than the embedding and the position. It must be at right angles to the embedding.
    """
    reads = model.once("what reads the embedding", lambda: torch.linalg.pinv(model.bridge.W_E.double()))
    return (stream - model.bridge.W_pos[: stream.shape[1]]).double() @ reads


def coefficient(terms: Float[Tensor, "recurrence position dim"]) -> Float[Tensor, recurrence]:
    """The c by which most steps follow from the one before, in float64; 0 if there are fewer than two steps.

    Every pair of steps gives a c, and the others say how well they agree. So c is exact also if one of the terms is moved or
    exchanged, which changes three pairs. It reads terms after a query too: it is no model of how a transformer finds c.

    >>> coefficient(torch.tensor([[[0.0], [1.0], [3.0], [9.0], [15.0]]]))  # the fourth term should be 7
    tensor([2.], dtype=torch.float64)
    """
    steps = terms.double().diff(dim=1)
    before, after = steps[:, :-1], steps[:, 1:]
    if before.shape[1] == 0:
        return torch.zeros(len(terms), dtype=torch.float64, device=terms.device)
    size = before.square().sum(-1)
    found = (before * after).sum(-1) / size.clamp(min=_ROUNDING**2)
    # recurrence, c, pair
    missed = (after[:, None] - found[:, :, None, None] * before[:, None]).square().sum(-1)
    allowed = (_TOLERATED**2 * size + _ROUNDING**2)[:, None]
    best = (missed / (missed + allowed)).sum(-1).argmin(-1, keepdim=True)
    return found.gather(1, best)[:, 0]
