"""Writes the model card of a trained checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recint import checkpoint as checkpoints
from recint.checkpoint import ModelConfig
from recint.domain import reference_of
from recint.families import family_of
from recint.model.noise import best_error
from recint.pages import figures
from recint.pages.markdown import code, table
from recint.recurrence import Distribution
from recint.statistics.errors import simple_errors
from recint.system.escaping import command, markdown
from recint.system.files import write
from recint.system.seeds import derive_seed
from recint.task import Task
from recint.training.recipe import Recipe, as_saved
from recint.training.train import CARD, HISTORY, LOSSES

SAMPLED, NOISY = 1000, 100  # recurrences behind the errors that the model's is compared with


def write_card(folder: Path) -> None:
    """Write README.md and loss.svg to a folder in which `recint train` has trained a model."""
    loaded = checkpoints.load(folder)
    history = json.loads((folder / HISTORY).read_text(encoding="utf-8"))
    recipe = as_saved(history["recipe"])
    model, data = recipe["model"], recipe["data"]
    made = reference_of(loaded.config)
    final = history["validation"][-1][1]
    plot = figures.losses(
        f"{loaded.name}: validation MSE {final:.1e} after {recipe['steps']} steps",
        steps=[step for step, _ in history["loss"]],
        loss=[loss for _, loss in history["loss"]],
        validation_steps=[step for step, _ in history["validation"]],
        validation=[loss for _, loss in history["validation"]],
    )
    drawn = made.sample(SAMPLED, seed=derive_seed(0, "simple predictors"))
    simple = simple_errors(drawn.inputs, drawn.targets, first=made.first)
    name, errors = min(simple.items(), key=lambda each: float(each[1].mean()))
    least = best_error(made, batch=NOISY, seed=derive_seed(0, "best error"))
    beside = [(f"the same of the best simple predictor, which {name}", f"{float(errors.mean()):.2e}")]
    if least:
        beside.append(
            (f"as a multiple of the best unbiased reader's, with noise of {made.noise:g}", f"{final / least:.3g}")
        )
    facts = (
        (f"validation MSE (positions i >= {made.first}, {recipe['validation']} recurrences)", f"{final:.2e}"),
        *beside,
        ("steps x batch", f"{recipe['steps']} x {recipe['batch']}"),
        ("seed", str(recipe["seed"])),
        ("training time", f"{history['seconds'] / 60:.0f} minutes"),
        ("tensors, sha256", code(loaded.sha256)),
    )
    card = f"""# {markdown(loaded.name)}

A transformer of {model["n_layers"]} layers x {model["n_heads"]} heads (d_model {model["d_model"]}, d_head {model["d_head"]}, \
d_mlp {model["d_mlp"]}, n_ctx {model["n_ctx"]}, {model["act_fn"]}), trained to predict the next term of \
{made.family} recurrences of order {data["order"]} in R^{data["dim"]}: c ~ U({data["c"][0]:g}, {data["c"][1]:g}), \
{data["length"]} terms.{_ranges(made)}

{table(("", ""), facts)}

Made by `{command("recint", "train", "FOLDER", *_options(recipe))}`; the loss history is in `{HISTORY}`.

![training and validation loss]({LOSSES})
"""
    for name, text in ((LOSSES, plot), (CARD, card)):
        write(folder / name, text)


def _ranges(made: Distribution) -> str:
    """The equation, and the other ranges, of a task that is not the notebook's."""
    if made.task == Task():
        return ""
    family = family_of(made.family)
    right = " + ".join(filter(None, [family.term("c", "a_j"), family.rest("a_j"), "d"]))
    ranges = {"d": made.d, "a_0": made.start, "the norm of the longest term": made.cap, **dict(made.others)}
    told = ", ".join(f"{name} ~ U({low:g}, {high:g})" for name, (low, high) in ranges.items())
    noise = f" The model reads its terms with noise of {made.noise:g}." if made.noise else ""
    rule = code(f"a_(j+1) = {right}")
    return f"\n\nAt order 1 the rule is {rule}, with {told}.{noise}"


def _options(recipe: Mapping[str, Any]) -> Iterator[str]:
    """The options of `recint train` that make the same model: those of the recipe, and others without their default value."""
    of = family_of(recipe["data"]["family"]).ranges  # the ranges of a family are its own
    usual = {**asdict(Distribution()), **asdict(ModelConfig()), "precision": Recipe().precision}
    usual |= {name: of[name] for name in ("c", "d", "start")}
    chosen = {**recipe["data"], **recipe["model"], "precision": recipe["precision"]}
    chosen.pop("dim")  # which is `d_vocab`
    for name, (low, high) in chosen.pop("others"):
        yield from ("--range", name, str(low), str(high))
    chosen.pop("task", None)  # which is the data
    changed = {name: value for name, value in chosen.items() if _listed(value) != _listed(usual[name])}
    trained = {name: value for name, value in recipe.items() if isinstance(value, int | float)}
    for name, value in (changed | trained).items():
        yield "--" + name.replace("_", "-")
        yield from map(str, _listed(value))


def _listed(value: Any) -> list[Any]:
    return [*value] if isinstance(value, list | tuple) else [value]
