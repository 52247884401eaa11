"""Which checkpoint it is: its tensors, and of its configuration what these do not tell.

The same tensors are another model with another order, activation or epsilon, and get other verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What the shapes of the tensors leave open, with what it is where nothing is said of it.
USUAL: Mapping[str, Any] = {"act_fn": "gelu_new", "layer_norm_eps": 1e-5, "order": 1}


def told(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """What the configuration says beside the tensors, of a checkpoint as a log or a verdict file has it.

    >>> told({"name": "m", "sha256": "ab...", "config": {"order": 2}})
    {'act_fn': 'gelu_new', 'layer_norm_eps': 1e-05, 'order': 2}
    """
    config = checkpoint.get("config") or {}
    return {name: config.get(name, usual) for name, usual in USUAL.items()}


def identity(checkpoint: Mapping[str, Any]) -> str:
    """What is the same for two checkpoints if, and only if, they are the same model.

    >>> identity({"name": "m", "sha256": "ab...", "config": {"order": 2}})
    'ab... act_fn=gelu_new layer_norm_eps=1e-05 order=2'
    """
    return " ".join([checkpoint["sha256"], *(f"{name}={value}" for name, value in told(checkpoint).items())])


def brief(checkpoint: Mapping[str, Any], *, digits: int) -> str:
    """The identity for people: the first digits of the hash, and what is unusual.

    >>> brief({"name": "m", "sha256": "abcdef", "config": {"order": 2}}, digits=4)
    'abcd order=2'
    """
    unusual = (f"{name}={value}" for name, value in told(checkpoint).items() if value != USUAL[name])
    return " ".join([checkpoint["sha256"][:digits], *unusual])
