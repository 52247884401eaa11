"""Handles Ctrl-C, and the end of a command whose processes still work.

A terminal sends Ctrl-C to a command and to all processes that the command has started.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children, parent_process, resource_tracker
from threading import Thread
from types import FrameType


class Interruption:
    """Remembers whether the user pressed Ctrl-C.

    KeyboardInterrupt alone is not enough, because an import may turn it into another error.
    """

    def __init__(self) -> None:
        self.came = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        signal.default_int_handler(number, frame)


@contextmanager
def watched_for() -> Iterator[Interruption]:
    """Inside the block Ctrl-C is remembered.

    If the signal has another handler, nothing is changed: a shell lets commands in the background ignore Ctrl-C.
    """
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
    """Processes and threads that start inside the block do not get Ctrl-C. The process that started them gets it and ends them."""
    resource_tracker.ensure_running()  # before the signal is blocked, because its start unblocks signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_children() -> None:
    """Kill all processes that this process has started."""
    for child in active_children():
        child.kill()


def end_with_parent() -> None:
    """From now on this process ends when the process that started it does, even if that one is killed."""
    if parent := parent_process():

        def follow() -> None:
            parent.join()
            os._exit(1)

        Thread(target=follow, daemon=True).start()
