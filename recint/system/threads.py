"""How many cores a process may take that works beside others."""

from __future__ import annotations

import torch
from threadpoolctl import threadpool_limits


def limit_threads(count: int) -> None:
    """So many threads, from now on, for torch and for the linear algebra of numpy and scipy.

    Torch's own limit does not reach theirs, whose threads wait in busy loops for cores that another process has.
    """
    torch.set_num_threads(count)
    threadpool_limits(count, user_api="blas")
