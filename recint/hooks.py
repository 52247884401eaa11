"""What claims may do at the hooks of a bridge: read activations, and replace them by others of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from torch import Tensor

Edit = Callable[[Tensor], Tensor]  # from an activation to the one that replaces it
Hook = tuple[str, Callable[..., Any]]  # a name, and what the bridge calls with the activation


def keeping(kept: dict[str, Tensor], name: str) -> Hook:
    """A hook that keeps an activation under `name`.

    TransformerLens has several names for one hook, and the hook itself knows only one of them.
    """
    return name, lambda activation, hook: kept.__setitem__(name, activation)


def editing(name: str, edit: Edit) -> Hook:
    """A hook that replaces an activation by what an edit makes of it.

    The hook raises ValueError if the edit does not keep the shape. PyTorch would stretch a smaller tensor without a word.
    """

    def edited(activation: Tensor, hook: object) -> Tensor:
        result = edit(activation)
        found = tuple(result.shape) if isinstance(result, Tensor) else result
        if found != tuple(activation.shape):
            raise ValueError(f"an edit of {name} gives {found}, but should keep the shape {tuple(activation.shape)}")
        return result

    return name, edited


@contextmanager
def known_to(bridge: Any, hooks: Sequence[Hook]) -> Iterator[None]:
    """Inside the block, a pass over the bridge with these hooks says which of them it does not know, and which are near.

    Raises:
        ValueError: the bridge has no hook of one of the names.
    """
    try:
        yield
    except KeyError as error:
        known = bridge.hook_dict
        unknown = next((name for name, _ in hooks if name not in known), None)
        if unknown is None:
            raise
        near = " or ".join(get_close_matches(unknown, known, n=2))
        advice = f"; did you mean {near}?" if near else "; its names are the keys of `model.bridge.hook_dict`"
        raise ValueError(f"the model has no hook {unknown!r}{advice}") from error
