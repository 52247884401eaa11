"""What a worker of a cluster of this machine's own does as it starts."""

from __future__ import annotations

import signal


def dask_setup(worker: object) -> None:
    """Leave Ctrl-C, which the terminal sends to every process, to the command: it ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
