"""A solver: a stand-in for a model that computes the next term from the recurrence itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from recint.calibration.roles import SMALL
from recint.checkpoint import Checkpoint, ModelConfig
from recint.domain import Place
from recint.model.asked import Asked
from recint.model.intact import Intact
from recint.model.transformer import Run
from recint.system.seeds import derive_seed

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Solver(Asked):
    """A stand-in for a `Model` that predicts recurrences of order 1, exactly or with Gaussian noise of a chosen MSE.

    It has what the claims about prediction use. A step is c times the step before it; c comes from the steps seen so far.
    Where there are none (positions 0 and 1), or nothing ever moved, it predicts that nothing moves.

    Attributes:
        mse: variance of the noise, which depends on the inputs and the seed alone.
        largest: |c| that it takes a coefficient for, where it is larger.
    """

    config: ModelConfig = SMALL
    mse: float = 0.0
    seed: int = 0
    largest: float = np.inf

    def __post_init__(self) -> None:
        if self.config.order != 1:
            raise ValueError(f"order={self.config.order!r} must be 1: a solver knows no other recurrences")
        if not 0 <= self.mse < np.inf:
            raise ValueError(f"mse={self.mse!r} must be at least 0")

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    @property
    def checkpoint(self) -> Checkpoint:
        """A name without tensors."""
        return Checkpoint(f"solver-mse-{self.mse:g}-seed-{self.seed}", self.config, {})

    def intact(self, at: Place) -> Intact:
        """As of a `Model`, but with a prediction and its errors only."""
        return Intact(self, at.sample(self.config))

    def once(self, key: Hashable, measure: Callable[[], T]) -> T:
        """As of a `Model`, but nothing is kept."""
        return measure()

    def unedited(self) -> AbstractContextManager[None]:
        return nullcontext()

    def run(self, inputs: Float[Tensor, "batch position dim"], keep: Iterable[str] = ()) -> Run:
        """The prediction; of the hooks named it has none."""
        return Run(self(inputs), {})

    def __call__(self, inputs: Float[Tensor, "batch position dim"]) -> Float[Tensor, "batch position dim"]:
        """The predicted next term at every position."""
        exact = inputs.double()
        steps = exact.diff(dim=1)
        # All steps so far are pooled: late ones of a sequence that settles are nothing but rounding.
        together = (steps[:, 1:] * steps[:, :-1]).sum(-1, keepdim=True).cumsum(1)
        alone = steps[:, :-1].square().sum(-1, keepdim=True).cumsum(1)
        c = (together / alone.where(alone > 0, 1.0)).clamp(-self.largest, self.largest)
        prediction = exact.clone()
        prediction[:, 2:] += c * steps[:, 1:]
        if self.mse > 0:
            content = sha256(inputs.contiguous().numpy().tobytes()).hexdigest()
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "noise", content))
            prediction += self.mse**0.5 * torch.randn(exact.shape, generator=generator, dtype=torch.float64)
        return prediction.to(inputs.dtype)
