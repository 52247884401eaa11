"""Scrambled checkpoints: the numbers of a trained model in random order, so that no circuit is left."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from recint.checkpoint import Checkpoint
from recint.system.seeds import derive_seed


def scrambled(checkpoint: Checkpoint, *, seed: int) -> Checkpoint:
    """The same numbers in every tensor, in random order.

    Biases and LayerNorm's vectors are permuted too. Otherwise they would still show which coordinates training made large.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "scrambled"))

    def permuted(tensor: Tensor) -> Tensor:
        return tensor.flatten()[torch.randperm(tensor.numel(), generator=generator)].view(tensor.shape)

    return replace(
        checkpoint,
        name=f"{checkpoint.name}:scrambled-{seed}",
        tensors={name: permuted(checkpoint.tensors[name]) for name in checkpoint.config.shapes},
        path=None,
    )
