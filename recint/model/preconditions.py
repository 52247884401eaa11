"""Which checkpoints the claims can be judged on, and which claims apply to a model."""

from __future__ import annotations

from typing import Any

from recint.checkpoint import Checkpoint, CheckpointError
from recint.claim import Claim
from recint.domain import shortest
from recint.judging import claim as engine
from recint.judging.reductions import REDUCTIONS
from recint.model.gain import error_and_copying
from recint.recurrence import REFERENCE


def require_verifiable(checkpoint: Checkpoint, path: str) -> None:
    """Check that a model of this shape can read the reference recurrences.

    Args:
        path: names the checkpoint in the error.

    Raises:
        CheckpointError: the model has another dimension, is too short, or is of too high an order.
    """
    config = checkpoint.config
    if config.d_vocab != REFERENCE.dim:
        raise CheckpointError(
            f"{path}: d_vocab={config.d_vocab}, but the recurrences of the claims have dimension {REFERENCE.dim}"
        )
    if config.n_ctx < REFERENCE.length - 1:
        raise CheckpointError(
            f"{path}: n_ctx={config.n_ctx}, but sequences of length={REFERENCE.length} need {REFERENCE.length - 1} positions"
        )
    if shortest(config.order) > REFERENCE.length:
        raise CheckpointError(
            f"{path}: order={config.order}, but the claims' sequences have length={REFERENCE.length}, "
            f"which leaves nothing to predict from position {2 * config.order} on"
        )


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
    if claim.quantifier != "weights" and claim.domain.length[1] < shortest(config.order):
        return (
            f"{claim.id}: speaks of {claim.domain.length[1]} terms, but at order={config.order} "
            f"nothing can be predicted from fewer than {shortest(config.order)}"
        )
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
