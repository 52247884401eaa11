"""A checkpoint of any TransformerBridge: named tensors, and the plain values that a bridge of its shape is built from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import safetensors.torch
from torch import Tensor

from recint import state_dict
from recint.state_dict import CheckpointError
from recint.system.files import write_folder

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

CONFIG, WEIGHTS = "config.json", "model.safetensors"
Config = TypeVar("Config")


@dataclass(frozen=True)
class Checkpoint:
    """A named model of a subject.

    Attributes:
        subject: what the claims about it are about, in a few words; not empty.
        config: a frozen dataclass of plain values, from which a bridge of this shape is built.
        tensors: float32, on the CPU, under the names of the bridge's `state_dict`.
        path: the folder that it was read from; None if it was not read.
        notes: sentences for the user on what was changed or assumed while it was read.
    """

    subject: str
    name: str
    config: Any
    tensors: Mapping[str, Tensor]
    path: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the sorted (name, dtype, shape, bytes) of the tensors."""
        return state_dict.sha256_of(self.tensors)


def load(
    path: str | os.PathLike[str],
    config: type[Config],
    build: Callable[[Config], TransformerBridge],
    *,
    subject: str,
) -> Checkpoint:
    """Read a folder with config.json and model.safetensors, as `save` has written it.

    Args:
        config: the dataclass whose fields config.json has. It raises ValueError, in one sentence, if a value is wrong.
        build: builds a bridge of a configuration; its tensors say which names and shapes are expected.
        subject: see `Checkpoint`.

    Raises:
        CheckpointError: in one sentence: a file is missing, damaged or of another kind of model; a tensor is missing, not part
            of the model, of the wrong shape, or not finite.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder, but one with {CONFIG} and {WEIGHTS} is expected")
    chosen = _config(folder / CONFIG, config, subject)
    held = state_dict.read(folder / WEIGHTS)
    _require_shapes(folder / WEIGHTS, held.tensors, build(chosen).state_dict())
    return Checkpoint(subject, folder.resolve().name, chosen, held.tensors, path=str(path), notes=held.notes)


def save(checkpoint: Checkpoint, path: str | os.PathLike[str]) -> Path:
    """Write a folder with config.json and model.safetensors, both or none of them. Each file is written whole or not at all."""
    folder = Path(path)
    tensors = {name: tensor.clone().contiguous() for name, tensor in checkpoint.tensors.items()}
    config = json.dumps(asdict(checkpoint.config), indent=2) + "\n"
    write_folder(folder, {WEIGHTS: safetensors.torch.save(tensors), CONFIG: config})
    return folder


def _config(path: Path, config: type[Config], subject: str) -> Config:
    state_dict.require_file(path, f"but a folder with {CONFIG} and {WEIGHTS} is expected")
    known = {field.name for field in fields(config)}  # type: ignore[arg-type]
    values = state_dict.read_json(path)
    if not isinstance(values, dict) or set(values) != known:
        found = sorted(values) if isinstance(values, dict) else type(values).__name__
        raise CheckpointError(f"{path}: found {found}, but a model for claims about {subject} has {sorted(known)}")
    try:
        return config(**values)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}") from None


def _require_shapes(path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    if missing := sorted(set(expected) - set(tensors)):
        raise CheckpointError(f"{path}: {len(missing)} tensors are missing, the first of them {missing[0]}")
    if extra := sorted(set(tensors) - set(expected)):
        raise CheckpointError(f"{path}: {len(extra)} tensors are not part of the model, the first of them {extra[0]}")
    for name, tensor in expected.items():
        if (shape := tuple(tensors[name].shape)) != tuple(tensor.shape):
            raise CheckpointError(f"{path}: {name} has shape {shape}, but {CONFIG} implies {tuple(tensor.shape)}")
