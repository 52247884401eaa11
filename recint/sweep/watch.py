"""Watch the workers of a sweep: replace dead workers on this machine, and say when the sweep waits for a worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

EVERY = 5.0  # seconds between two checks
PATIENCE = 60.0  # seconds that a cluster which recint started may be without a worker


@contextmanager
def watched(
    client: Client, *, missing: Callable[[], str | None], say: Callable[[str], None], give_up: Callable[[], None]
) -> Iterator[None]:
    """Watch the workers during the block.

    - A cluster that recint started gets a new worker for each dead one. Dask alone is not enough: it forgets a worker that dies
      again while Dask replaces it. If the cluster still has no worker after a minute, the sweep gives up.
    - Workers of another scheduler may come at any time. The sweep says what it waits for, and later that it goes on.

    Args:
        missing: returns words for the kind of worker that the sweep waits for; None if it waits for none.
        say: receives the messages.
        give_up: called if no worker can be started.
    """
    ended = Event()

    def look() -> None:
        said, since = None, time.monotonic()
        while True:
            # If the scheduler is gone, whoever waits for results will notice.
            with suppress(Exception):
                if (now := missing()) != said:
                    said, since = now, time.monotonic()
                    say(f"waiting for {now}" if now else "a worker is there: the sweep goes on")
                if client.cluster is not None:
                    client.cluster.scale(
                        len(client.cluster.plan)
                    )  # scaling to the planned number replaces dead workers
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
