"""What malloc does with memory that is free: the next pass needs as much as the last one, the next checkpoint may not."""

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
    """From now on malloc keeps what is freed for who asks next, up to a GiB.

    It otherwise returns the activations of every pass to the system and gets them back page by page, in a third of the time
    that passes take. Only glibc can be told.
    """
    for parameter in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
        _glibc("mallopt", parameter, GIB)


def give_memory_back(*, beyond: float) -> None:
    """Return what is free to the system, if the process holds more than so many bytes.

    With less it would only slow down what comes next. Only glibc can.
    """
    if psutil.Process().memory_info().rss > beyond:
        _glibc("malloc_trim", 0)


def _glibc(function: str, *arguments: int) -> None:
    with suppress(OSError, TypeError, AttributeError):  # another system's library, or none
        getattr(ctypes.CDLL(None), function)(*arguments)
