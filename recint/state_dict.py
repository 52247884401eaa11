"""Read a file as named tensors, in float32 on the CPU. Nothing here unpickles objects that could run code."""

from __future__ import annotations

import json
import os
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from recint.system.files import is_text

TORCH = (".pth", ".pt")
SAFETENSORS = ".safetensors"

# Buffers of the former HookedTransformer: constants, not weights.
_BUFFERS = (".attn.mask", ".attn.IGNORE")
_FIRST = "embed.W_E"
# The keys under which training scripts save the state dict of the model, next to that of the optimiser.
_NESTED = ("model", "state_dict", "model_state_dict")
_POINTER = b"version https://git-lfs.github.com/spec/"


class CheckpointError(ValueError):
    """A checkpoint cannot be used. The message is one sentence: the file, what is in it, and what was expected."""


@dataclass(frozen=True)
class StateDict:
    """The weights that a file holds.

    Attributes:
        config: the entry `config` of the metadata of a `.safetensors`; None if there is none.
        notes: sentences for the user on what was changed while the file was read.
    """

    tensors: dict[str, Tensor]
    config: str | None = None
    notes: tuple[str, ...] = ()


def read(path: Path) -> StateDict:
    """Read a `.safetensors`, or a `.pth` or `.pt` that torch.save has written, without the buffers.

    Raises:
        CheckpointError: the file is missing, damaged or unsafe, or a tensor is not made of finite floating-point numbers.
    """
    require_file(path, "but expected a folder, a .safetensors or a .pth state dict")
    config, notes = None, []
    if path.suffix == SAFETENSORS:
        tensors, config = _safetensors(path)
    elif path.suffix in TORCH:
        loaded, key = _unnested(_torch(path), path)
        tensors = _plain(loaded, path)
        notes += [f"{path}: holds more than a state dict; the one under {key!r} is read"] if key else []
    else:
        raise CheckpointError(f"{path}: the name ends in {path.suffix!r}, but expected a folder, .safetensors or .pth")
    if prefix := _prefix(tensors):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
        notes.append(f"{path}: every name begins with {prefix!r}, which is left out")
    size = path.stat().st_size
    weights = {name: tensor for name, tensor in tensors.items() if not name.endswith(_BUFFERS)}
    return StateDict(
        {name: _weight(name, tensor, path, most=size) for name, tensor in weights.items()}, config, tuple(notes)
    )


