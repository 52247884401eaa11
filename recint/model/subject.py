"""Affine recurrences: what the claims of a folder are about that names no other subject (`recint.judging.subject.Kind`)."""

from __future__ import annotations

import os

import torch

from recint import checkpoint as checkpoints
from recint.checkpoint import Checkpoint
from recint.model.preconditions import require_verifiable
from recint.model.transformer import Model

NAME = "affine recurrences"


def load(path: str | os.PathLike[str]) -> Checkpoint:
    """The checkpoint of a model that can read the reference recurrences.

    Raises:
        CheckpointError: it cannot be read, or its model cannot read them.
    """
    loaded = checkpoints.load(path)
    require_verifiable(loaded, os.fspath(path))
    return loaded


def model(checkpoint: Checkpoint, device: torch.device | str) -> Model:
    """The model of a checkpoint."""
    return Model(checkpoint, device=device)
