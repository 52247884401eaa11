"""The identity of a checkpoint: its tensors, and the part of its configuration that the tensors do not determine.

With another order, activation, epsilon or task, the same tensors are another model and get other verdicts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

# The fields of the configuration that the shapes of the tensors do not determine, with the values if nothing else is given.
USUAL: Mapping[str, Any] = {"act_fn": "gelu_new", "layer_norm_eps": 1e-5, "order": 1}


def undetermined(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the configuration that the tensors do not determine, of a checkpoint as in the log or a verdict file.

    Of a subject that is named, which may be any, it is the whole configuration. A field without a value says nothing and is left
    out, since TOML has no word for it.

    >>> undetermined({"name": "m", "sha256": "ab...", "config": {"order": 2}})
    {'act_fn': 'gelu_new', 'layer_norm_eps': 1e-05, 'order': 2}
    """
    config = checkpoint.get("config") or {}
    if checkpoint.get("subject"):
        return cast(dict[str, Any], _valued(config))
    task = {"task": config["task"]} if "task" in config else {}  # old checkpoints do not say it: it is the notebook's
    return {name: config.get(name, usual) for name, usual in USUAL.items()} | task


def _valued(value: Any) -> Any:
    """The same value without fields that are None, at every depth."""
    if isinstance(value, Mapping):
        return {name: _valued(inner) for name, inner in value.items() if inner is not None}
    return [_valued(inner) for inner in value] if isinstance(value, list | tuple) else value


def identity(checkpoint: Mapping[str, Any]) -> str:
    """A text that is equal for two checkpoints if and only if they are the same model.

    >>> identity({"name": "m", "sha256": "ab...", "config": {"order": 2}})
    'ab... act_fn=gelu_new layer_norm_eps=1e-05 order=2'
    """
    return " ".join([checkpoint["sha256"], *(_said(*each) for each in undetermined(checkpoint).items())])


def brief(checkpoint: Mapping[str, Any], *, digits: int) -> str:
    """A short form of the identity: the first digits of the hash, and the values that are not the usual ones.

    >>> brief({"name": "m", "sha256": "abcdef", "config": {"order": 2}}, digits=4)
    'abcd order=2'
    """
    told = undetermined(checkpoint).items()
    unusual = (_said(name, value) for name, value in told if name == "task" or value != USUAL.get(name, value))
    return " ".join([checkpoint["sha256"][:digits], *unusual])


def _said(name: str, value: Any) -> str:
    """A field of the configuration as a text, the same for tuples and for the lists that JSON makes of them."""
    return f"{name}={json.dumps(value, sort_keys=True) if isinstance(value, Mapping | list | tuple) else value}"
