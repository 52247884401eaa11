"""`recint train`: train a model of affine recurrences."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recint.cli.options import add
from recint.options import DEVICE
from recint.system.escaping import command as as_command
from recint.system.escaping import line
from recint.system.files import named_path

HELP = "train a model of affine recurrences"
DESCRIPTION = """\
Trains a model of affine recurrences and writes a checkpoint with its model card. A training that was stopped goes on where it was
if it is started again with the same options and the same folder.
"""
EXAMPLES = ("recint train my-model --seed 3", "recint train my-model --steps 2000 --snapshots 500 1000")

_MODEL = (
    "n_layers",
    "n_heads",
    "d_model",
    "d_head",
    "d_mlp",
    "n_ctx",
    "d_vocab",
    "act_fn",
    "layer_norm_eps",
    "order",
)
_DATA = ("c", "d", "start", "cap")
_RECIPE = (
    "seed", "steps", "batch", "rate", "warmup", "weight_decay", "clip", "init_range",
    "log_every", "validate_every", "validation",
)  # fmt: skip


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command, with the defaults of what they set."""
    from recint.checkpoint import ModelConfig
    from recint.recurrence import Distribution
    from recint.training.recipe import Recipe

    command.add_argument(
        "out", nargs="?", type=named_path, metavar="FOLDER", help="the folder to write to, before --snapshots"
    )
    add(command, DEVICE)
    command.add_argument(
        "--snapshots", type=_step, nargs="*", default=(), metavar="STEP", help="keep the weights after these steps too"
    )
    model, data, recipe = ModelConfig(), Distribution(), Recipe()
    _add_fields(command.add_argument_group("the model"), {name: getattr(model, name) for name in _MODEL})
    group = command.add_argument_group("the recurrences")
    for name in _DATA:
        low, high = getattr(data, name)
        group.add_argument(
            _flag(name), type=float, nargs=2, default=(low, high), metavar=("LOW", "HIGH"),
            help=f"the range of {name} (default: {low:g} {high:g})",
        )  # fmt: skip
    group.add_argument(
        "--length", type=int, default=data.length, metavar="N", help="terms of a sequence (default: %(default)s)"
    )
    _add_fields(command.add_argument_group("the training"), {name: getattr(recipe, name) for name in _RECIPE})


def _add_fields(group: argparse._ArgumentGroup, defaults: Mapping[str, Any]) -> None:
    for name, default in defaults.items():
        kind, metavar = type(default), {int: "N", float: "X"}.get(type(default), "NAME")
        group.add_argument(
            _flag(name), type=kind, default=default, metavar=metavar, help=f"{name} (default: {default})"
        )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _step(text: str) -> int | str:
    """A step, or what may be the folder: argparse gives all that follows `--snapshots` to it."""
    try:
        return int(text)
    except ValueError:
        return text


def run(options: argparse.Namespace) -> int:
    """Train a model by the recipe, with a progress bar, into a folder that a stopped run continues from."""
    from tqdm import tqdm

    from recint.checkpoint import ModelConfig
    from recint.model.transformer import resolve_device
    from recint.pages.card import write_card
    from recint.recurrence import Distribution
    from recint.training.recipe import Recipe
    from recint.training.train import Progress, train

    out, snapshots = options.out, list(options.snapshots)
    if out is None and snapshots and isinstance(snapshots[-1], str):
        out = named_path(snapshots.pop())  # argparse gives all that follows to the option before it
    if out is None:
        raise ValueError("no folder is named, but one to train into is expected, before --snapshots")
    if wrong := [step for step in snapshots if isinstance(step, str)]:
        raise ValueError(f"snapshots={wrong!r} must be whole numbers")
    model = ModelConfig(**{name: getattr(options, name) for name in _MODEL})
    data = Distribution(
        c=tuple(options.c), d=tuple(options.d), start=tuple(options.start), cap=tuple(options.cap),
        dim=options.d_vocab, order=options.order, length=options.length,
    )  # fmt: skip
    recipe = Recipe(model=model, data=data, **{name: getattr(options, name) for name in _RECIPE})
    with tqdm(total=recipe.steps, unit="step", disable=None) as bar:
        shown = {"loss": "", "validation": ""}

        def progress(now: Progress) -> None:
            bar.update(now.step - bar.n)
            shown["loss"] = f"{now.loss:.2e}"
            if now.validation is not None:
                shown["validation"] = f"{now.validation:.2e}"
            bar.set_postfix(shown, refresh=False)

        train(
            recipe,
            out,
            device=resolve_device(options.device),
            snapshots=frozenset(snapshots),
            progress=progress,
        )
    write_card(Path(out))
    print(line(f"wrote {out}: verify it with `{as_command('recint', 'verify', out)}`"))
    return 0
