"""The table of a replication: for the terminal, as Markdown, and as HTML."""

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

_WIDTH = 120  # the largest width of the table in characters, and its width in a pipe
_RATIOS = (49, 19, 19, 33)  # relative widths of the columns
_HEADS = ("number", "the notebook", "its way, here", "the sound way, here")


def terminal(rows: Sequence[Row]) -> str:
    """The table for the terminal. Below each row stands the reason for the sound way."""
    width = min(_WIDTH, console.width(_WIDTH))
    return "\n".join(console.plain(*_printed(rows), width=width))


def _printed(rows: Sequence[Row]) -> Iterator[RenderableType]:
    yield _columns(_HEADS)
    yield Rule(characters="─")
    for row in rows:
        yield _columns((row.name, row.notebook, _cell(row.notebook_way), _cell(row.sound_way)))
        yield Padding(Text(row.why), (0, 0, 1, 4))


def _columns(cells: Sequence[str]) -> Table:
    """One row, as a table of its own, because the reason below it uses the whole width. The ratios keep the columns aligned."""
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
    """The table as Markdown.

    Args:
        checkpoint: the name of the checkpoint.
        command: the command line that made it.
    """
    cells = [
        (f"{row.name} ({row.where})", row.notebook, _cell(row.notebook_way), _cell(row.sound_way), row.why)
        for row in rows
    ]
    lines = [
        f"# The notebook's numbers, measured again on {escaping.code(checkpoint)}",
        "",
        "A bracket is a 95 % interval over n independent recurrences. Made by",
        "",
        escaping.block(command),
        "",
        "Every report, and the page that `--html` writes, also show the figures of the notebook for this checkpoint.",
        "",
        table([*_HEADS, "why"], cells),
    ]
    return "\n".join(lines) + "\n"


def html(rows: Sequence[Row], gallery: Sequence[Picture], *, checkpoint: str, command: str) -> str:
    """The table and the figures as an HTML page in one file."""
    return render("replication.html", rows=rows, gallery=gallery, checkpoint=checkpoint, command=command)


def section(rows: Sequence[Row], gallery: Sequence[Picture]) -> Markup:
    """The same as a part of another HTML page. The figures are closed at first."""
    return Markup(render("replication_section.html", rows=rows, gallery=gallery, unfolded=False))