def sha256_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the sorted (name, dtype, shape, bytes) of tensors. It is the same in every file format."""
    digest = sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def require_file(path: Path, expected: str) -> None:
    """Raises CheckpointError if there is no regular file, or if it is only a pointer of Git LFS."""
    if not path.exists():
        raise CheckpointError(f"{path}: no such file, {expected}")
    if not path.is_file():
        raise CheckpointError(f"{path}: is not a regular file, {expected}; save what comes from a pipe to a file first")
    if _begin(path, len(_POINTER)) == _POINTER:
        raise CheckpointError(
            f"{path}: is a Git LFS pointer, but expected the file itself; fetch it with `git lfs pull`"
        )


class _NotFinite(ValueError):
    pass


def require_text(name: str, path: str | os.PathLike[str]) -> None:
    """Raises CheckpointError if the name of a checkpoint, which is part of every output, is no text in UTF-8."""
    if not is_text(name):
        raise CheckpointError(
            f"{os.fspath(path)}: {name!r} is no text in UTF-8, but the name of a checkpoint must be: rename it"
        )


def read_json(path: Path) -> Any:
    """The value that a file of JSON holds.

    Raises:
        CheckpointError: it cannot be read, is not JSON, or holds a number that is not finite.
    """
    require_file(path, "but a file of JSON is expected")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), parse_float=_finite, parse_constant=_finite)
    except _NotFinite as error:
        raise CheckpointError(f"{path}: {error}") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not JSON ({error})") from None


def _finite(text: str) -> float:
    """The number that a text of JSON is. Python also reads NaN and Infinity there, and 1e999 as infinity."""
    if not isfinite(value := float(text)):
        raise _NotFinite(f"holds the number {text}, but expected finite numbers")
    return value


def _begin(path: Path, count: int = 16) -> bytes:
    with path.open("rb") as file:
        return file.read(count)


def _safetensors(path: Path) -> tuple[dict[str, Tensor], str | None]:
    try:
        with _named_in_utf8(path) as named:
            with safetensors.safe_open(named, framework="pt") as file:
                config = (file.metadata() or {}).get("config")
            return safetensors.torch.load_file(named), config
    except Exception as error:
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({_first_line(error)}); it begins with {_begin(path)!r}"
        ) from None


@contextmanager
def _named_in_utf8(path: Path) -> Iterator[Path]:
    """The path, or a link to its file if it is not in UTF-8: safetensors opens no other path."""
    if is_text(path):
        yield path
        return
    with TemporaryDirectory() as folder:
        link = Path(folder, "weights")
        link.symlink_to(path.absolute())
        yield link


def _torch(path: Path) -> Any:
    begin = _begin(path)
    if not begin.startswith((b"PK", b"\x80")):  # a zip archive, or the pickle of earlier versions of torch
        reason = f"begins with {begin!r}" if begin else "is empty"
        raise CheckpointError(f"{path}: not a state dict of torch.save: the file {reason}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of old pickles and then refuses them: the error is enough
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path}: not a plain state dict: it holds objects other than tensors, which could run code when loaded, "
            f"or is damaged; save it again with torch.save(model.state_dict(), ...)"
        ) from None
    except Exception as error:  # bytes that are not a pickle raise errors of nearly every kind
        raise CheckpointError(f"{path}: not a whole state dict of torch.save ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _unnested(loaded: Any, path: Path) -> tuple[Any, str | None]:
    """The state dict in the checkpoint of a training script, and its key; the object itself and None if it is not nested."""
    if not isinstance(loaded, Mapping):
        return loaded, None
    keys = [key for key in _NESTED if isinstance(loaded.get(key), Mapping)]
    if len(keys) > 1:
        raise CheckpointError(
            f"{path}: holds state dicts under {' and '.join(map(repr, keys))}, but expected one; save it alone"
        )
    return (loaded[keys[0]], keys[0]) if keys else (loaded, None)


def _plain(loaded: Any, path: Path) -> dict[str, Tensor]:
    if not isinstance(loaded, Mapping):
        raise CheckpointError(f"{path}: holds {type(loaded).__name__}, but expected a state dict of names and tensors")
    for name, tensor in loaded.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise CheckpointError(
                f"{path}: holds {type(tensor).__name__} under {name!r}, but expected a state dict of names and tensors"
            )
    return dict(loaded)


def _prefix(tensors: Mapping[str, Tensor]) -> str:
    """The prefix that a wrapper (DataParallel, torch.compile, Lightning) has put before every name; empty if there is none."""
    prefixes = {name.removesuffix(_FIRST) for name in tensors if name == _FIRST or name.endswith(f".{_FIRST}")}
    prefix = prefixes.pop() if len(prefixes) == 1 else ""
    return prefix if all(name.startswith(prefix) for name in tensors) else ""


def _weight(name: str, tensor: Tensor, path: Path, *, most: int) -> Tensor:
    """A tensor as float32.

    Args:
        most: the most values that the tensor may have: the size of the file in bytes, since every value takes at least one.
    """
    if tensor.is_meta or tensor.is_nested or tensor.layout is not torch.strided:
        content = "no numbers" if tensor.is_meta else f"a tensor of layout {tensor.layout}"
        raise CheckpointError(f"{path}: {name} holds {content}, but expected plain floating-point weights")
    if not tensor.is_floating_point():
        raise CheckpointError(f"{path}: {name} holds {tensor.dtype}, but expected floating-point weights")
    if tensor.numel() > most:
        raise CheckpointError(f"{path}: {name} has shape {tuple(tensor.shape)}, but the file has {most} bytes only")
    try:
        weight = tensor.detach().float().contiguous()
    except RuntimeError:
        raise CheckpointError(f"{path}: {name} holds {tensor.dtype}, which cannot be read as float32") from None
    # The float32 values are checked, since they are computed with: a finite number of float64 may be infinite in float32.
    if count := int((~torch.isfinite(weight)).sum()):
        raise CheckpointError(
            f"{path}: {name} holds {count} NaN or infinite values in float32, but expected finite weights"
        )
    return weight
