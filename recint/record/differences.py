"""Differences between two nested values, by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def differences(before: Any, now: Any) -> dict[str, tuple[Any, Any]]:
    """Old and new value of every difference between two nested values, by path; None where a value is missing."""
    old, new = dict(_leaves(before)), dict(_leaves(now))
    return {
        path: (old.get(path), new.get(path)) for path in dict.fromkeys([*old, *new]) if old.get(path) != new.get(path)
    }


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Single values of nested fields, by path, such as `domain.length` or `contrasts.0.threshold`.

    A list without mappings counts as a single value.
    """
    if isinstance(value, Mapping):
        parts = list(value.items())
    elif isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        parts = list(enumerate(value))
    else:
        yield path, value
        return
    for key, part in parts:
        yield from _leaves(part, f"{path}.{key}" if path else str(key))
