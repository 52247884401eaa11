"""What a checkpoint is, on disk and in memory, and how it is read and written.

Tensors have the property names of TransformerLens' former HookedTransformer (`blocks.0.attn.W_Q`, ...). Tensors of attention
have one dimension for the heads. `d_vocab` is the dimension of the recurrence.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from io import BytesIO
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import safetensors.torch
import torch
from torch import Tensor

from recint import refusals, state_dict
from recint.state_dict import SAFETENSORS, TORCH, StateDict
from recint.state_dict import CheckpointError as CheckpointError
from recint.system.files import write, write_folder
from recint.task import DIM, Task

_ACTIVATIONS = ("gelu_new", "gelu", "relu", "silu")
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
# The fields of a configuration that cannot be inferred from the shapes of tensors.
_NOT_IN_SHAPES = ("act_fn", "layer_norm_eps", "order")
_SHAPES = "its other tensors"
_LAYER_NORM = re.compile(r"\bln(1|2|_final)\.[wb]$")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The shape of a decoder-only transformer over vectors. The defaults are the notebook's model.

    Attributes:
        d_vocab: the dimension m of the vectors that the model embeds and predicts.
        order: the order k of the recurrences that the model was trained on.

    Raises:
        ValueError: a size is not a whole number of at least 1, the activation is unknown, or the epsilon is not in (0, 1).
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
        sizes = ("n_layers", "n_heads", "d_model", "d_head", "d_mlp", "n_ctx", "d_vocab", "order")
        refusals.require_sizes(**{name: getattr(self, name) for name in sizes})
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

    @property
    def weights(self) -> int:
        """How many numbers the tensors hold together. It is computed without a list of all names, for `n_layers` may be huge."""
        one, two = (sum(map(prod, replace(self, n_layers=layers).shapes.values())) for layers in (1, 2))
        return one + (self.n_layers - 1) * (two - one)


_FIELDS = {field.name for field in fields(ModelConfig)}


@dataclass(frozen=True, kw_only=True)
class TaskConfig(ModelConfig):
    """The shape of a model that was trained on another task than the notebook's, and this task.

    It is a class of its own, so that nothing changes for models of the notebook's task: their configuration is part of logs,
    verdict files and keys of caches.
    """

    task: Task


_KEYS = _FIELDS | {"task"}


def task_of(config: ModelConfig) -> Task:
    """What a model of this configuration was trained on: the notebook's task if the configuration does not say."""
    return config.task if isinstance(config, TaskConfig) else Task()


def with_task(config: ModelConfig, task: Task) -> ModelConfig:
    """The same shape with another task.

    >>> with_task(ModelConfig(), Task()) == ModelConfig()
    True
    """
    shape = {name: getattr(config, name) for name in _FIELDS}
    usual = task == Task() and config.d_vocab == DIM
    return ModelConfig(**shape) if usual else TaskConfig(**shape, task=task)


