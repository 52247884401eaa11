"""What differs between two nested values, by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def differences(before: Any, now: Any) -> dict[str, tuple[Any, Any]]:
    """Old and new of what differs between two nested values, by path; None for what one of them lacks."""
    old, new = dict(_leaves(before)), dict(_leaves(now))
    return {
        path: (old.get(path), new.get(path)) for path in dict.fromkeys([*old, *new]) if old.get(path) != new.get(path)
    }


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """What a claim's fields hold, by path: `domain.length`, `contrasts.0.threshold`; a list of plain values is one."""
    if isinstance(value, Mapping):
        parts = list(value.items())
    elif isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        parts = list(enumerate(value))
    else:
        yield path, value
        return
    for key, part in parts:
        yield from _leaves(part, f"{path}.{key}" if path else str(key))
