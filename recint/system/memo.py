"""Values that are computed once and then kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """An object that keeps values under keys as long as it lives."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def once(self, key: Hashable, measure: Callable[[], T]) -> T:
        """The value under a key. If there is none yet, `measure` computes it."""
        if key not in self._known:
            self._known[key] = measure()
        known: T = self._known[key]
        return known
