"""Models before training: the start of every training, and the first control of every claim."""

from __future__ import annotations

import torch
from torch import Tensor

from recint.checkpoint import Checkpoint, ModelConfig
from recint.system.seeds import derive_seed


def initial_tensors(config: ModelConfig, *, seed: int, init_range: float) -> dict[str, Tensor]:
    """Initial weights: ~ N(0, init_range^2), biases 0, LayerNorm weights 1. They are the same on every device."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "initial weights"))
    tensors = {}
    for name, shape in config.shapes.items():
        last = name.rpartition(".")[2]
        if last.startswith("W_"):
            tensors[name] = torch.randn(shape, generator=generator) * init_range
        else:
            tensors[name] = torch.ones(shape) if last == "w" else torch.zeros(shape)
    return tensors


def untrained(config: ModelConfig, *, seed: int, init_range: float = 0.04) -> Checkpoint:
    """A checkpoint of this shape with initial weights, the first control of every claim."""
    return Checkpoint(f"untrained-{seed}", config, initial_tensors(config, seed=seed, init_range=init_range))
