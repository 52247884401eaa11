"""The identity of a checkpoint: its tensors, and the part of its configuration that the tensors do not determine.

With another order, activation or epsilon, the same tensors are another model and get other verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The fields of the configuration that the shapes of the tensors do not determine, with the values if nothing else is given.
USUAL: Mapping[str, Any] = {"act_fn": "gelu_new", "layer_norm_eps": 1e-5, "order": 1}


def undetermined(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the configuration that the tensors do not determine, of a checkpoint as in the log or a verdict file.

    Of a subject that is named, which may be any, it is the whole configuration.

    >>> undetermined({"name": "m", "sha256": "ab...", "config": {"order": 2}})
    {'act_fn': 'gelu_new', 'layer_norm_eps': 1e-05, 'order': 2}
    """
    config = checkpoint.get("config") or {}
    if checkpoint.get("subject"):
        return dict(config)
    return {name: config.get(name, usual) for name, usual in USUAL.items()}


def identity(checkpoint: Mapping[str, Any]) -> str:
    """A text that is equal for two checkpoints if and only if they are the same model.

    >>> identity({"name": "m", "sha256": "ab...", "config": {"order": 2}})
    'ab... act_fn=gelu_new layer_norm_eps=1e-05 order=2'
    """
    return " ".join([checkpoint["sha256"], *(f"{name}={value}" for name, value in undetermined(checkpoint).items())])


def brief(checkpoint: Mapping[str, Any], *, digits: int) -> str:
    """A short form of the identity: the first digits of the hash, and the values that are not the usual ones.

    >>> brief({"name": "m", "sha256": "abcdef", "config": {"order": 2}}, digits=4)
    'abcd order=2'
    """
    unusual = (f"{name}={value}" for name, value in undetermined(checkpoint).items() if value != USUAL.get(name, value))
    return " ".join([checkpoint["sha256"][:digits], *unusual])
