"""`recint mechanism`: draw the pictures of docs/mechanism.md for a checkpoint."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from recint.cli.options import add, add_checkpoint, drawn, load, require_counts, tell, write_all
from recint.options import DEVICE, DRAWS, SEED
from recint.system.escaping import command as as_command
from recint.system.files import named_path
from recint.system.outputs import require_files

HELP = "draw how a model predicts: its filter, and what sets it"
DESCRIPTION = """\
Draws the pictures of docs/mechanism.md for a checkpoint whose recurrences are of order 1: its filter, the weight of the term before
the last, its attention, what it costs to change parts of the model, and the verdicts on record. Prints the costs. The status is 0,
or 2 if the call or an input is wrong.
"""
EXAMPLES = ("recint mechanism", "recint mechanism my-model --html mechanism.html")

_DRAWS = replace(
    DRAWS,
    help="how many recurrences each number is measured on; the filter takes a tenth of them at each c",
    default=100,
    otherwise="100",
)


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_checkpoint(command)
    add(command, DEVICE, SEED, _DRAWS)
    command.add_argument("--html", type=named_path, metavar="FILE.html", help="write all pictures to this file")
    command.add_argument(
        "--figures", type=named_path, metavar="FOLDER", help="write each picture to a file in this folder"
    )


def run(options: argparse.Namespace) -> int:
    """Draw the pictures and print the costs."""
    from recint.model.transformer import Model, resolve_device
    from recint.replication import account_page, two_accounts
    from recint.replication.account import measure
    from recint.replication.account_pictures import NAMES, pictures
    from recint.subjects import REFERENCE_CHECKPOINT

    require_counts(options, in_memory=True)
    files = {name: str(Path(options.figures, f"{name}.svg")) for name in NAMES} if options.figures else {}
    require_files(options.html, *files.values(), inputs=(options.checkpoint,))
    model = Model(load(options.checkpoint or REFERENCE_CHECKPOINT), device=resolve_device(options.device))
    account = measure(model, draws=options.draws, seed=options.seed)
    drawings = pictures(account, claims=two_accounts.claims(), verdicts=two_accounts.verdicts())
    given = [options.checkpoint] if options.checkpoint else []
    command = as_command("recint", "mechanism", *given, *drawn(options))
    pages = {options.html: account_page.html(drawings, checkpoint=model.checkpoint.name, command=command)}
    pages |= {files[picture.name]: str(picture.svg) for picture in drawings if files}
    write_all(pages)
    print(account_page.terminal(account.costs))
    tell(*pages)
    return 0
