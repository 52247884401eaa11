"""Checks of what a claim, a domain or a configuration declares. Each raises ValueError in one sentence, "field=value must be ...".

The sentence names the field, its value, and what is expected, so that the author knows what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from inspect import signature
from math import isfinite
from types import UnionType
from typing import Any, TypeGuard

_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
RESERVED = "procedure"  # the log uses this id for the procedure by which claims are judged


def require_one_of(name: str, value: Any, known: Collection[Any]) -> None:
    if value not in known:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, known))}")


def require_text(**fields: Any) -> None:
    """Raises ValueError unless each field is text that is not blank."""
    for name, value in fields.items():
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{name}={value!r} must be text that is not empty")


def require_finite(name: str, value: Any) -> None:
    if not _is_number(value) or not isfinite(value):
        raise ValueError(f"{name}={value!r} must be a finite number")


def require_whole(name: str, value: Any, *, least: int) -> None:
    """Raises ValueError unless the value is a tuple of whole numbers of at least `least`; it may be empty."""
    _require_tuple(name, value, of="whole numbers")
    if not all(_is_whole(number) and number >= least for number in value):
        raise ValueError(f"{name}={value!r} must be whole numbers from {least} on")


def require_sizes(**sizes: Any) -> None:
    """Raises ValueError unless each is a whole number of at least 1, as the sizes of a model are."""
    for name, value in sizes.items():
        if not _is_whole(value) or value < 1:
            raise ValueError(f"{name}={value!r} must be a whole number of at least 1")


def require_all(name: str, value: Any, kind: type) -> None:
    """Raises ValueError unless the value is a tuple of objects of one kind; it may be empty."""
    of = f"{kind.__name__} objects"
    _require_tuple(name, value, of=of)
    if not all(isinstance(each, kind) for each in value):
        raise ValueError(f"{name}={value!r} must be a tuple of {of}")


def require_different(name: str, values: Iterable[str]) -> None:
    names = list(values)
    if len(set(names)) < len(names):
        raise ValueError(f"{name}={names!r} must have different names")


def require_constants(name: str, value: Any) -> None:
    """Raises ValueError unless the value is a tuple of pairs of a name and a finite number or text."""
    _require_tuple(name, value, of="pairs of a name and a value")
    for pair in value:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) and _is_constant(pair[1])):
            raise ValueError(f"{name}: {pair!r} must be a pair of a name and a finite number or text")


def require_range(name: str, value: Any) -> None:
    """Raises ValueError unless the value is a tuple of two finite numbers, the lower bound first."""
    if not (isinstance(value, tuple) and len(value) == 2):
        raise ValueError(f"{name}={value!r} must be a tuple of a lower and an upper bound")
    low, high = value
    for bound in value:
        require_finite(f"a bound of {name}", bound)
    if not low <= high:
        raise ValueError(f"{name}={value!r} is empty: the lower bound must not exceed the upper one")


def require_domain(value: Any, kind: type | UnionType, *, of: str = "") -> None:
    """Raises ValueError unless the value is a domain of this kind. The kind may allow None."""
    if not isinstance(value, kind):
        raise ValueError(f"domain={value!r}{of} must be a Domain{', or None' if isinstance(None, kind) else ''}")


def require_property(claim: str, body: Any) -> None:
    """Raises ValueError unless the property of the claim with this id takes a model and, if it has `@given`, a place `at`."""
    given = hasattr(body, "hypothesis")
    own = signature(body.hypothesis.inner_test if given else body)
    try:
        own.bind(None, **({"at": None} if given else {}))
        left = signature(body).parameters  # `@given` hides what it draws: the model is left
        fits = not given or (len(left) == 1 and "at" not in left)
    except TypeError:
        fits = False
    if not fits:
        wanted = "(model, at), and be decorated with @given(at=...)" if given else "(model)"
        raise ValueError(f"{claim}: {body.__name__}{own} must take {wanted}")


def require_id(id: Any, *, because: str) -> None:
    """Raises ValueError unless the id is made of parts joined by dots and, from version 2 on, "@" and the version.

    A claim has a reason for its amendment (`because`) if and only if its id has a version.
    """
    name, at, version = id.partition("@") if isinstance(id, str) else ("", "", "")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"id={id!r} must be made of letters, digits, '-' and '_', in parts joined by '.', like 'l0.previous-token'"
        )
    if name == RESERVED:
        raise ValueError(f"id={id!r} must be another one: the log keeps under this id how claims are judged")
    if at and not (version.isdecimal() and version == str(int(version)) and int(version) > 1):
        raise ValueError(f"id={id!r} must end with a version from 2 on after the @, or have none")
    if bool(because) != bool(at):
        raise ValueError(f"id={id!r}, because={because!r}: a version from 2 on, and no other, says why it was amended")


def _require_tuple(name: str, value: Any, *, of: str) -> None:
    if not isinstance(value, tuple):
        raise ValueError(f"{name}={value!r} must be a tuple of {of}")


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_constant(value: Any) -> bool:
    return isinstance(value, str) or (_is_number(value) and isfinite(value))
