"""Whether plain values, as read from JSON, are what they are about to be used as.

A check takes a value and its path, and gives a sentence on the first place where the value is something else, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from recint.verdict import Verdict

Check = Callable[[Any, str], str | None]


def _expected(value: Any, path: str, what: str) -> str:
    found = repr(value)
    return f"{path or 'it'} is {found if len(found) <= 60 else f'{found[:59]}…'}, but expected {what}"


def text(value: Any, path: str) -> str | None:
    return None if isinstance(value, str) else _expected(value, path, "a text")


def whole(value: Any, path: str) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) else _expected(value, path, "a whole number")


def number(value: Any, path: str) -> str | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**1023  # more is no float
    return None if whole or isinstance(value, float) else _expected(value, path, "a number")


def verdict(value: Any, path: str) -> str | None:
    known = get_args(Verdict)
    return None if isinstance(value, str) and value in known else _expected(value, path, f"one of {', '.join(known)}")


def relation(value: Any, path: str) -> str | None:
    return None if value in (">=", "<=") else _expected(value, path, "'>=' or '<='")


def null_or(check: Check) -> Check:
    return lambda value, path: None if value is None else check(value, path)


def having(required: Mapping[str, Check], known: Mapping[str, Check] | None = None) -> Check:
    """An object with all names of `required`, whose values are what these and `known` say of their names."""

    def checked(value: Any, path: str) -> str | None:
        if not isinstance(value, Mapping):
            return _expected(value, path, "an object")
        for name, check in {**required, **(known or {})}.items():
            where = f"{path}.{name}" if path else name
            if name in value:
                if flaw := check(value[name], where):
                    return flaw
            elif name in required:
                return f"{where} is missing"
        return None

    return checked


def listing(check: Check) -> Check:
    """A list, all of whose values pass."""

    def checked(value: Any, path: str) -> str | None:
        if not isinstance(value, list):
            return _expected(value, path, "a list")
        return next(filter(None, (check(part, f"{path}.{index}") for index, part in enumerate(value))), None)

    return checked


def naming(check: Check) -> Check:
    """An object, all of whose values pass."""

    def checked(value: Any, path: str) -> str | None:
        if not isinstance(value, Mapping):
            return _expected(value, path, "an object")
        return next(filter(None, (check(part, f"{path}.{name}") for name, part in value.items())), None)

    return checked


def anything(value: Any, path: str) -> None:
    return None


def interval(value: Any, path: str) -> str | None:
    """Two ends, of which an open one is null."""
    if not isinstance(value, list) or len(value) != 2:
        return _expected(value, path, "a list of two numbers")
    return listing(null_or(number))(value, path)


CHECKPOINT = having({"name": text, "sha256": text}, {"config": naming(anything)})
# What a verdict says, in the log and in a verdict file.
_BAR = {"value": number, "relation": relation, "threshold": number}
SETTLED: Mapping[str, Check] = {
    "id": text,
    "hash": text,
    "verdict": verdict,
    "value": null_or(number),
    "estimate": null_or(having({"ci": interval})),
    "relation": relation,
    "threshold": number,
}
# How it came to be, which older lines of a log may lack.
BESIDE: Mapping[str, Check] = {
    "version": whole,
    "statement": text,
    "statistic": text,
    "quantifier": text,
    "message": text,
    "expected": null_or(verdict),
    "search": null_or(having({"counterexample": null_or(having({"value": number, "where": text}))})),
    "contrast": null_or(naming(having(_BAR))),
    "seconds": number,
}
