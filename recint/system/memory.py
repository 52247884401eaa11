"""Controls whether malloc keeps free memory or returns it to the system. Only glibc can be controlled."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache

import psutil

# Parameters of mallopt, from malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
GIB = 2**30


@cache
def keep_freed_memory() -> None:
    """From now on malloc keeps up to one GiB of free memory for later use.

    Otherwise it would return the activations of every pass to the system and get the memory back page by page. This would take a
    third of the time of a pass.
    """
    for parameter in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
        _glibc("mallopt", parameter, GIB)


def give_memory_back(*, beyond: float) -> None:
    """Return free memory to the system, if the process holds more than `beyond` bytes.

    Below this limit it would only make the next passes slower.
    """
    if psutil.Process().memory_info().rss > beyond:
        _glibc("malloc_trim", 0)


def _glibc(function: str, *arguments: int) -> None:
    with suppress(OSError, TypeError, AttributeError):  # the C library is not glibc
        getattr(ctypes.CDLL(None), function)(*arguments)
