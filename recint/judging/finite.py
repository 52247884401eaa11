"""A statistic is a finite number. NaN or infinity is an error, and never a verdict."""

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
    """A value is NaN or infinite, so that there is no statistic."""


def require_finite(**values: object) -> None:
    """Raises NotFinite if a tensor or array holds NaN or infinity; values of other types are not checked.

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


def require_finite_numbers(value: Any, *, what: str) -> None:
    """Raises NotFinite if a number in nested dictionaries and lists is NaN or infinite.

    Args:
        what: the name of the value; the error begins with it and the path to the number.
    """
    if isinstance(value, float) and not isfinite(value):
        raise NotFinite(f"{what} is {value}, but should be a finite number")
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            require_finite_numbers(part, what=f"{what}.{key}")


def finite(statistic: Callable[P, T]) -> Callable[P, T]:
    """Decorate a statistic, so that it raises NotFinite if an argument or the result holds NaN or infinity."""
    parameters = signature(statistic)

    @wraps(statistic)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        require_finite(**parameters.bind(*args, **kwargs).arguments)
        result = statistic(*args, **kwargs)
        for part in result if isinstance(result, tuple) else (result,):
            require_finite(**{statistic.__name__: part})
        return result

    return checked
