"""Train the model of this example: `python examples/induction/train.py FOLDER`. It takes about half a minute.

The same seed gives the same weights, on one machine. `--snapshots` keeps the weights on the way, where
`recint sweep` finds them: FOLDER/snapshots/step-000500, ...
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from claims.circuit import losses, mean_where
from claims.sequences import Condition
from claims.subject import NAME, Config, build
from torch import nn
from tqdm import tqdm

from recint.bridged import Checkpoint, save
from recint.system.seeds import derive_seed
from recint.system.threads import limit_threads

BATCH, RATE, WARM_UP, DECAY, CLIP = 64, 3e-3, 100, 0.01, 1.0
VALIDATION = 512


def main() -> None:
    """Train, and write the model, the snapshots and the history of the losses."""
    options = _options()
    limit_threads(
        1
    )  # for so small a model more threads hardly help, and beside other processes they wait for each other
    torch.manual_seed(derive_seed(options.seed, "weights") % 2**63)
    config = Config()
    bridge = build(config).train()
    optimizer = torch.optim.AdamW(bridge.parameters(), lr=RATE, weight_decay=DECAY)
    warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARM_UP))
    history = []

    def keep(step: int) -> None:
        if step in options.snapshots:
            _save(bridge, config, options.out / "snapshots" / f"step-{step:06d}")

    keep(0)
    with tqdm(total=options.steps, unit="step", disable=None) as bar:
        for step in range(1, options.steps + 1):
            draws = Condition(batch=BATCH, seed=derive_seed(options.seed, "batch", step)).sample(config)
            loss = losses(bridge(draws.inputs), draws)[:, :-1].mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(bridge.parameters(), CLIP)
            optimizer.step()
            warm_up.step()
            keep(step)
            if step % 25 == 0 or step == options.steps:
                history.append([step, *_validation(bridge, config, options.seed)])
                bar.set_postfix({"repeated": f"{history[-1][2]:.3f}"}, refresh=False)
            bar.update()
    _save(bridge, config, options.out)
    recipe = {"steps": options.steps, "seed": options.seed, "batch": BATCH, "rate": RATE, "weight_decay": DECAY}
    kept = {
        "recipe": recipe,
        "columns": ["step", "loss before the repetition", "loss on the repeated part"],
        "loss": history,
    }
    (options.out / "history.json").write_text(json.dumps(kept) + "\n")
    print(f"loss on the repeated part: {history[-1][2]:.4f} nats; wrote {options.out}")


@torch.no_grad()
def _validation(bridge: nn.Module, config: Config, seed: int) -> tuple[float, float]:
    """The losses before the repetition and on the repeated part, in nats."""
    draws = Condition(batch=VALIDATION, seed=derive_seed(seed, "validation")).sample(config)
    lost = losses(bridge(draws.inputs), draws)
    return mean_where(lost, draws.fresh).mean().item(), mean_where(lost, draws.repeated).mean().item()


def _save(bridge: nn.Module, config: Config, folder: Path) -> None:
    save(Checkpoint(NAME, folder.name, config, bridge.state_dict()), folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the model of this example.")
    parser.add_argument("out", nargs="?", type=Path, default=Path(__file__).with_name("model"), metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--snapshots", type=int, nargs="*", default=[], metavar="STEP")
    options = parser.parse_args()
    if (options.out / "model.safetensors").exists():
        parser.error(f"{options.out} holds a model already; name another folder")
    return options


if __name__ == "__main__":
    main()
