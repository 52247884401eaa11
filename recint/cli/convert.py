"""`recint convert`: write a checkpoint in another format."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from recint.cli.options import add, load
from recint.options import CHECKPOINT, TASK
from recint.system.escaping import line
from recint.system.files import named_path

HELP = "write a checkpoint in another format"
DESCRIPTION = """\
Writes a checkpoint in another format. The tensors stay the same, and so does their hash.
"""
EXAMPLES = ("recint convert model.pth model.safetensors", "recint convert model.pth my-model")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("source", type=named_path, metavar="CHECKPOINT", help=CHECKPOINT.help)
    command.add_argument(
        "target", type=named_path, metavar="TARGET", help="a folder, .safetensors or .pth that does not exist yet"
    )
    add(command, TASK)


def run(options: argparse.Namespace) -> int:
    """Write a checkpoint in another format. The hash of its tensors stays the same."""
    from recint import checkpoint as checkpoints
    from recint.state_dict import SAFETENSORS, TORCH

    target, formats = Path(options.target), (*TORCH, SAFETENSORS)
    if target.exists():
        raise ValueError(f"{target}: exists already and would be overwritten; give another name")
    # Refuse a folder whose name ends like a file, and a file with an unknown ending: both are likely to be mistakes.
    if target.suffix and (target.suffix in formats) == options.target.endswith(os.sep):
        ending = "a folder" if target.suffix in formats else repr(target.suffix)
        raise ValueError(
            f"{options.target}: ends like {ending}, but a file ends in {', '.join(formats)}, and a folder with a dot in its "
            f"name in {os.sep}"
        )
    loaded = load(options.source, task=options.task)
    checkpoints.save(loaded, target)
    print(line(f"wrote {target} (tensors sha256 {loaded.sha256[:12]})"))
    return 0
