"""Trains a model by the recipe. A run that was stopped can go on, and ends with the same weights to the bit.

Every batch has its own seed, derived from the seed of the recipe and the step. So a run that goes on uses the same batches, and
only the weights, the state of the optimiser and the loss history have to be saved.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from recint import checkpoint as checkpoints
from recint.checkpoint import Checkpoint, CheckpointError, with_task
from recint.model.transformer import property_tensors, raw_bridge
from recint.model.untrained import initial_tensors
from recint.recurrence import Recurrences
from recint.state_dict import SAFETENSORS, TORCH, require_text
from recint.system.files import write
from recint.system.outputs import require_files
from recint.system.seeds import derive_seed
from recint.training.recipe import Recipe, as_saved

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

STATE = "training-state.pth"
HISTORY = "history.json"
CARD, LOSSES = "README.md", "loss.svg"  # what `recint.training.card` writes beside them


@dataclass(frozen=True)
class Progress:
    """What a progress bar shows after a step.

    Attributes:
        validation: the validation error; None if this step has none.
    """

    step: int
    loss: float
    validation: float | None


def prediction_loss(bridge: TransformerBridge, recurrences: Recurrences) -> Tensor:
    """MSE of the next term over batch, coordinates and scored positions.

    At earlier positions the terms so far do not determine the next one.
    """
    first = recurrences.first
    prediction = bridge(recurrences.inputs @ bridge.W_E)
    return nn.functional.mse_loss(prediction[:, first:], recurrences.targets[:, first:])


def train(
    recipe: Recipe,
    out: str | os.PathLike[str],
    *,
    device: torch.device | str = "cpu",
    snapshots: frozenset[int] = frozenset(),
    save_every: int = 500,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Checkpoint:
    """Train a model into the folder `out`, or continue the run that was stopped there.

    At the end `out` has the model, the loss history and the snapshots.

    Args:
        snapshots: keep the weights after these steps too; step 0 means the initial weights.
        save_every: steps between two saved states, from which a stopped run can continue.
        progress: called after every step.

    Returns:
        The trained model, which is also in `out`.

    Raises:
        CheckpointError: `out` is a file, its name is no text in UTF-8, or it has another run, a damaged state, or files of
            somebody else.
        ValueError: a snapshot lies after the last step, or before the step from which a stopped run continues; or the loss is no
            longer a finite number.
        ValueError, OSError: `out` cannot be written. This is checked before the first step.
    """
    out = Path(out)
    require_text(out.name, out)
    if beyond := sorted(step for step in snapshots if not 0 <= step <= recipe.steps):
        raise ValueError(f"snapshots={beyond!r} must lie between 0 and steps={recipe.steps!r}")
    if out.suffix in (*TORCH, SAFETENSORS) or out.is_file():
        kind = "is a file" if out.is_file() else "is the name of a file"
        raise CheckpointError(f"{out}: {kind}, but a folder is to be written; give another name")
    require_files(own=(out / STATE,))
    state, history = _read_state(recipe, out)
    start = state["step"] if state else 0
    snapshot_of = {step: out / "snapshots" / f"step-{step:06d}.safetensors" for step in sorted(snapshots)}
    if past := [step for step, path in snapshot_of.items() if step < start and not path.exists()]:
        raise ValueError(
            f"snapshots={past!r} lie before step {start}, where the run in {out} goes on, and were not kept; "
            "leave them out, or give another folder"
        )
    # The files of a stopped run may be replaced. A model card may not: it is written last, so it belongs to another run.
    made = [out / CARD, out / LOSSES]
    made += [] if state else [out / "config.json", out / "model.safetensors", *snapshot_of.values()]
    if there := [str(path.relative_to(out)) for path in made if path.exists()]:
        raise CheckpointError(f"{out}: holds {', '.join(there)}, which training would replace; give another folder")
    tensors = (
        state["tensors"] if state else initial_tensors(recipe.model, seed=recipe.seed, init_range=recipe.init_range)
    )
    bridge = raw_bridge(recipe.model, tensors, device).requires_grad_(True).train()
    optimizer = torch.optim.AdamW(bridge.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay, fused=True)
    if state:
        optimizer.load_state_dict(state["optimizer"])
    validation = recipe.data.sample(recipe.validation, seed=derive_seed(recipe.seed, "validation"), device=device)
    running, begun, config = 0.0, time.monotonic(), with_task(recipe.model, recipe.data.task)

    def snapshot(step: int) -> None:
        if path := snapshot_of.get(step):
            checkpoints.save(Checkpoint(path.stem, config, property_tensors(bridge, recipe.model)), path)

    snapshot(start)
    if not state:  # checks that the folder can be written, and marks it as the folder of this run
        _write_state(out, recipe, 0, bridge, optimizer, history)
    for step in range(start + 1, recipe.steps + 1):
        batch = recipe.data.sample(recipe.batch, seed=derive_seed(recipe.seed, "batch", step), device=device)
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate(step - 1)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(batch.terms.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            loss = prediction_loss(bridge, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(bridge.parameters(), recipe.clip)
        optimizer.step()
        running += (value := loss.item())
        if not math.isfinite(value):
            raise ValueError(
                f"the loss is {value} at step {step}; choose a smaller rate={recipe.rate!r} or init_range={recipe.init_range!r}"
            )
        error = None
        if step % recipe.log_every == 0 or step == recipe.steps:
            since = (step - 1) % recipe.log_every + 1
            history["loss"].append([step, running / since])
            running = 0.0
        if step % recipe.validate_every == 0 or step == recipe.steps:
            with torch.no_grad():
                error = prediction_loss(bridge, validation).item()
            history["validation"].append([step, error])
        snapshot(step)
        progress(Progress(step, value, error))
        # A state is saved only when the mean loss starts anew, so that the loss history of a continued run is exact too.
        if step % save_every < recipe.log_every and step % recipe.log_every == 0 and step < recipe.steps:
            history["seconds"] += time.monotonic() - begun
            begun = time.monotonic()
            _write_state(out, recipe, step, bridge, optimizer, history)
    if start < recipe.steps:
        history["seconds"] += time.monotonic() - begun
    finished = Checkpoint(out.resolve().name, config, property_tensors(bridge, recipe.model))
    checkpoints.save(finished, out)
    write(out / HISTORY, json.dumps({"recipe": asdict(recipe), **history}, indent=1) + "\n")
    (out / STATE).unlink(missing_ok=True)
    return finished


def _plain(recipe: Recipe) -> Mapping[str, object]:
    """The recipe as plain values, as they come back from JSON."""
    plain: Mapping[str, object] = json.loads(json.dumps(asdict(recipe)))
    return plain


def _write_state(
    out: Path, recipe: Recipe, step: int, bridge: TransformerBridge, optimizer: torch.optim.Optimizer, history: dict
) -> None:
    made = BytesIO()
    torch.save(
        {
            "recipe": json.dumps(_plain(recipe)),
            "step": step,
            "tensors": property_tensors(bridge, recipe.model),
            "optimizer": optimizer.state_dict(),
            "history": json.dumps(history),
        },
        made,
    )
    write(out / STATE, made.getvalue())


def _read_state(recipe: Recipe, out: Path) -> tuple[dict | None, dict]:
    """The saved state of a stopped run (None if there is none), and the loss history so far."""
    fresh: dict = {"loss": [], "validation": [], "seconds": 0.0}
    if (out / HISTORY).is_file():
        raise CheckpointError(f"{out}: holds a finished run; give another folder, or remove this one to train again")
    path = out / STATE
    if not path.is_file():
        return None, fresh
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved = as_saved(json.loads(state["recipe"]))
        history = json.loads(state["history"])
    except Exception as error:
        raise CheckpointError(
            f"{path}: not a state of training that can be continued ({type(error).__name__})"
        ) from None
    if saved != (expected := _plain(recipe)):
        moved = ", ".join(
            f"{key}={saved.get(key)!r}, now {expected[key]!r}" for key in expected if saved.get(key) != expected[key]
        )
        raise CheckpointError(
            f"{path}: the run there has another recipe ({moved}); give another folder or the same options"
        )
    return state, history
