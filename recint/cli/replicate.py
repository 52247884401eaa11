"""`recint replicate`: measure again what the notebook printed."""

from __future__ import annotations

import argparse
from dataclasses import replace

from recint.cli.options import add, add_checkpoint, drawn, load, require_counts, tell, write_all
from recint.options import DEVICE, DRAWS, SEED
from recint.system.escaping import command as as_command
from recint.system.files import named_path
from recint.system.outputs import require_files

HELP = "measure again what the notebook printed"
DESCRIPTION = """\
Measures again every number that the notebook printed: in the notebook's way, and in a sound way. The status is 0, or 2 if the call
or an input is wrong.
"""
EXAMPLES = ("recint replicate", "recint replicate my-model --html replication.html")

_DRAWS = replace(DRAWS, help="how many recurrences each number is measured on", default=500, otherwise="500")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_checkpoint(command)
    add(command, DEVICE, SEED, _DRAWS)
    command.add_argument("--markdown", type=named_path, metavar="FILE.md", help="write the table to this file")
    command.add_argument(
        "--html", type=named_path, metavar="FILE.html", help="write the table and the figures to this file"
    )


def run(options: argparse.Namespace) -> int:
    """Measure again what the notebook printed, in its way and in a sound way."""
    from recint.model.transformer import Model, resolve_device
    from recint.replication import page as replication_page
    from recint.replication.gallery import gallery
    from recint.replication.table import replicate
    from recint.subjects import REFERENCE_CHECKPOINT

    require_counts(options, in_memory=True)
    require_files(options.markdown, options.html, inputs=(options.checkpoint,))
    model = Model(load(options.checkpoint or REFERENCE_CHECKPOINT), device=resolve_device(options.device))
    rows = replicate(model, draws=options.draws, seed=options.seed)
    given = [options.checkpoint] if options.checkpoint else []
    command = as_command("recint", "replicate", *given, *drawn(options))
    about = {"checkpoint": model.checkpoint.name, "command": command}
    pages = {options.markdown: replication_page.markdown(rows, **about)}
    if options.html:
        pages[options.html] = replication_page.html(rows, gallery(model, seed=options.seed), **about)
    write_all(pages)
    print(replication_page.terminal(rows))
    tell(*pages)
    return 0
