"""Limits the threads of a process that shares the machine with others."""

from __future__ import annotations

import torch
from threadpoolctl import threadpool_limits


def limit_threads(count: int) -> None:
    """From now on use `count` threads in PyTorch and in the linear algebra of numpy and scipy.

    numpy and scipy do not obey the limit of PyTorch. Their threads would wait in busy loops for cores that other processes use.
    """
    torch.set_num_threads(count)
    threadpool_limits(count, user_api="blas")
