"""Fills in the HTML templates in `recint/pages/templates`. jinja2 escapes every value."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

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
    return environment


def render(template: str, **content: Any) -> str:
    """Fill in a template of `recint/pages/templates`.

    Every template can use `symbols`, the symbol of each verdict, and the filter `words`, which writes `not_applicable` as "not
    applicable".

    Raises:
        jinja2.UndefinedError: the template uses a name that is not in `content`.
    """
    return _templates().get_template(template).render(content)
