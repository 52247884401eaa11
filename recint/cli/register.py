"""`recint register`: write the claims into the research log without judging them."""

from __future__ import annotations

import argparse
from pathlib import Path

from recint.cli.options import add
from recint.options import HYPOTHESES, LOG
from recint.system.escaping import line

HELP = "register the claims in the research log"
DESCRIPTION = """\
Writes the claims into the research log and judges nothing. Do this before a checkpoint is judged for the first time, and commit the
log. Only then are the verdicts of that first run confirmatory.
"""
EXAMPLES = ("recint register", "recint register --hypotheses my-claims")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add(command, HYPOTHESES, LOG)


def run(options: argparse.Namespace) -> int:
    """Register the claims in the research log without judging them."""
    from recint.catalogue import properties
    from recint.record import log_file, registration
    from recint.record.procedure import registrations

    folder = Path(options.hypotheses)
    kept = log_file.folder_of(folder, options.log)
    new = registration.register(kept, registrations(prop.claim for prop in properties(folder)), when=log_file.now())
    print("\n".join(map(line, new)) or "nothing new")
    print(
        f"commit {kept / log_file.CLAIMS} and the modules of the claims before a checkpoint is judged for the first time: "
        "then its verdicts are confirmatory"
    )
    return 0
