"""`recint register`: put the claims in force into the research log, without judging anything."""

from __future__ import annotations

import argparse
from pathlib import Path

from recint.cli.options import add
from recint.options import HYPOTHESES, LOG
from recint.system.escaping import line

HELP = "register the claims in force in the research log"
DESCRIPTION = """\
Writes the claims in force into the research log and judges nothing. Do this before a checkpoint is judged for the first time, and
commit the log: only then are the verdicts of that first run confirmatory.
"""
EXAMPLES = ("recint register", "recint register --hypotheses my-claims")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add(command, HYPOTHESES, LOG)


def run(options: argparse.Namespace) -> int:
    """Register the claims in force without judging anything: before a checkpoint is evaluated for the first time."""
    from recint.catalogue import properties
    from recint.record import log_file, registration
    from recint.record.procedure import registrations

    folder = Path(options.hypotheses)
    kept = log_file.folder_of(folder, options.log)
    new = registration.register(kept, registrations(prop.claim for prop in properties(folder)), when=log_file.now())
    print("\n".join(map(line, new)) or "nothing new")
    print(f"commit {kept / log_file.CLAIMS} before the checkpoint is evaluated, and its verdicts are confirmatory")
    return 0
