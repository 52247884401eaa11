"""A statistic is a number, or an error: nothing is said of numbers that are none."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from math import isfinite
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor

P = ParamSpec("P")
T = TypeVar("T")


class NotFinite(ValueError):
    """Numbers that are NaN or infinite, from which no statistic follows."""


def require_finite(**values: object) -> None:
    """Raises NotFinite, with the name, if a tensor or array holds NaN or infinity; what is neither is passed over.

    >>> require_finite(attention=torch.tensor([0.0, float("nan")]))
    Traceback (most recent call last):
    recint.judging.finite.NotFinite: 1 of the 2 values of attention are NaN or infinite
    """
    for name, value in values.items():
        if isinstance(value, Tensor):
            finite = torch.isfinite(value)
        elif isinstance(value, np.ndarray):
            finite = torch.from_numpy(np.isfinite(value))
        else:
            continue
        if not finite.all():
            count = int((~finite).sum())
            raise NotFinite(f"{count} of the {finite.numel()} values of {name} are NaN or infinite")


def require_finite_numbers(record: Any, *, what: str) -> None:
    """Raises NotFinite, with its path, if a number in plain dictionaries and lists is NaN or infinite."""
    if isinstance(record, float) and not isfinite(record):
        raise NotFinite(f"{what} is {record}, but should be a finite number")
    if isinstance(record, dict | list):
        for key, part in record.items() if isinstance(record, dict) else enumerate(record):
            require_finite_numbers(part, what=f"{what}.{key}")


def finite(statistic: Callable[P, T]) -> Callable[P, T]:
    """Decorate a statistic: neither what it is given nor what it returns may hold NaN or infinity."""
    parameters = signature(statistic)

    @wraps(statistic)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        require_finite(**parameters.bind(*args, **kwargs).arguments)
        found = statistic(*args, **kwargs)
        for part in found if isinstance(found, tuple) else (found,):
            require_finite(**{statistic.__name__: part})
        return found

    return checked
