"""`recint train`: train a model of recurrences."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from recint.cli.options import add
from recint.options import DEVICE
from recint.system.escaping import command as as_command
from recint.system.escaping import line
from recint.system.files import named_path

if TYPE_CHECKING:
    from recint.recurrence import Distribution

HELP = "train a model of recurrences"
DESCRIPTION = """\
Trains a model of recurrences and writes a checkpoint with its model card. A training that was stopped goes on from its last
saved state if it is started again with the same options and the same folder.
"""
EXAMPLES = ("recint train my-model --seed 3", "recint train my-model --steps 2000 --snapshots 500 1000")

# The help texts of options. Each option is a field of the model's configuration, of the distribution or of the recipe.
_MODEL = {
    "n_layers": "layers",
    "n_heads": "heads in each layer",
    "d_model": "width of the residual stream",
    "d_head": "width of a head",
    "d_mlp": "width of the hidden layer of an MLP",
    "n_ctx": "number of positions, the longest sequence that the model can read",
    "d_vocab": "dimension of the recurrences",
    "act_fn": "activation function of the MLPs: gelu_new, gelu, relu or silu",
    "layer_norm_eps": "epsilon of LayerNorm",
    "order": "order of the recurrences: on how many terms the next term depends",
}
_DATA = {
    "c": "range of the coefficients c",
    "d": "range of the coordinates of the offset d, before scaling",
    "start": "range of the coordinates of the first terms, before scaling",
}
_RECIPE = {
    "seed": "seed of the initial weights and of the data",
    "steps": "steps of AdamW",
    "batch": "recurrences in each step",
    "rate": "highest learning rate",
    "warmup": "steps in which the learning rate rises to its highest value; then it falls along a cosine",
    "weight_decay": "weight decay",
    "clip": "largest norm of a gradient; a larger gradient is scaled down to it",
    "init_range": "standard deviation of the initial weights",
    "precision": "precision of matrix products in a step: float32, or bfloat16, which some processors compute faster",
    "log_every": "steps between two entries of the loss history",
    "validate_every": "steps between two validations",
    "validation": "recurrences in a validation",
}


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command. Their defaults come from the classes that they set."""
    from recint.checkpoint import ModelConfig
    from recint.families import FAMILIES
    from recint.recurrence import Distribution
    from recint.training.recipe import Recipe

    command.add_argument(
        "out", nargs="?", type=named_path, metavar="FOLDER", help="write to this folder; give it before --snapshots"
    )
    add(command, DEVICE)
    command.add_argument(
        "--snapshots", type=_step, nargs="*", default=(), metavar="STEP", help="also keep the weights after these steps"
    )
    model, data, recipe = ModelConfig(), Distribution(), Recipe()
    _add_fields(command.add_argument_group("the model"), model, _MODEL)
    group = command.add_argument_group("the recurrences")
    group.add_argument(
        "--family", default=data.family, metavar="NAME", help=f"one of {', '.join(FAMILIES)} (default: %(default)s)"
    )
    for name, text in _DATA.items():
        usual = ", ".join(
            f"{low:g} {high:g} of {family.name}" for family in FAMILIES.values() for low, high in [family.ranges[name]]
        )
        group.add_argument(
            _flag(name), type=float, nargs=2, metavar=("LOW", "HIGH"), help=f"{text} (default: {usual})"
        )  # fmt: skip
    group.add_argument(
        "--range", nargs=3, action="append", default=[], metavar=("NAME", "LOW", "HIGH"),
        help="range of another number that the family has; may be given several times",
    )  # fmt: skip
    low, high = data.cap
    group.add_argument(
        "--cap", type=float, nargs=2, default=data.cap, metavar=("LOW", "HIGH"),
        help=f"range of the largest norm of a term, to which each sequence is scaled (default: {low:g} {high:g})",
    )  # fmt: skip
    group.add_argument(
        "--length", type=int, default=data.length, metavar="N", help="terms in a sequence (default: %(default)s)"
    )
    group.add_argument(
        "--noise", type=float, default=data.noise, metavar="X",
        help="standard deviation of the noise on the terms that the model reads (default: %(default)s)",
    )  # fmt: skip
    _add_fields(command.add_argument_group("the training"), recipe, _RECIPE)


def _add_fields(group: argparse._ArgumentGroup, holder: object, texts: Mapping[str, str]) -> None:
    """Declare an option for each field in `texts`. Its default is the value in `holder`."""
    for name, text in texts.items():
        default = getattr(holder, name)
        group.add_argument(
            _flag(name),
            type=type(default),
            default=default,
            metavar={int: "N", float: "X"}.get(type(default), "NAME"),
            help=f"{text} (default: %(default)s)",
        )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _step(text: str) -> int | str:
    """A step, or a text that may be the folder: argparse takes all words after `--snapshots` as its values."""
    try:
        return int(text)
    except ValueError:
        return text


def _data(options: argparse.Namespace) -> Distribution:
    """The recurrences that the options describe. Ranges that are not given are the usual ones of the family."""
    from recint.families import family_of
    from recint.recurrence import Distribution

    family = family_of(options.family)
    c, d, start = (tuple(getattr(options, name) or family.ranges[name]) for name in _DATA)
    others = {name: family.ranges[name] for name in family.others}
    for name, *bounds in options.range:
        if name not in others:
            raise ValueError(
                f"range={name!r} must be one of {list(family.others)!r}, the other numbers of {family.name}"
            )
        try:
            others[name] = (float(bounds[0]), float(bounds[1]))
        except ValueError:
            raise ValueError(f"range={[name, *bounds]!r} must be a name and two numbers") from None
    return Distribution(
        family=family.name, c=c, d=d, start=start, others=tuple(others.items()), cap=tuple(options.cap), noise=options.noise,
        dim=options.d_vocab, order=options.order, length=options.length,
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Train a model into a folder, with a progress bar. A run that was stopped goes on from its last saved state."""
    from tqdm import tqdm

    from recint.checkpoint import ModelConfig
    from recint.model.transformer import resolve_device
    from recint.training.card import write_card
    from recint.training.recipe import Recipe
    from recint.training.train import Progress, train

    out, snapshots = options.out, list(options.snapshots)
    if out is None and snapshots and isinstance(snapshots[-1], str):
        out = named_path(snapshots.pop())  # argparse took the folder as a value of --snapshots
    if out is None:
        raise ValueError("no folder is named, but one is expected to which the model is written, before --snapshots")
    if wrong := [step for step in snapshots if isinstance(step, str)]:
        raise ValueError(f"snapshots={wrong!r} must be whole numbers")
    model = ModelConfig(**{name: getattr(options, name) for name in _MODEL})
    data = _data(options)
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
