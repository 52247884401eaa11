"""`recint board`: verdict files as one Markdown table."""

from __future__ import annotations

import argparse
from pathlib import Path

from recint.cli.options import add, tell
from recint.options import CLAIMS
from recint.system.files import named_path, write
from recint.system.outputs import require_files

HELP = "print verdict files as one Markdown table, claims x checkpoints"
DESCRIPTION = """\
Prints verdict files as one Markdown table with a row for each claim and a column for each checkpoint.
"""
EXAMPLES = ("recint board a.json b.json", "recint board a.json b.json --into README.md")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument(
        "verdicts", nargs="+", type=named_path, metavar="FILE.json", help="a file that `recint verify --verdicts` wrote"
    )
    add(command, CLAIMS)
    command.add_argument(
        "--into", type=named_path, metavar="FILE.md", help="write the table between the marks in this document"
    )


def run(options: argparse.Namespace) -> int:
    """Print verdict files as one Markdown table, or put it into a document."""
    from recint.pages import board as boards
    from recint.record import verdict_file

    require_files(options.into, inputs=options.verdicts)
    table = boards.markdown([verdict_file.read(Path(path)) for path in options.verdicts], claims=options.claims or ())
    if not options.into:
        print(table, end="")
        return 0
    target = Path(options.into)
    try:
        document = target.read_bytes().decode()
        newline = "\r\n" if "\r\n" in document else "\n"
        text = boards.replaced(document.replace("\r\n", "\n"), table)
    except ValueError as error:
        raise ValueError(f"{target}: {error}") from None
    write(target, text.replace("\n", newline).encode())
    tell(target)
    return 0
