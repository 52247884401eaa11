"""`recint verify`: judge every claim on a checkpoint."""

from __future__ import annotations

import argparse

from recint.cli.options import add_checkpoint, add_run, load_for, require_counts, take_path
from recint.options import RunOptions
from recint.system.outputs import require_files

HELP = "judge every claim on a checkpoint"
DESCRIPTION = """\
Judges every claim on a checkpoint. Prints a line for each claim, and a summary when all claims are judged.

The status is 0 if every claim has the expected verdict; a claim without an expected verdict must be supported, if it applies. The
status is 1 if a claim has another verdict, and 2 if the call or an input is wrong, or if the run ended without verdicts.
"""
EXAMPLES = (
    "recint verify",
    "recint verify my-model.safetensors --report report.html",
    "recint verify my-model --claims 'l0.*' 'l1.*' --draws 1000",
    "recint verify new-model --against old-model --allow 'probe.*'",
)


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_checkpoint(command)
    add_run(command)


def run(options: argparse.Namespace) -> int:
    """Judge every claim on a checkpoint."""
    from recint.verify import verify

    require_counts(options)
    take_path(options)
    asked = RunOptions.of(vars(options).__getitem__)
    require_files(*asked.written.values(), inputs=asked.read)
    if options.checkpoint is not None:
        load_for(options, options.checkpoint)
    return verify(options)
