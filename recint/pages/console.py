"""Text for a terminal: rich lays tables out, and what comes of it is plain text."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from shutil import get_terminal_size

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

# Columns of a pipe or a file: more than any line needs.
UNBOUNDED = 10_000


def width(otherwise: int = UNBOUNDED) -> int:
    """Columns of the terminal, or those that the environment variable COLUMNS asks for; `otherwise` where there is no terminal."""
    return get_terminal_size((otherwise, 24)).columns


def table(columns: Sequence[Sequence[str]], *, gap: int = 2, least: int = 1) -> list[str]:
    """The lines of a table of plain text, whose cells are never cut or wrapped.

    Args:
        columns: each with its head first.
        gap: blanks between two columns.
        least: columns of the terminal that every column after the first takes.
    """
    made = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False)
    for number, column in enumerate(columns):
        made.add_column(Text(column[0]), no_wrap=True, overflow="ignore", min_width=least if number else None)
    for row in zip(*(column[1:] for column in columns), strict=True):
        made.add_row(*map(Text, row))
    return plain(made, width=UNBOUNDED)


def fitting(columns: Sequence[Sequence[str]], columns_there: int, *, gap: int = 2) -> int:
    """How many of the columns, each with its head, fit side by side; the first one always does."""
    taken = 0
    for number, column in enumerate(columns):
        taken += max(map(cell_len, column))
        if number and taken > columns_there:
            return number
        taken += gap
    return len(columns)


def cut(text: str, most: int) -> str:
    """A text that takes so many columns at most, with an ellipsis where something is missing."""
    shown = Text(text)
    shown.truncate(most, overflow="ellipsis")
    return shown.plain


def plain(*parts: RenderableType, width: int) -> list[str]:
    """The lines that rich makes of the parts, one below the other, without colours and without blanks at their ends."""
    file = StringIO()
    printer = Console(
        file=file, width=width, color_system=None, force_jupyter=False, highlight=False, markup=False, emoji=False
    )
    for part in parts:
        printer.print(part)
    return [line.rstrip() for line in file.getvalue().split("\n")][:-1]
