"""Steps per second of `recint train`, against a plain PyTorch loop with the same steps.

    python benchmarks/training_speed.py [--steps 40] [--rounds 3]
    python benchmarks/training_speed.py --to-the-end [--steps 2000] [--seeds 3]    the final validation MSE of each precision

The two alternate, so that other work of the machine slows both. The plain loop has its own model (modules of torch.nn, no hooks),
its own optimiser and schedule, and no validation, history or snapshots. It draws its batches in the same way.
"""

import argparse
import statistics
import tempfile
import time
from typing import get_args

import torch
from torch import nn
from torch.nn import functional

from recint.checkpoint import ModelConfig
from recint.recurrence import REFERENCE
from recint.system.seeds import derive_seed
from recint.training.recipe import Precision, Recipe
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


def recint_loop(steps: int, precision: Precision) -> float:
    """Seconds a step, from the first to the last."""
    times: list[float] = []
    recipe = Recipe(steps=steps + 1, precision=precision)
    with tempfile.TemporaryDirectory() as folder:
        train(recipe, folder, progress=lambda _: times.append(time.perf_counter()))
    return (times[-2] - times[0]) / (len(times) - 2)  # the last step validates


def final_error(steps: int, *, seed: int, precision: Precision) -> float:
    """The validation MSE at the end of a training of so many steps."""
    errors: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        recipe = Recipe(steps=steps, seed=seed, precision=precision)
        train(recipe, folder, progress=lambda now: errors.append(now.validation) if now.validation else None)
    return errors[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, help="of a round (40), or of a training (2000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--to-the-end", action="store_true", help="train, and compare what the precisions end at")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if options.to_the_end:
        for seed in range(options.seeds):
            errors = [final_error(options.steps or 2000, seed=seed, precision=each) for each in get_args(Precision)]
            results = ", ".join(f"{each} {error:.3g}" for each, error in zip(get_args(Precision), errors, strict=True))
            print(f"seed {seed}: {results}, ratio {errors[1] / errors[0]:.2f}", flush=True)
        return
    steps = options.steps or 40
    bare_loop(5), recint_loop(5, "float32")
    bare, ours = [], {each: [] for each in get_args(Precision)}
    for _ in range(options.rounds):
        bare.append(bare_loop(steps))
        for each, times in ours.items():
            times.append(recint_loop(steps, each))
    print(f"bare loop: {1 / statistics.median(bare):.2f} steps/s")
    for each, times in ours.items():
        ratio = statistics.median(bare) / statistics.median(times)
        print(f"recint train --precision {each}: {1 / statistics.median(times):.2f} steps/s, ratio {ratio:.2f}")
    print(f"(medians of {options.rounds} rounds x {steps} steps)")


if __name__ == "__main__":
    main()
