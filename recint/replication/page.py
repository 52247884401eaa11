"""Rows of a replication -> the terminal, Markdown, and a page that stands by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup
from rich.console import RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from recint.pages import console
from recint.pages.markdown import table
from recint.pages.templating import render
from recint.replication.gallery import Picture
from recint.replication.rows import Measured, Row
from recint.system import escaping

_WIDTH = 120  # columns of a terminal, if it has so many; a pipe gets them too
_RATIOS = (49, 19, 19, 33)  # with the gap of two after each but the last
_HEADS = ("figure", "the notebook", "its way, here", "the sound way, here")


def terminal(rows: Sequence[Row]) -> str:
    """The table in 120 columns or those that are there; below each figure, why its sound way is another."""
    width = min(_WIDTH, console.width(_WIDTH))
    return "\n".join(console.plain(*_printed(rows), width=width))


def _printed(rows: Sequence[Row]) -> Iterator[RenderableType]:
    yield _columns(_HEADS)
    yield Rule(characters="─")
    for row in rows:
        yield _columns((row.name, row.notebook, _cell(row.notebook_way), _cell(row.sound_way)))
        yield Padding(Text(row.why), (0, 0, 1, 4))


def _columns(cells: Sequence[str]) -> Table:
    """One row. Every row is a table of its own, since the reason below it has all columns; ratios keep them aligned."""
    made = Table(box=None, show_header=False, expand=True, padding=(0, 2, 0, 0), pad_edge=False)
    for ratio in _RATIOS:
        made.add_column(ratio=ratio)
    made.add_row(*map(Text, cells))
    return made


def _cell(measured: Measured | None) -> str:
    if measured is None:
        return "–"
    return " ".join(filter(None, [str(measured), ", ".join(filter(None, [measured.interval, measured.over]))]))


def markdown(rows: Sequence[Row], *, checkpoint: str, command: str) -> str:
    """The table as a page; `command` is what makes it again."""
    cells = [
        (f"{row.name} ({row.where})", row.notebook, _cell(row.notebook_way), _cell(row.sound_way), row.why)
        for row in rows
    ]
    lines = [
        f"# The notebook's figures, measured again on {escaping.code(checkpoint)}",
        "",
        "Brackets: 95 % interval over n independent recurrences. Made by",
        "",
        escaping.block(command),
        "",
        "What the notebook drew is drawn again in every report, and on the page that `--html` writes.",
        "",
        table([*_HEADS, "why"], cells),
    ]
    return "\n".join(lines) + "\n"


def html(rows: Sequence[Row], gallery: Sequence[Picture], *, checkpoint: str, command: str) -> str:
    """The table and the pictures as a page that needs nothing else."""
    return render("replication.html", rows=rows, gallery=gallery, checkpoint=checkpoint, command=command)


def section(rows: Sequence[Row], gallery: Sequence[Picture]) -> Markup:
    """The same as a part of another page, the pictures folded."""
    return Markup(render("replication_section.html", rows=rows, gallery=gallery, unfolded=False))
