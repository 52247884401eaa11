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
from recint.model.intact import Intact
from recint.model.judgeable import Judgeable
from recint.model.transformer import ForwardPass
from recint.system.seeds import derive_seed

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Solver(Judgeable):
    """A stand-in for a `Model` that predicts recurrences of order 1, exactly or with Gaussian noise of a chosen MSE.

    It offers what claims about prediction use. A step is c times the step before it, and the solver estimates c from the steps
    so far. If there are no such steps (positions 0 and 1), or all of them are zero, it predicts no further step.

    Attributes:
        mse: variance of the noise. The noise depends only on the inputs and the seed.
        largest: bound on |c|. A larger coefficient is replaced by this bound.
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
        """A checkpoint with a name and without tensors."""
        return Checkpoint(f"solver-mse-{self.mse:g}-seed-{self.seed}", self.config, {})

    def intact(self, at: Place) -> Intact:
        """As for a `Model`, but it holds only a prediction and its errors."""
        return Intact(self, at.sample(self.config))

    def once(self, key: Hashable, measure: Callable[[], T]) -> T:
        """As for a `Model`, but the result is not kept."""
        return measure()

    def unedited(self) -> AbstractContextManager[None]:
        return nullcontext()

    def run(self, inputs: Float[Tensor, "batch position dim"], keep: Iterable[str] = ()) -> ForwardPass:
        """The prediction. It has no activations, whatever hooks are named."""
        return ForwardPass(self(inputs), {})

    def __call__(self, inputs: Float[Tensor, "batch position dim"]) -> Float[Tensor, "batch position dim"]:
        """The predicted next term at every position."""
        exact = inputs.double()
        steps = exact.diff(dim=1)
        # All steps so far are pooled, because late steps of a sequence that converges are only rounding.
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
