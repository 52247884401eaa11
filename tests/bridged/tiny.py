"""A small subject: transformers of one layer of attention, and random tokens."""

from dataclasses import dataclass

import torch

from recint.bridged import Batch, Bridged, Checkpoint
from recint.system.seeds import derive_seed

NAME = "random tokens"


@dataclass(frozen=True)
class Config:
    n_layers: int = 1
    d_vocab: int = 7

    def __post_init__(self):
        if self.d_vocab < 2:
            raise ValueError(f"d_vocab={self.d_vocab} must be at least 2")


def build(config):
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge import TransformerBridge

    shape = {
        "n_layers": config.n_layers,
        "d_vocab": config.d_vocab,
        "n_heads": 2,
        "d_model": 8,
        "d_head": 4,
        "n_ctx": 6,
    }
    bridge_config = TransformerBridgeConfig(**shape, attn_only=True, normalization_type="LN")
    return TransformerBridge.boot_native(bridge_config, device="cpu")


def checkpoint(**config):
    chosen = Config(**config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Checkpoint(NAME, "made", chosen, build(chosen).state_dict())


def model(**config):
    return Bridged(checkpoint(**config), build)


@dataclass(frozen=True)
class Draws:
    inputs: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Tokens(Batch):
    def sample(self, config):
        generator = torch.Generator().manual_seed(derive_seed(self.seed))
        return Draws(torch.randint(config.d_vocab, (self.batch, 6), generator=generator))

    def brief(self):
        return "6 tokens"
