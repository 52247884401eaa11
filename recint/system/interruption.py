"""Ctrl-C, which a terminal sends to a command and to all processes that it has started."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children, resource_tracker
from types import FrameType


class Interruption:
    """Whether the user has stopped the command, whatever the code that ran made of that: an import turns it into an error."""

    def __init__(self) -> None:
        self.came = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        signal.default_int_handler(number, frame)


@contextmanager
def watched_for() -> Iterator[Interruption]:
    """Notes an interruption in the block; a shell that has started this in the background may have it ignored."""
    interruption = Interruption()
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield interruption
        return
    signal.signal(signal.SIGINT, interruption)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def kept_from_children() -> Iterator[None]:
    """Processes and threads that begin in the block are not interrupted: whoever started them is, and ends them."""
    resource_tracker.ensure_running()  # which lets signals through as it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_children() -> None:
    """End the processes that this one has started, whatever they are at."""
    for child in active_children():
        child.kill()
