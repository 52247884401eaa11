"""The model card of a trained checkpoint, written from its loss history."""

from __future__ import annotations

import json
from pathlib import Path

from recint import checkpoint as checkpoints
from recint.pages import figures
from recint.system.escaping import markdown
from recint.system.files import write
from recint.training.train import CARD, HISTORY, LOSSES


def write_card(folder: Path) -> None:
    """Write README.md and loss.svg beside the model that `recint train` left in the folder."""
    loaded = checkpoints.load(folder)
    history = json.loads((folder / HISTORY).read_text())
    recipe, model, data = history["recipe"], history["recipe"]["model"], history["recipe"]["data"]
    final = history["validation"][-1][1]
    options = " ".join(
        f"--{name.replace('_', '-')} {value}" for name, value in recipe.items() if isinstance(value, int | float | str)
    )
    plot = figures.losses(
        f"{loaded.name}: validation MSE {final:.1e} after {recipe['steps']} steps",
        steps=[step for step, _ in history["loss"]],
        loss=[loss for _, loss in history["loss"]],
        validation_steps=[step for step, _ in history["validation"]],
        validation=[loss for _, loss in history["validation"]],
    )
    card = f"""# {markdown(loaded.name)}

A transformer of {model["n_layers"]} layers x {model["n_heads"]} heads (d_model {model["d_model"]}, d_head {model["d_head"]}, \
d_mlp {model["d_mlp"]}, n_ctx {model["n_ctx"]}, {model["act_fn"]}), trained to predict the next term of affine recurrences of \
order {data["order"]} in R^{data["dim"]}: c ~ U({data["c"][0]:g}, {data["c"][1]:g}), {data["length"]} terms.

| | |
|---|---|
| validation MSE (positions i >= {2 * data["order"]}, {recipe["validation"]} recurrences) | {final:.2e} |
| steps x batch | {recipe["steps"]} x {recipe["batch"]} |
| seed | {recipe["seed"]} |
| training time | {history["seconds"] / 60:.0f} minutes |
| tensors, sha256 | `{loaded.sha256}` |

Made by `recint train FOLDER {options}`; the loss history is in `{HISTORY}`.

![training and validation loss]({LOSSES})
"""
    for name, text in ((LOSSES, plot), (CARD, card)):
        write(folder / name, text)
