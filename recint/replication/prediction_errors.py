"""Numbers of the notebook about the errors of a probe, and of predictions of short sequences."""

from __future__ import annotations

import torch

from recint.model.intact import Intact
from recint.replication.data import Data, over
from recint.replication.rows import Answer, NotApplicable, Numbers, mean, single, spread

NUMBERS = Numbers()
SHORT = 5  # terms of the short sequences that the notebook looks at


@NUMBERS.declare(
    "Mean square of d at c in [-2, 0], the error of a probe that always says 0", where="Analysis", notebook="0.0344"
)
def _mean_square_of_d(data: Data) -> Answer:
    drawn = data.draw(data.probed, "probe")
    squares = torch.cat([part.offset.square().mean(-1) for part in drawn]).double().numpy()
    return single(squares[0]), mean(squares), f"One recurrence, and a number of the data alone: {spread(squares)}."


@NUMBERS.declare("MSE on sequences of 5 terms", where="Analysis", notebook="printed, not kept")
def _short(data: Data) -> Answer:
    order = data.model.config.order
    if 2 * order >= SHORT - 1:
        raise NotApplicable(f"sequences of {SHORT} terms leave nothing to predict from position {2 * order} on")
    drawn = data.draw(data.reference.at(length=SHORT), "short")
    errors = over([Intact(data.model, part) for part in drawn], lambda intact: intact.errors)
    return (
        single(errors[0]),
        mean(errors),
        f"One recurrence, of which {SHORT - 1 - 2 * order} predictions count: {spread(errors)}.",
    )
