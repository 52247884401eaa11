"""Figures of a model like those in the notebook. The title of each states what it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from markupsafe import Markup

from recint.domain import reference_of
from recint.model import Model
from recint.model.attribution import attribution
from recint.model.intact import Intact
from recint.pages import figures, weight_figures
from recint.pages.report import missing
from recint.recurrence import REFERENCE
from recint.replication.data import ONE_C
from recint.replication.figures import errors_against_c
from recint.replication.rows import number
from recint.statistics.attention import previous_token_attention
from recint.statistics.weights import (
    Composition,
    composition_chance,
    composition_scores,
    effective_rank,
    eigenvalue_score,
    held_energy,
    input_matrices,
)
from recint.system.seeds import derive_seed
from recint.training.train import HISTORY

ATTRIBUTED = 100  # attributions are means over this many recurrences
COEFFICIENTS = np.linspace(-4, 4, 33)
AT_EACH = 40  # recurrences at each coefficient

Picture = tuple[str, Markup]  # a heading, and an SVG or a sentence in its place


@torch.no_grad()
def gallery(model: Model, *, seed: int = 0) -> list[Picture]:
    """All figures of a model, in the order of the notebook. Its folder may have the history of its training."""
    parts = (
        _training(model),
        _one_recurrence(model, seed),
        _attribution(model, seed),
        _weights(model),
        _composition(model, seed),
        _errors(model, seed),
    )
    return [(heading, Markup(picture)) for part in parts for heading, picture in part]


def _training(model: Model) -> Iterator[tuple[str, str]]:
    heading, path = "Loss history of training", Path(model.checkpoint.path or "") / HISTORY
    if not path.is_file():
        yield heading, missing(f"{model.checkpoint.name} has no history of its training ({HISTORY}).")
        return
    try:
        history = json.loads(path.read_text(encoding="utf-8"))
        loss, validation = ([(int(step), float(mse)) for step, mse in history[name]] for name in ("loss", "validation"))
        step, final = validation[-1]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        yield heading, missing(f"{path}: is not the history of a training as `recint train` leaves it ({error}).")
        return
    svg = figures.losses(
        f"The validation MSE falls to {final:.1e} in {step} steps",
        steps=[step for step, _ in loss],
        loss=[mse for _, mse in loss],
        validation_steps=[step for step, _ in validation],
        validation=[mse for _, mse in validation],
    )
    yield heading, svg


def _drawn(model: Model, count: int, seed: int, **changes: object) -> Intact:
    reference = replace(reference_of(model.config), **changes)  # type: ignore[arg-type]
    return Intact(model, reference.sample(count, seed=derive_seed(seed, "gallery", *changes.values())))


def _one_recurrence(model: Model, seed: int) -> Iterator[tuple[str, str]]:
    """Predictions and attention at one recurrence with c = -1.5, as in the notebook."""
    one = _drawn(model, 1, seed, c=(ONE_C, ONE_C))
    yield (
        "Predicted against actual terms",
        figures.prediction(
            f"One recurrence at c = {ONE_C}: off by {float(one.errors):.1e} (mean square)",
            actual=one.recurrences.targets[0].cpu().numpy(),
            predicted=one.prediction[0].cpu().numpy(),
            first=2 * model.config.order,
        ),
    )
    for layer in range(model.config.n_layers):
        pattern = one[f"blocks.{layer}.attn.hook_pattern"]
        previous, second = float(previous_token_attention(pattern).mean()), float(pattern[..., 2:, 1].mean())
        svg = figures.attention(
            f"Layer {layer} at c = {ONE_C}: on average over heads, {previous:.0%} of attention lies on the previous term and "
            f"{second:.0%} on position 1",
            pattern=pattern[0].cpu().numpy(),
            layer=layer,
        )
        yield f"Attention patterns, layer {layer}", svg


def _attribution(model: Model, seed: int) -> Iterator[tuple[str, str]]:
    intact = _drawn(model, ATTRIBUTED, seed)
    parts = attribution(model, intact)
    heads = parts.heads.mean((0, 1)).cpu().numpy()
    sizes = np.abs(heads).sum(-1)
    leader = int(sizes.argmax())
    yield (
        "Direct logit attribution of heads",
        figures.score_table(
            f"Layer {leader} has {sizes[leader] / sizes.sum():.0%} of the heads' direct attribution",
            scores=heads,
            row="layer",
            column="head",
            label="attribution",
        ),
    )
    mlps = torch.stack([parts.others[f"MLP {layer}"].mean(0) for layer in range(model.config.n_layers)]).cpu().numpy()
    leader = int(np.abs(mlps.mean(-1)).argmax())
    yield (
        "Direct logit attribution of MLPs",
        figures.score_table(
            f"The MLP of layer {leader} adds {mlps[leader].mean():.2f} along the next term, all heads together {heads.sum():.2f}",
            scores=mlps,
            row="layer",
            column="position",
            label="attribution",
            first=2 * model.config.order,
        ),
    )


def _weights(model: Model) -> Iterator[tuple[str, str]]:
    products = {"OV": model.W_OV.cpu().numpy(), "QK": model.W_QK.cpu().numpy()}
    for kind, matrices in products.items():
        for layer, heads in enumerate(matrices):
            sizes = np.linalg.norm(heads, axis=(-2, -1))
            svg = weight_figures.matrices(
                f"{kind} of layer {layer}: head {sizes.argmax()} is the largest (Frobenius norm {sizes.max():.2f}), head "
                f"{sizes.argmin()} the smallest ({sizes.min():.2f})",
                matrices=heads,
                layer=layer,
                label=f"entry of {kind}",
            )
            yield f"{kind} matrices, layer {layer}", svg
    shares = (np.abs(products["OV"]) > 0.05).mean((-2, -1))
    layer, head = np.unravel_index(shares.argmax(), shares.shape)
    yield (
        "Entries of OV beyond ±0.05",
        figures.score_table(
            f"Head {head} of layer {layer} has the largest share of entries beyond ±0.05: {shares.max():.1%}",
            scores=shares,
            row="layer",
            column="head",
            label="share of entries of OV",
        ),
    )
    ranks = effective_rank(products["OV"])
    yield (
        "Singular values and effective ranks of OV",
        weight_figures.ranks(
            f"Mean effective rank of OV by layer: {_listed(ranks.mean(-1), '.1f')}",
            ranks=ranks,
            spectra=held_energy(products["OV"]),
            energy=0.95,
        ),
    )
    for kind, matrices in products.items():
        scores = eigenvalue_score(matrices)
        svg = figures.score_table(
            f"Mean eigenvalue score of {kind} by layer: {_listed(scores.mean(-1), '.2f')}",
            scores=scores,
            row="layer",
            column="head",
            label="eigenvalue score",
        )
        yield f"Eigenvalue scores of {kind}", svg


def _listed(values: np.ndarray, form: str) -> str:
    return ", ".join(f"{value:{form}}" for value in values)


def _composition(model: Model, seed: int) -> Iterator[tuple[str, str]]:
    output, qk = model.W_OV.cpu().numpy(), model.W_QK.cpu().numpy()
    layers, heads = output.shape[:2]
    pairs = list(combinations(range(layers), 2))
    kinds: tuple[Composition, ...] = ("q", "k", "v") if pairs else ()
    for kind in kinds:
        reader = input_matrices(output, qk, kind)
        scores = composition_scores(output, reader)
        early, late = max(pairs, key=lambda pair: scores[pair[0], :, pair[1]].mean())
        rng = np.random.default_rng(derive_seed(seed, "gallery", kind))
        chance = composition_chance(output[early], reader[late], rng=rng, draws=1).mean()
        mean = scores[early, :, late].mean()
        svg = weight_figures.composition(
            f"{kind.upper()}-composition is strongest between layers {early} and {late}: {mean:.3f} on average, "
            f"{mean / chance:.2f} × chance",
            scores=scores.reshape(layers * heads, layers * heads),
            chance=chance,
            n_heads=heads,
        )
        yield f"{kind.upper()}-composition", svg


def _errors(model: Model, seed: int) -> Iterator[tuple[str, str]]:
    errors = np.stack([_drawn(model, AT_EACH, seed, c=(c, c)).errors.cpu().numpy() for c in COEFFICIENTS])
    trained = np.abs(COEFFICIENTS) <= max(REFERENCE.c)
    far = np.abs(COEFFICIENTS) >= 3
    svg = errors_against_c(
        f"At 3 <= |c| <= 4 the MSE is {number(errors[far].mean() / errors[trained].mean())} × that in the trained range",
        c=COEFFICIENTS,
        mse=errors.mean(-1),
        spread=np.quantile(errors, [0.025, 0.975], axis=-1),
        trained=REFERENCE.c,
    )
    yield "Loss against c", svg
