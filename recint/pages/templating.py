"""Fills in the HTML templates in `recint/pages/templates`. jinja2 escapes every value."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from recint.system.escaping import utf8
from recint.verdict import SYMBOLS, words


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("recint.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["symbols"] = SYMBOLS
    environment.filters["words"] = words
    environment.filters["plainly"] = plainly
    return environment


def plainly(value: Any) -> str:
    """A value of a configuration as a person writes it. Two numbers are a range.

    >>> plainly({"family": "rotation", "c": (0.5, 1.2), "others": (("angle", (-3, 3)),)})
    '(family rotation, c 0.5 to 1.2, others (angle -3 to 3))'
    """
    if isinstance(value, Mapping):
        return (
            f"({', '.join(f'{name} {plainly(inner)}' for name, inner in value.items() if inner not in ((), [], {}))})"
        )
    if not isinstance(value, list | tuple):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if all(isinstance(part, list | tuple) and len(part) == 2 and isinstance(part[0], str) for part in value):
        return plainly(dict(value))
    return (" to " if len(value) == 2 else ", ").join(map(plainly, value))


def render(template: str, **content: Any) -> str:
    """Fill in a template of `recint/pages/templates`.

    Every template can use `symbols`, the symbol of each verdict, and the filter `words`, which writes `not_applicable` as "not
    applicable".

    Raises:
        jinja2.UndefinedError: the template uses a name that is not in `content`.
    """
    return utf8(_templates().get_template(template).render(content))
