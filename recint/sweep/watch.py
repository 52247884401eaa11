"""The workers of a sweep under watch: those that are gone are replaced where that is up to us, and a wait is never silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

EVERY = 5.0  # seconds between two looks
PATIENCE = 60.0  # seconds that a cluster of this machine's own may be without a worker


@contextmanager
def watched(
    client: Client, *, missing: Callable[[], str | None], say: Callable[[str], None], give_up: Callable[[], None]
) -> Iterator[None]:
    """Look after the workers for as long as the block takes.

    A cluster of this machine's own gets a new worker for each that is gone for good: Dask by itself forgets one that dies again
    while it is replaced. If that cluster is without a worker for a minute all the same, nothing comes of waiting. Workers of
    a scheduler elsewhere may come at any time: what the sweep waits for is said, and that it goes on.

    Args:
        missing: what there is no worker for, as things stand; None if nothing is waited for.
        give_up: called if no worker can be started.
    """
    ended = Event()

    def look() -> None:
        told, since = None, time.monotonic()
        while True:
            # The scheduler may be gone, which shows where results are awaited.
            with suppress(Exception):
                if (now := missing()) != told:
                    told, since = now, time.monotonic()
                    say(f"waiting for {now}" if now else "a worker is there: the sweep goes on")
                if client.cluster is not None:
                    client.cluster.scale(len(client.cluster.plan))  # as many as it has, so that those gone come again
                    if now and time.monotonic() - since > PATIENCE:
                        give_up()
            if ended.wait(EVERY):
                return

    watcher = Thread(target=look, name="watch over workers", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join(EVERY)
