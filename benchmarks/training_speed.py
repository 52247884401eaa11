"""Steps per second of `recint train` against a bare PyTorch loop that does the same steps, in one run.

    python benchmarks/training_speed.py [--steps 40] [--rounds 3]

The two alternate, so that whatever else the machine does falls on both. The bare loop has its own model (nn modules of
torch, no hooks), its own optimiser and schedule, no validation, no history and no snapshots; batches are drawn alike.
"""

import argparse
import statistics
import tempfile
import time

import torch
from torch import nn
from torch.nn import functional

from recint.checkpoint import ModelConfig
from recint.recurrence import REFERENCE
from recint.system.seeds import derive_seed
from recint.training.recipe import Recipe
from recint.training.train import train


class Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        inner = config.n_heads * config.d_head
        self.heads = config.n_heads
        self.ln1, self.ln2 = (nn.LayerNorm(config.d_model, eps=config.layer_norm_eps) for _ in range(2))
        self.q, self.k, self.v = (nn.Linear(config.d_model, inner) for _ in range(3))
        self.o = nn.Linear(inner, config.d_model)
        self.mlp = nn.Sequential(
            nn.Linear(config.d_model, config.d_mlp), nn.GELU("tanh"), nn.Linear(config.d_mlp, config.d_model)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, positions, _ = x.shape
        read = self.ln1(x)
        q, k, v = (
            part(read).view(batch, positions, self.heads, -1).transpose(1, 2) for part in (self.q, self.k, self.v)
        )
        z = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(z.transpose(1, 2).reshape(batch, positions, -1))
        return x + self.mlp(self.ln2(x))


class Bare(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed = nn.Linear(config.d_vocab, config.d_model, bias=False)
        self.position = nn.Parameter(torch.randn(config.n_ctx, config.d_model) * 0.04)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.n_layers)))
        self.norm = nn.LayerNorm(config.d_model, eps=config.layer_norm_eps)
        self.unembed = nn.Linear(config.d_model, config.d_vocab)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.unembed(self.norm(self.blocks(self.embed(x) + self.position[: x.shape[1]])))


def bare_loop(steps: int) -> float:
    """Seconds a step."""
    model = Bare(ModelConfig())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
    begun = time.perf_counter()
    for step in range(steps):
        batch = REFERENCE.sample(64, seed=derive_seed(0, step))
        optimizer.zero_grad(set_to_none=True)
        loss = functional.mse_loss(model(batch.inputs)[:, 2:], batch.targets[:, 2:])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
    return (time.perf_counter() - begun) / steps


def recint_loop(steps: int) -> float:
    """Seconds a step, from the first to the last."""
    times: list[float] = []
    recipe = Recipe(steps=steps + 1)
    with tempfile.TemporaryDirectory() as folder:
        train(recipe, folder, progress=lambda _: times.append(time.perf_counter()))
    return (times[-2] - times[0]) / (len(times) - 2)  # the last step validates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    bare_loop(5), recint_loop(5)
    bare, ours = [], []
    for _ in range(options.rounds):
        bare.append(bare_loop(options.steps))
        ours.append(recint_loop(options.steps))
    print(f"bare loop:    {1 / statistics.median(bare):.2f} steps/s")
    print(f"recint train: {1 / statistics.median(ours):.2f} steps/s")
    ratio = statistics.median(bare) / statistics.median(ours)
    print(f"ratio: {ratio:.2f} (median of {options.rounds} rounds x {options.steps} steps)")


if __name__ == "__main__":
    main()
