"""Files <-> tensors: what a checkpoint is, on disk and in memory.

Tensors carry the property names of TransformerLens' former HookedTransformer (`blocks.0.attn.W_Q`, ...), with a
dimension per head; `d_vocab` is the dimension of the recurrence. Nothing here ever unpickles code.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from recint.files import atomic, write

# Buffers of the former HookedTransformer: constants, not weights.
_BUFFERS = (".attn.mask", ".attn.IGNORE")
_ACTIVATIONS = ("gelu_new", "gelu", "relu", "silu")


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message is one sentence that names the file, what was found and what was expected."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Shape of a decoder-only transformer over vectors; defaults are the notebook's model.

    Attributes:
        d_vocab: dimension m of the recurrence: the size of what is embedded and predicted.
        order: order k of the recurrences that the model was trained on.
    """

    n_layers: int = 3
    n_heads: int = 8
    d_model: int = 128
    d_head: int = 64
    d_mlp: int = 3072
    n_ctx: int = 32
    d_vocab: int = 40
    act_fn: str = "gelu_new"
    layer_norm_eps: float = 1e-5
    order: int = 1

    def __post_init__(self) -> None:
        for name in ("n_layers", "n_heads", "d_model", "d_head", "d_mlp", "n_ctx", "d_vocab", "order"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name}={value!r} must be a whole number of at least 1")
        if self.act_fn not in _ACTIVATIONS:
            raise ValueError(f"act_fn={self.act_fn!r} must be one of {', '.join(_ACTIVATIONS)}")
        eps = self.layer_norm_eps
        if not isinstance(eps, int | float) or isinstance(eps, bool) or not 0 < eps < 1:
            raise ValueError(f"layer_norm_eps={eps!r} must be a number between 0 and 1")

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The name and shape of every tensor, in the order of a forward pass."""
        per_head = {"W": (self.n_heads, self.d_model, self.d_head), "b": (self.n_heads, self.d_head)}
        shapes: dict[str, tuple[int, ...]] = {
            "embed.W_E": (self.d_vocab, self.d_model),
            "pos_embed.W_pos": (self.n_ctx, self.d_model),
        }
        for layer in range(self.n_layers):
            block = f"blocks.{layer}"
            for norm in ("ln1", "ln2"):
                shapes |= {f"{block}.{norm}.w": (self.d_model,), f"{block}.{norm}.b": (self.d_model,)}
            for letter in "QKV":
                shapes |= {f"{block}.attn.{kind}_{letter}": shape for kind, shape in per_head.items()}
            shapes |= {
                f"{block}.attn.W_O": (self.n_heads, self.d_head, self.d_model),
                f"{block}.attn.b_O": (self.d_model,),
                f"{block}.mlp.W_in": (self.d_model, self.d_mlp),
                f"{block}.mlp.b_in": (self.d_mlp,),
                f"{block}.mlp.W_out": (self.d_mlp, self.d_model),
                f"{block}.mlp.b_out": (self.d_model,),
            }
        return shapes | {
            "ln_final.w": (self.d_model,),
            "ln_final.b": (self.d_model,),
            "unembed.W_U": (self.d_model, self.d_vocab),
            "unembed.b_U": (self.d_vocab,),
        }


@dataclass(frozen=True)
class Checkpoint:
    """A named model: its shape, its tensors (float32, on the CPU), and the path it was read from, if any."""

    name: str
    config: ModelConfig
    tensors: Mapping[str, Tensor]
    path: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))

    @property
    def sha256(self) -> str:
        """Hash of the sorted (name, dtype, shape, bytes) of the tensors: the same in every file format."""
        digest = sha256()
        for name in sorted(self.tensors):
            tensor = self.tensors[name].contiguous()
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.numpy().tobytes())
        return digest.hexdigest()


def load(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a folder (config.json, model.safetensors), a bare `.safetensors` or a `.pth` state dict.

    A bare `.safetensors` of ours has its configuration in its metadata. The dimensions of any other bare state dict are read off
    its shapes; activation, epsilon and order are then the notebook's.

    Raises:
        CheckpointError: missing, truncated or unsafe file; missing, extra, misshapen or non-finite tensors.
    """
    path = Path(path)
    if path.is_dir():
        weights = path / "model.safetensors"
        told = _read_config(path / "config.json"), "config.json"
    else:
        weights, told = path, None
    tensors = _clean(_read_tensors(weights), weights)
    config, implied_by = told or _bare_config(tensors, weights)
    _check_shapes(tensors, config, weights, implied_by=implied_by)
    name = path.resolve().name if path.is_dir() else path.stem
    return Checkpoint(name, config, {key: tensors[key] for key in config.shapes}, path=str(path))


def save(checkpoint: Checkpoint, path: str | os.PathLike[str]) -> Path:
    """Write a `.pth`, a bare `.safetensors`, or (any other name) a folder with config.json and model.safetensors.

    Every file appears whole or not at all.
    """
    path = Path(path)
    tensors = {key: tensor.clone().contiguous() for key, tensor in checkpoint.tensors.items()}
    if path.suffix == ".pth":
        with atomic(path) as temporary:
            torch.save(tensors, temporary)
    elif path.suffix == ".safetensors":
        with atomic(path) as temporary:
            safetensors.torch.save_file(tensors, temporary, metadata={"config": json.dumps(asdict(checkpoint.config))})
    else:
        path.mkdir(parents=True, exist_ok=True)
        with atomic(path / "model.safetensors") as temporary:
            safetensors.torch.save_file(tensors, temporary)
        write(path / "config.json", json.dumps(asdict(checkpoint.config), indent=2) + "\n")
    return path


