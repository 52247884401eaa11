"""Recurrences: what the claims of a folder are about that names no other subject (`recint.judging.subject.Kind`)."""

from __future__ import annotations

import os

import torch

from recint import checkpoint as checkpoints
from recint.checkpoint import Checkpoint
from recint.model.preconditions import require_verifiable
from recint.model.transformer import Model

NAME = "recurrences"


def load(path: str | os.PathLike[str], *, task: str | None = None) -> Checkpoint:
    """The checkpoint of a model that can read the recurrences of its task.

    Args:
        task: the file that says what it was trained on, if it does not say it itself.

    Raises:
        CheckpointError: it cannot be read, or its model cannot read them.
    """
    loaded = checkpoints.load(path, task=task)
    require_verifiable(loaded, os.fspath(path))
    return loaded


def model(checkpoint: Checkpoint, device: torch.device | str) -> Model:
    """The model of a checkpoint."""
    return Model(checkpoint, device=device)
