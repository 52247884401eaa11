"""Markdown tables. A cell is escaped, unless it is marked as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recint.system import escaping


class Markdown(str):
    """A text that is Markdown already, so that it is not escaped."""

    __slots__ = ()


def code(text: str) -> Markdown:
    """A text as code, which is Markdown."""
    return Markdown(escaping.code(text))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, without a newline at its end.

    Args:
        header: one cell for each column.
        rows: the same number of cells each. A cell that is not `Markdown` is escaped, so that it is shown as it is.

    Raises:
        ValueError: a row has more or fewer cells than the header.

    >>> print(table(["claim", "a|b"], [[code("l0.x"), "<b>"]]))
    | claim | a\\|b |
    |---|---|
    | `l0.x` | &lt;b> |
    """
    lines = [_line(header), "|---" * len(header) + "|"]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row has {len(row)} cells, but the header has {len(header)}: {row!r}")
        lines.append(_line(row))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell if isinstance(cell, Markdown) else escaping.markdown(cell) for cell in cells)} |"