@dataclass(frozen=True)
class Checkpoint:
    """A named model: its shape and its tensors (float32, on the CPU).

    Attributes:
        path: the file or folder that it was read from; None if it was not read.
        told: the file that says what it was trained on; None if there was none.
        notes: sentences for the user on what was changed or assumed while the file was read.
    """

    name: str
    config: ModelConfig
    tensors: Mapping[str, Tensor]
    path: str | None = None
    told: str | None = None
    notes: tuple[str, ...] = ()

    subject: ClassVar[str] = ""  # the first subject: logs and verdict files do not name it

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the sorted (name, dtype, shape, bytes) of the tensors. It is the same in every file format."""
        return state_dict.sha256_of(self.tensors)


def require_notebook(checkpoint: Checkpoint) -> None:
    """Check that a checkpoint was trained on the notebook's task.

    Raises:
        CheckpointError: it was trained on another one.
    """
    if isinstance(checkpoint.config, TaskConfig):
        raise CheckpointError(
            f"{checkpoint.name}: was trained on recurrences of its own, but only models of the notebook's recurrences can be "
            "compared with the notebook and with the controls"
        )


def load(path: str | os.PathLike[str], *, task: str | os.PathLike[str] | None = None) -> Checkpoint:
    """Read a folder (config.json, model.safetensors), a bare `.safetensors` or a `.pth` state dict.

    A bare `.safetensors` that `save` has written has its configuration in its metadata. The dimensions of any other bare state
    dict are inferred from its shapes. Its activation, epsilon, order and task are then those of the notebook's model.

    Args:
        task: a JSON file that says what the model was trained on, for a checkpoint that does not say it: the fields of `Task`,
            and the order.

    Raises:
        CheckpointError: the file is missing, truncated or unsafe; a tensor is missing, not part of the model, of the wrong
            shape, or not finite; or the file of the task is wrong, or says something else than the checkpoint.
    """
    if not os.fspath(path):
        raise CheckpointError(
            f"checkpoint={path!r} is empty, but expected a folder, a .safetensors or a .pth state dict"
        )
    path = Path(path)
    try:
        loaded = _load(path)
        return loaded if task is None else _told(loaded, Path(task))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None


def save(checkpoint: Checkpoint, path: str | os.PathLike[str]) -> Path:
    """Write a `.pth`, a bare `.safetensors`, or (for any other name) a folder with config.json and model.safetensors.

    Every file is written whole or not at all. So is a folder that did not exist before.

    Raises:
        CheckpointError: a `.pth` is asked for, but the configuration has values that a state dict cannot hold.
    """
    path = Path(path)
    tensors = {key: tensor.clone().contiguous() for key, tensor in checkpoint.tensors.items()}
    config = _plain(checkpoint.config)
    # The bytes are made in memory and written by `write`: the libraries raise errors of other kinds, and cannot write to a pipe.
    if path.suffix in TORCH:
        usual = asdict(ModelConfig())
        lost = [f"{name}={config[name]!r}" for name in _NOT_IN_SHAPES if config[name] != usual[name]]
        if lost := [*lost, *(["its task"] if "task" in config else [])]:
            raise CheckpointError(
                f"{path}: a state dict cannot say {', '.join(lost)}, and would be read as another model; "
                "name a .safetensors or a folder"
            )
        buffer = BytesIO()
        torch.save(tensors, buffer)
        write(path, buffer.getvalue())
    elif path.suffix == SAFETENSORS:
        write(path, safetensors.torch.save(tensors, metadata={"config": json.dumps(config)}))
    else:
        write_folder(path, {_WEIGHTS: safetensors.torch.save(tensors), _CONFIG: json.dumps(config, indent=2) + "\n"})
    return path


def _plain(config: ModelConfig) -> dict[str, Any]:
    """The configuration as plain values for JSON."""
    shape = {name: value for name, value in asdict(config).items() if name != "task"}
    return shape | {"task": config.task.plain()} if isinstance(config, TaskConfig) else shape


def _load(path: Path) -> Checkpoint:
    notes: tuple[str, ...] = ()
    if path.is_dir():
        weights, config, implied_by = path / _WEIGHTS, _read_config(path), _CONFIG
        content = state_dict.read(weights)
    else:
        weights, content = path, state_dict.read(path)
        config, implied_by, notes = _bare_config(content, path)
    _check_shapes(content.tensors, config, weights, implied_by=implied_by)
    name = path.resolve().name if path.is_dir() else path.stem
    tensors = {key: content.tensors[key] for key in config.shapes}
    return Checkpoint(name, config, tensors, path=str(path), notes=(*content.notes, *notes))


def _read_config(folder: Path) -> ModelConfig:
    path = folder / _CONFIG
    if any(folder.glob("*.index.json")) and not (folder / _WEIGHTS).exists():
        raise CheckpointError(f"{folder}: the weights are split over several files; save them as one {_WEIGHTS}")
    state_dict.require_file(path, f"but a checkpoint folder holds {_CONFIG} and {_WEIGHTS}")
    values = state_dict.read_json(path)
    if not _is_ours(values):
        what = sorted(values.keys() - _KEYS) if isinstance(values, dict) else type(values).__name__
        raise CheckpointError(
            f"{path}: found {what}, but expected an object with keys among {sorted(_KEYS)}; a model of another kind is judged by "
            "claims of its own, in the folder that --hypotheses names"
        )
    return _parsed(values, path)


def _bare_config(content: StateDict, path: Path) -> tuple[ModelConfig, str, tuple[str, ...]]:
    """The configuration of a file without a config.json, what it was inferred from, and notes for the user."""
    if content.config is None:
        return _infer_config(content.tensors, path), _SHAPES, ()
    try:
        values = json.loads(content.config)
    except (ValueError, RecursionError):
        values = None
    if _is_ours(values):
        return _parsed(values, f"{path}, config in its metadata"), "its metadata", ()
    config = asdict(_infer_config(content.tensors, path))
    says = values if isinstance(values, dict) else {}
    if wrong := [f"{name}={says[name]!r}" for name in config if says.get(name, config[name]) != config[name]]:
        raise CheckpointError(
            f"{path}: config in its metadata is not recint's, and says {', '.join(wrong)}; "
            f"give a folder with {_CONFIG} and {_WEIGHTS}"
        )
    assumed = ", ".join(f"{name}={config[name]!r}" for name in _NOT_IN_SHAPES)
    return ModelConfig(**config), _SHAPES, (f"{path}: config in its metadata is not recint's; {assumed} are assumed",)


def _is_ours(values: Any) -> bool:
    return isinstance(values, dict) and values.keys() <= _KEYS


def _parsed(values: dict[str, Any], source: Path | str) -> ModelConfig:
    try:
        config = ModelConfig(**{name: value for name, value in values.items() if name != "task"})
        return with_task(config, Task.of(values["task"])) if "task" in values else config
    except ValueError as error:
        raise CheckpointError(f"{source}: {error}") from None


def read_task(path: str | os.PathLike[str]) -> tuple[Task, int | None]:
    """The task that a JSON file says, and the order of its recurrences; None if it does not say that.

    Raises:
        CheckpointError: the file cannot be read, or says no task.
    """
    says = state_dict.read_json(Path(path))
    given = {"order": says.pop("order")} if isinstance(says, dict) and "order" in says else {}
    try:
        return Task.of(says), ModelConfig(**given).order if given else None
    except ValueError as error:
        raise CheckpointError(f"{os.fspath(path)}: {error}") from None


def _told(loaded: Checkpoint, path: Path) -> Checkpoint:
    """The checkpoint with the task that a file says."""
    task, said = read_task(path)
    order = loaded.config.order if said is None else said
    config = with_task(replace(loaded.config, order=order), task)
    own = loaded.path is not None and (Path(loaded.path) / _CONFIG).exists()
    if config != loaded.config and (isinstance(loaded.config, TaskConfig) or (own and order != loaded.config.order)):
        raise CheckpointError(f"{path}: says another task than {loaded.path} itself; leave this file out")
    return replace(loaded, config=config, told=str(path))


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
    layers = {int(match[1]) for name in tensors if (match := re.match(r"blocks\.(\d{1,9})\.", name))}
    inferred = {
        "n_layers": max(layers) + 1,
        "n_heads": n_heads,
        "d_model": d_model,
        "d_head": d_head,
        "d_mlp": tensors["blocks.0.mlp.W_in"].shape[1],
        "n_ctx": tensors["pos_embed.W_pos"].shape[0],
        "d_vocab": d_vocab,
    }
    return _parsed(inferred, path)


def _check_shapes(tensors: dict[str, Tensor], config: ModelConfig, path: Path, *, implied_by: str) -> None:
    if config.n_layers > len(tensors):  # checked first: `shapes` makes a name for every tensor of every layer
        raise CheckpointError(f"{path}: holds {len(tensors)} tensors, too few for n_layers={config.n_layers}")
    shapes = config.shapes
    if missing := [name for name in shapes if name not in tensors]:
        folded = all(_LAYER_NORM.search(name) for name in missing)
        why = (
            "; if LayerNorm was folded into the weights, save the model without that (fold_ln=False)" if folded else ""
        )
        raise CheckpointError(f"{path}: {len(missing)} tensors are missing, the first of them {missing[0]}{why}")
    if extra := [name for name in tensors if name not in shapes]:
        raise CheckpointError(f"{path}: {len(extra)} tensors are not part of the model, the first of them {extra[0]}")
    for name, expected in shapes.items():
        if (shape := tuple(tensors[name].shape)) != expected:
            raise CheckpointError(f"{path}: {name} has shape {shape}, but {implied_by} implies {expected}")