def _read_config(path: Path) -> ModelConfig:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file, but a checkpoint folder holds config.json and model.safetensors")
    try:
        return _parsed(path.read_text(), path)
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: not JSON ({error})") from None


def _bare_config(tensors: dict[str, Tensor], path: Path) -> tuple[ModelConfig, str]:
    """The configuration of a file that has none beside it, and what told it."""
    if path.suffix == ".safetensors" and (config := _read_metadata(path)):
        return config, "its metadata"
    return _infer_config(tensors, path), "its other tensors"


def _read_metadata(path: Path) -> ModelConfig | None:
    """The configuration that a whole safetensors file brings along, if it does."""
    with safetensors.safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get("config")
    return None if text is None else _parsed(text, f"{path}, config in its metadata")


def _parsed(text: str, path: Path | str) -> ModelConfig:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path}: not JSON ({error})") from None
    known = {field.name for field in fields(ModelConfig)}
    if not isinstance(values, dict) or not values.keys() <= known:
        found = sorted(values.keys() - known) if isinstance(values, dict) else type(values).__name__
        raise CheckpointError(f"{path}: found {found}, but expected an object with keys among {sorted(known)}")
    try:
        return ModelConfig(**values)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file, but expected a folder, a .safetensors or a .pth state dict")
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(path)
        except (safetensors.SafetensorError, OSError) as error:
            raise CheckpointError(f"{path}: not a whole safetensors file ({error})") from None
    if path.suffix not in (".pth", ".pt"):
        raise CheckpointError(f"{path}: the name ends in {path.suffix!r}, but expected a folder, .safetensors or .pth")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's remarks on old pickles, which it then refuses
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path}: not a plain state dict: it holds objects other than tensors, which could run code when loaded, "
            f"or is damaged; save it again with torch.save(model.state_dict(), ...)"
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path}: not a whole state dict of torch.save ({(str(error) or type(error).__name__).splitlines()[0]})"
        ) from None
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise CheckpointError(f"{path}: holds {type(loaded).__name__}, but expected a state dict of names and tensors")
    return loaded


def _clean(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Drop buffers and the prefix of DataParallel; refuse what is not finite."""
    prefix = "module."
    if tensors and all(name.startswith(prefix) for name in tensors):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    weights = {name: tensor.detach() for name, tensor in tensors.items() if not name.endswith(_BUFFERS)}
    for name, tensor in weights.items():
        if not tensor.is_floating_point():
            raise CheckpointError(f"{path}: {name} holds {tensor.dtype}, but expected floating-point weights")
        if not torch.isfinite(tensor).all():
            count = int((~torch.isfinite(tensor)).sum())
            raise CheckpointError(f"{path}: {name} holds {count} NaN or infinite values, but expected finite weights")
    return {name: tensor.float().contiguous() for name, tensor in weights.items()}


def _infer_config(tensors: dict[str, Tensor], path: Path) -> ModelConfig:
    needed = {"embed.W_E": 2, "pos_embed.W_pos": 2, "blocks.0.attn.W_Q": 3, "blocks.0.mlp.W_in": 2}
    for name, dimensions in needed.items():
        if name not in tensors:
            some = ", ".join(list(tensors)[:3]) or "nothing"
            raise CheckpointError(
                f"{path}: no tensor {name} (found {some}, ...), but expected the property names of HookedTransformer"
            )
        if tensors[name].ndim != dimensions:
            raise CheckpointError(
                f"{path}: {name} has shape {tuple(tensors[name].shape)}, but expected {dimensions} dimensions"
            )
    d_vocab, d_model = tensors["embed.W_E"].shape
    n_heads, _, d_head = tensors["blocks.0.attn.W_Q"].shape
    layers = {int(match[1]) for name in tensors if (match := re.match(r"blocks\.(\d+)\.", name))}
    return ModelConfig(
        n_layers=max(layers) + 1,
        n_heads=n_heads,
        d_model=d_model,
        d_head=d_head,
        d_mlp=tensors["blocks.0.mlp.W_in"].shape[1],
        n_ctx=tensors["pos_embed.W_pos"].shape[0],
        d_vocab=d_vocab,
    )


def _check_shapes(tensors: dict[str, Tensor], config: ModelConfig, path: Path, *, implied_by: str) -> None:
    shapes = config.shapes
    if missing := [name for name in shapes if name not in tensors]:
        raise CheckpointError(f"{path}: {len(missing)} tensors are missing, the first of them {missing[0]}")
    if extra := [name for name in tensors if name not in shapes]:
        raise CheckpointError(f"{path}: {len(extra)} tensors are not part of the model, the first of them {extra[0]}")
    for name, expected in shapes.items():
        if (found := tuple(tensors[name].shape)) != expected:
            raise CheckpointError(f"{path}: {name} has shape {found}, but {implied_by} implies {expected}")
