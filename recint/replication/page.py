"""Rows of a replication -> the terminal, Markdown, and a page that stands by itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from itertools import zip_longest
from textwrap import wrap

from recint.pages import report
from recint.replication.rows import Measured, Row
from recint.system import escaping

_WIDTHS = (47, 17, 17, 33)  # with a gap of two between them, 120 columns
_HEADS = ("figure", "the notebook", "its way, here", "the sound way, here")


def terminal(rows: Sequence[Row]) -> str:
    """The table in 120 columns; below each figure, why its sound way is another."""
    blocks = [_line(_HEADS), "─" * (sum(_WIDTHS) + 6)]
    for row in rows:
        blocks.append(_line((row.name, row.notebook, _cell(row.notebook_way), _cell(row.sound_way))))
        blocks += [f"    {line}" for line in wrap(row.why, sum(_WIDTHS) + 2)]
        blocks.append("")
    return "\n".join(blocks)


def _cell(measured: Measured | None) -> str:
    if measured is None:
        return "–"
    return " ".join(filter(None, [str(measured), ", ".join(filter(None, [measured.interval, measured.over]))]))


def _line(cells: Sequence[str]) -> str:
    columns = [wrap(cell, width) for cell, width in zip(cells, _WIDTHS, strict=True)]
    lines = zip_longest(*columns, fillvalue="")
    return "\n".join(
        "  ".join(part.ljust(width) for part, width in zip(line, _WIDTHS, strict=True)).rstrip() for line in lines
    )


def markdown(rows: Sequence[Row], *, checkpoint: str, command: str) -> str:
    """The table as a page; `command` is what makes it again."""
    lines = [
        f"# The notebook's figures, measured again on {escaping.code(checkpoint)}",
        "",
        "Brackets: 95 % interval over n independent recurrences. Made by",
        "",
        escaping.block(command),
        "",
        "What the notebook drew is drawn again in every report, and on the page that `--html` writes.",
        "",
        f"| {' | '.join(_HEADS)} | why |",
        "|---" * 5 + "|",
    ]
    for row in rows:
        cells = (f"{row.name} ({row.where})", row.notebook, _cell(row.notebook_way), _cell(row.sound_way), row.why)
        lines.append("| " + " | ".join(map(escaping.markdown, cells)) + " |")
    return "\n".join(lines) + "\n"


def html(rows: Sequence[Row], gallery: Sequence[tuple[str, str]], *, checkpoint: str, command: str) -> str:
    """The table and the figures as a page that needs nothing else."""
    style = files("recint.pages").joinpath("report.css").read_text()
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>recint: replication</title>
<style>{style}</style></head>
<body class="replication"><div class="recint"><h1>What the notebook printed <code>{escape(checkpoint)}</code></h1>
<p class="facts">Every figure again, on this checkpoint · <code>{escape(command)}</code></p>
{report.replication(rows, gallery, unfolded=True)}</div></body></html>
"""
