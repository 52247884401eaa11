"""`recint board`: runs as one Markdown table."""

from __future__ import annotations

import argparse
from pathlib import Path

from recint.cli.options import add, tell
from recint.options import CLAIMS, HYPOTHESES, LOG
from recint.system.files import is_stream, named_path, read, write
from recint.system.outputs import require_files

HELP = "print runs as one Markdown table, claims x checkpoints"
DESCRIPTION = """\
Prints runs as one Markdown table with a row for each claim and a column for each checkpoint. A run is a verdict file, or the run on
a checkpoint that the research log has.
"""
EXAMPLES = ("recint board a.json b.json --into README.md", "recint board affine3-seed5 b.json")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument(
        "verdicts",
        nargs="+",
        type=named_path,
        metavar="RUN",
        help="a file that `recint verify --verdicts` wrote, or a checkpoint or the number of a run in the log",
    )
    add(command, CLAIMS, HYPOTHESES, LOG)
    command.add_argument(
        "--into", type=named_path, metavar="FILE.md", help="write the table between the marks in this document"
    )


def run(options: argparse.Namespace) -> int:
    """Print runs as one Markdown table, or put it into a document."""
    from recint.pages import board as boards
    from recint.record import drift, log_file, verdict_file

    require_files(options.into, inputs=options.verdicts)
    known = log_file.read(log_file.folder_of(Path(options.hypotheses), options.log))
    runs = [
        verdict_file.read(Path(name)) if _is_file(name) else drift.baseline(name, known, option="verdicts")
        for name in options.verdicts
    ]
    table = boards.markdown(runs, claims=options.claims or ())
    if not options.into:
        print(table, end="")
        return 0
    target = Path(options.into)
    content = read(target)
    try:
        document = content.decode()
        newline = "\r\n" if "\r\n" in document else "\n"
        text = boards.replaced(document.replace("\r\n", "\n"), table)
    except ValueError as error:
        raise ValueError(f"{target}: {error}") from None
    write(target, text.replace("\n", newline).encode())
    tell(target)
    return 0


def _is_file(name: str) -> bool:
    """Whether a name is meant as that of a verdict file. All other names are those of checkpoints and runs in the log."""
    return name.endswith(".json") or Path(name).is_file() or is_stream(Path(name))
