"""The subject: transformers of attention alone that read tokens, a block of which is repeated."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch

from recint import bridged
from recint.bridged import Bridged, Checkpoint
from recint.refusals import require_sizes

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

NAME = "token sequences with a repeated block"


@dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of a model.

    Raises:
        ValueError: a size is not a whole number of at least 1, or the heads do not share the width evenly.
    """

    n_layers: int = 2
    n_heads: int = 4
    d_model: int = 64
    n_ctx: int = 32
    d_vocab: int = 64

    def __post_init__(self) -> None:
        require_sizes(**asdict(self))
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model={self.d_model} must be a multiple of n_heads={self.n_heads}")


def build(config: Config) -> TransformerBridge:
    """A model of this shape, with random weights."""
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge import TransformerBridge

    bridge_config = TransformerBridgeConfig(
        n_layers=config.n_layers,
        n_heads=config.n_heads,
        d_model=config.d_model,
        d_head=config.d_model // config.n_heads,
        n_ctx=config.n_ctx,
        d_vocab=config.d_vocab,
        attn_only=True,
        normalization_type="LN",
    )
    return TransformerBridge.boot_native(bridge_config, device="cpu")


def load(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint; a wrong one raises ValueError, in one sentence."""
    checkpoint = bridged.load(path, Config, build, subject=NAME)
    if (config := checkpoint.config) != (wanted := Config(d_model=config.d_model, n_heads=config.n_heads)):
        raise ValueError(f"{path}: is a model of {config}, but the claims are about {wanted}")
    return checkpoint


def model(checkpoint: Checkpoint, device: torch.device | str) -> Bridged:
    """The model of a checkpoint."""
    return Bridged(checkpoint, build, device=device)
