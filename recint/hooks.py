"""What claims may do at the hooks of a bridge: read activations, and replace them by others of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from torch import Tensor

Edit = Callable[[Tensor], Tensor]  # from an activation to the one that replaces it


@contextmanager
def named_hooks(bridge: Any, names: Collection[str]) -> Iterator[None]:
    """Inside the block, a pass over the bridge with hooks of these names says which hook it does not know, and which are near.

    Raises:
        ValueError: the bridge has no hook of one of the names.
    """
    try:
        yield
    except KeyError as error:
        known = bridge.hook_dict
        unknown = next((name for name in names if name not in known), None)
        if unknown is None:
            raise
        near = " or ".join(get_close_matches(unknown, known, n=2))
        advice = f"; did you mean {near}?" if near else "; its names are the keys of `model.bridge.hook_dict`"
        raise ValueError(f"the model has no hook {unknown!r}{advice}") from error


def edited(name: str, edit: Edit, activation: Tensor) -> Tensor:
    """What an edit makes of the activation of a hook.

    Raises:
        ValueError: the edit does not keep the shape. PyTorch would stretch a smaller tensor without a word.
    """
    result = edit(activation)
    found = tuple(result.shape) if isinstance(result, Tensor) else result
    if found != tuple(activation.shape):
        raise ValueError(f"an edit of {name} gives {found}, but should keep the shape {tuple(activation.shape)}")
    return result
