"""The recipe of a training. Every field of it is an option of `recint train`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from recint.checkpoint import ModelConfig
from recint.recurrence import REFERENCE, Distribution

# A larger number must be a mistake. It is refused, because it would first use all memory, or become infinite on the way.
_MOST = {
    "batch": 100_000,
    "validation": 100_000,
    "steps": 10**9,
    "warmup": 10**9,
    "rate": 10**6,
    "weight_decay": 10**6,
    "clip": 10**6,
    "init_range": 10**6,
}
_MOST_LAYERS, _MOST_WEIGHTS = 1_000, 10**10


Precision = Literal["float32", "bfloat16"]


def as_saved(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recipe as it was saved beside a model, with what recipes of earlier versions do not name."""
    plain = json.loads(json.dumps(asdict(Distribution())))
    return {"precision": "float32", **recipe, "data": plain | recipe["data"]}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained. The defaults are those of the reference checkpoints; their model cards say what differs.

    Attributes:
        model: the shape of the model.
        data: the distribution of the recurrences.
        steps: number of steps of AdamW.
        batch: recurrences in each step.
        rate: highest learning rate. It is reached after `warmup` steps, and then falls to 0 along a cosine.
        clip: largest norm of the gradient; a larger gradient is scaled down to it.
        init_range: standard deviation of the initial weights. Biases start at 0, LayerNorm weights at 1.
        precision: precision of matrix products in a step. Weights, optimiser and validation use float32.
        log_every: steps between two entries of the loss history. An entry is the mean loss since the last entry.
        validate_every: steps between two validations.
        validation: recurrences in a validation.

    Raises:
        ValueError: a field is out of its range, or the shape of the model does not fit the data.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    data: Distribution = REFERENCE
    seed: int = 0
    steps: int = 20_000
    batch: int = 64
    rate: float = 1e-3
    warmup: int = 500
    weight_decay: float = 0.01
    clip: float = 1.0
    init_range: float = 0.04
    precision: Precision = "float32"
    log_every: int = 100
    validate_every: int = 500
    validation: int = 512

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "log_every", "validate_every", "validation"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)!r} must be at least 1")
        for name, most in _MOST.items():
            if not getattr(self, name) <= most:  # also refuses nan
                raise ValueError(f"{name}={getattr(self, name)!r} must be at most {most}")
        if self.model.n_layers > _MOST_LAYERS:
            raise ValueError(f"n_layers={self.model.n_layers!r} must be at most {_MOST_LAYERS}")
        if self.model.weights > _MOST_WEIGHTS:
            raise ValueError(f"the model has {self.model.weights:,} weights, but must have at most {_MOST_WEIGHTS:,}")
        for name in ("rate", "clip", "init_range"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must be above 0")
        if self.precision not in get_args(Precision):
            raise ValueError(f"precision={self.precision!r} must be one of {', '.join(map(repr, get_args(Precision)))}")
        if self.warmup < 0 or self.weight_decay < 0:
            raise ValueError(f"warmup={self.warmup!r} and weight_decay={self.weight_decay!r} must not be below 0")
        if self.data.dim != self.model.d_vocab:
            raise ValueError(
                f"dim={self.data.dim!r} of the recurrences must be d_vocab={self.model.d_vocab!r} of the model"
            )
        if self.data.order != self.model.order:
            raise ValueError(
                f"order={self.data.order!r} of the recurrences must be order={self.model.order!r} of the model"
            )
        if self.data.length - 1 > self.model.n_ctx:
            raise ValueError(
                f"length={self.data.length!r} needs {self.data.length - 1} positions, but n_ctx={self.model.n_ctx!r}"
            )
        if self.data.first >= self.data.length - 1:
            raise ValueError(
                f"length={self.data.length!r} leaves no position to learn from at order={self.data.order!r}"
            )

    def learning_rate(self, step: int) -> float:
        """The learning rate at a step (counted from 0): a linear warm-up, then half a cosine down to 0."""
        if step < self.warmup:
            return self.rate * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.rate * 0.5 * (1 + math.cos(math.pi * progress))
