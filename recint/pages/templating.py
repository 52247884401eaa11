"""HTML from the templates beside this module. jinja2 escapes whatever is put into them."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from recint.verdict import SYMBOLS, words


@cache
def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("recint.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["symbols"] = SYMBOLS
    found.filters["words"] = words
    return found


def render(template: str, **content: Any) -> str:
    """A template of `recint/pages/templates`, filled in.

    Every template knows `symbols`, the symbol of each verdict, and the filter `words`, which writes a verdict for people.

    Raises:
        jinja2.UndefinedError: the template names something that is not in `content`.
    """
    return _templates().get_template(template).render(content)
