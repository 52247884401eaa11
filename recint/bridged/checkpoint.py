"""A checkpoint of any TransformerBridge: named tensors, and the plain values that a bridge of its shape is built from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import safetensors.torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from recint import state_dict
from recint.state_dict import CheckpointError
from recint.system.files import write_folder

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

CONFIG, WEIGHTS = "config.json", "model.safetensors"
Config = TypeVar("Config")
# The kinds of fields of a configuration that are checked, with what JSON gives for them. Other kinds are left to the configuration.
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "text"),
    "bool": ((bool,), "true or false"),
}
# A bridge may make its tensors twice, from those of the model in it. More than so many times what a file holds is another model.
_TIMES = 4


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
        config: the dataclass whose fields config.json has, of the kinds that they are annotated with. It raises ValueError, in one
            sentence, if a value is wrong.
        build: builds a bridge of a configuration; its tensors say which names and shapes are expected.
        subject: see `Checkpoint`.

    Raises:
        CheckpointError: in one sentence: a file is missing, damaged or of another kind of model; no model can be built of the
            configuration, or only one that is larger than the tensors; a tensor is missing, not part of the model, of the wrong
            shape, or not finite.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder, but one with {CONFIG} and {WEIGHTS} is expected")
    chosen = _config(folder / CONFIG, config, subject)
    held = state_dict.read(folder / WEIGHTS)
    _require_shapes(folder / WEIGHTS, held.tensors, _built(chosen, build, held.tensors, folder / CONFIG))
    return Checkpoint(subject, folder.resolve().name, chosen, held.tensors, path=str(path), notes=held.notes)


def save(checkpoint: Checkpoint, path: str | os.PathLike[str]) -> Path:
    """Write config.json and model.safetensors to a folder. Each is written whole or not at all; in a new folder, both or none."""
    folder = Path(path)
    tensors = {name: tensor.clone().contiguous() for name, tensor in checkpoint.tensors.items()}
    config = json.dumps(asdict(checkpoint.config), indent=2) + "\n"
    write_folder(folder, {WEIGHTS: safetensors.torch.save(tensors), CONFIG: config})
    return folder


def _config(path: Path, config: type[Config], subject: str) -> Config:
    state_dict.require_file(path, f"but a folder with {CONFIG} and {WEIGHTS} is expected")
    kinds = {field.name: getattr(field.type, "__name__", field.type) for field in fields(config)}  # type: ignore[arg-type]
    values = state_dict.read_json(path)
    if not isinstance(values, dict) or set(values) != set(kinds):
        found = f"{sorted(values)}" if isinstance(values, dict) else type(values).__name__
        differ = f"; they differ in {', '.join(sorted(set(kinds) ^ set(values)))}" if isinstance(values, dict) else ""
        raise CheckpointError(
            f"{path}: found {found}, but a model for claims about {subject} has {sorted(kinds)}{differ}"
        )
    for name, kind in kinds.items():
        if kind in _KINDS and not _is_of(values[name], *_KINDS[kind][0]):
            raise CheckpointError(f"{path}: {name}={values[name]!r} must be {_KINDS[kind][1]}")
    try:
        return config(**values)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}") from None


def _is_of(value: Any, *kinds: type) -> bool:
    """Whether a value is of one of these kinds; true and false are no numbers."""
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _built(
    config: Any, build: Callable[[Any], TransformerBridge], held: Mapping[str, Tensor], path: Path
) -> Mapping[str, Tensor]:
    """The tensors of a bridge of a configuration. It is built only as far as it is no larger than the tensors that a file holds."""
    numbers = sum(tensor.numel() for tensor in held.values())
    try:
        with _of_at_most(_TIMES * numbers):
            return build(config).state_dict()
    except _TooLarge:
        raise CheckpointError(
            f"{path}: {_said(config)} make a model of more numbers than the {numbers:,} that {WEIGHTS} holds"
        ) from None
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise CheckpointError(f"{path}: no model can be built of {_said(config)} ({reason})") from None


class _TooLarge(Exception):
    """A model is too large to be built."""


@contextmanager
def _of_at_most(numbers: int) -> Iterator[None]:
    """Inside the block, modules get parameters of at most so many numbers together; the next one raises _TooLarge.

    PyTorch tells a parameter before it is filled, so that the memory of one that is too large is never used.
    """
    left = numbers

    def count(module: nn.Module, name: str, parameter: Tensor | None) -> None:
        nonlocal left
        left -= 0 if parameter is None else parameter.numel()
        if left < 0:
            raise _TooLarge

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


def _said(config: Any) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in asdict(config).items())


def _require_shapes(path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    if missing := sorted(set(expected) - set(tensors)):
        raise CheckpointError(f"{path}: {len(missing)} tensors are missing, the first of them {missing[0]}")
    if extra := sorted(set(tensors) - set(expected)):
        raise CheckpointError(f"{path}: {len(extra)} tensors are not part of the model, the first of them {extra[0]}")
    for name, tensor in expected.items():
        if (shape := tuple(tensors[name].shape)) != tuple(tensor.shape):
            raise CheckpointError(f"{path}: {name} has shape {shape}, but {CONFIG} implies {tuple(tensor.shape)}")
