"""Which checkpoints the claims can be judged on, and which claims apply to a model."""

from __future__ import annotations

from functools import partial
from typing import Any

from recint.checkpoint import Checkpoint, CheckpointError, ModelConfig, TaskConfig, task_of
from recint.claim import Claim
from recint.domain import Domain, reference_of
from recint.judging import claim as engine
from recint.judging.claim import Unmet
from recint.judging.reductions import REDUCTIONS
from recint.model.gain import error_and_copying
from recint.recurrence import REFERENCE
from recint.task import LEAST_LENGTH, MOST_DIM, MOST_LENGTH


def require_verifiable(checkpoint: Checkpoint, path: str) -> None:
    """Check that claims can be judged on the task of a model, and that the model can read its recurrences.

    Args:
        path: names the checkpoint in the error.

    Raises:
        CheckpointError: the task is wrong, too large or too small, or the model cannot read its recurrences.
    """
    config, wrong = checkpoint.config, partial(_wrong, path)
    if not isinstance(config, TaskConfig) and (found := misfit(config)):
        raise wrong(f"{found}; if it was trained on another task, say so in its config.json or with --task")
    try:
        task = reference_of(config)
    except ValueError as error:
        raise wrong(str(error)) from None
    if config.d_vocab > MOST_DIM:
        raise wrong(f"d_vocab={config.d_vocab}, but claims are judged on recurrences in at most {MOST_DIM} dimensions")
    if not LEAST_LENGTH <= task.length <= MOST_LENGTH:
        raise wrong(
            f"length={task.length}, but claims are judged on sequences of {LEAST_LENGTH} to {MOST_LENGTH} terms"
        )
    if config.n_ctx < task.length - 1:
        raise wrong(f"n_ctx={config.n_ctx}, but sequences of length={task.length} need {task.length - 1} positions")
    if task.shortest > task.length:
        raise wrong(
            f"order={config.order}, but the task's sequences have length={task.length}, "
            f"which leaves nothing to predict from position {task.first} on"
        )


def _wrong(path: str, what: str) -> CheckpointError:
    return CheckpointError(f"{path}: {what}")


def misfit(config: ModelConfig) -> str:
    """Why a model of this shape cannot read the notebook's recurrences; empty if it can."""
    if config.d_vocab != REFERENCE.dim:
        return f"d_vocab={config.d_vocab}, but the recurrences of the claims have dimension {REFERENCE.dim}"
    if config.n_ctx < REFERENCE.length - 1:
        return f"n_ctx={config.n_ctx}, but sequences of length={REFERENCE.length} need {REFERENCE.length - 1} positions"
    if 2 * config.order + 2 > REFERENCE.length:
        return (
            f"order={config.order}, but the claims' sequences have length={REFERENCE.length}, "
            f"which leaves nothing to predict from position {2 * config.order} on"
        )
    return ""


def unmet(claim: engine.Claim, model: Any, *, untrained: bool = False) -> str:
    """One sentence that says why a claim does not apply to a model; empty if the claim applies.

    Args:
        untrained: true for an untrained model. Claims about the gain over copying apply to it although it has no gain.
    """
    config = model.config
    if missing := [layer for layer in claim.layers if layer >= config.n_layers]:
        return f"{claim.id}: speaks of layer {missing[0]}, but the model has {config.n_layers} of them"
    if missing := [head for head in claim.heads if head >= config.n_heads]:
        return f"{claim.id}: speaks of head {missing[0]}, but the model has {config.n_heads} of them"
    if REDUCTIONS[claim.reduction].compares_heads and config.n_heads < 2:
        return f"{claim.id}: compares the heads of a layer, but the model has 1 of them"
    assert isinstance(claim, Claim)
    family = task_of(config).family
    if claim.families and family not in claim.families:
        return (
            f"{claim.id}: speaks of {', '.join(claim.families)} recurrences, but the model was trained on {family} ones"
        )
    if claim.quantifier != "weights":
        try:
            for domain in (claim.domain, *(contrast.domain for contrast in claim.contrasts if contrast.domain)):
                assert isinstance(domain, Domain)
                domain.on(config)
        except Unmet as why:
            return f"{claim.id}: {why}"
    if claim.orders and config.order not in claim.orders:
        return f"{claim.id}: speaks of recurrences of order {claim.orders[0]}, but the model has order={config.order}"
    if claim.mse_ratio or (claim.loss_share and not untrained):
        error, copying = error_and_copying(model)
        if error >= copying:
            return (
                f"{claim.id}: speaks of {'ratios of MSEs' if claim.mse_ratio else 'what the model gains over copying'}, but the "
                f"model's MSE of {error:.2g} does not beat the {copying:.2g} of predicting a_i"
            )
    return ""
