"""`recint init`: begin a folder of claims."""

from __future__ import annotations

import argparse
from pathlib import Path

from recint.cli.options import tell
from recint.options import HYPOTHESES
from recint.system.escaping import command as as_command
from recint.system.escaping import line
from recint.system.files import named_path, write_folder

HELP = "begin a folder of claims, with one that runs"
DESCRIPTION = """\
Writes a new folder of claims with one claim that runs, to be changed. With `--subject tokens` the folder also has a module
subject.py: the claims are then about models that read tokens, and another TransformerBridge can take their place. The status is 0,
or 2 if the folder exists or cannot be written.
"""
EXAMPLES = ("recint init my_claims", "recint init my_claims --subject tokens")

STARTERS = Path(__file__).parents[1] / "starters"


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("folder", type=named_path, metavar="DIR", help="a folder that does not exist yet")
    command.add_argument(
        "--subject",
        choices=("recurrences", "tokens"),
        default="recurrences",
        help="what the claims are about (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the folder."""
    folder = Path(options.folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder}: exists already, and may hold claims; name a new folder")
    files = {path.name: path.read_bytes() for path in sorted((STARTERS / options.subject).glob("*.py"))}
    write_folder(folder, files)
    tell(*(folder / name for name in files))
    checkpoint = ["CHECKPOINT"] if options.subject == "tokens" else []
    print(line(f"judge them with: {as_command('recint', 'verify', *checkpoint, *HYPOTHESES.words(str(folder)))}"))
    return 0
