"""Things computed once for whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """Remembers what was measured under a key, for as long as it lives."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def once(self, key: Hashable, measure: Callable[[], T]) -> T:
        """What `measure` returns, measured once for whoever asks for it under the same key."""
        if key not in self._known:
            self._known[key] = measure()
        known: T = self._known[key]
        return known
