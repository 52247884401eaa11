"""Plain text for a terminal. rich does the layout of tables."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from shutil import get_terminal_size

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

# Width for a pipe or a file, in columns: more than any line needs.
UNBOUNDED = 10_000


def width(otherwise: int = UNBOUNDED) -> int:
    """The width of the terminal in columns, or the value of the environment variable COLUMNS; `otherwise` without a terminal."""
    return get_terminal_size((otherwise, 24)).columns


def table(columns: Sequence[Sequence[str]], *, gap: int = 2, least: int = 1) -> list[str]:
    """The lines of a plain-text table. Cells are never cut or wrapped.

    Args:
        columns: the texts of each column; the first text is its header.
        gap: the number of blanks between two columns.
        least: the smallest width of every column but the first, in characters.
    """
    made = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False)
    for number, column in enumerate(columns):
        made.add_column(Text(column[0]), no_wrap=True, overflow="ignore", min_width=least if number else None)
    for row in zip(*(column[1:] for column in columns), strict=True):
        made.add_row(*map(Text, row))
    return plain(made, width=UNBOUNDED)


def fitting(columns: Sequence[Sequence[str]], columns_there: int, *, gap: int = 2) -> int:
    """How many columns fit into a width of `columns_there` characters, side by side; at least one."""
    taken = 0
    for number, column in enumerate(columns):
        taken += max(map(cell_len, column))
        if number and taken > columns_there:
            return number
        taken += gap
    return len(columns)


def cut(text: str, most: int) -> str:
    """A text of at most `most` characters, with an ellipsis at its end if something was cut."""
    shown = Text(text)
    shown.truncate(most, overflow="ellipsis")
    return shown.plain


def plain(*parts: RenderableType, width: int) -> list[str]:
    """The lines of several rich objects, one below the other, without colours and without blanks at the end of lines."""
    file = StringIO()
    printer = Console(
        file=file, width=width, color_system=None, force_jupyter=False, highlight=False, markup=False, emoji=False
    )
    for part in parts:
        printer.print(part)
    return [line.rstrip() for line in file.getvalue().split("\n")][:-1]
