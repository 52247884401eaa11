"""`recint attest`: print the predicate of a verdict file, for somebody who signs it."""

from __future__ import annotations

import argparse
from pathlib import Path

from recint.system.files import named_path

HELP = "print a verdict file as an in-toto test result, which can be signed"
DESCRIPTION = """\
Prints the predicate of a verdict file as JSON: a test result in the format of in-toto, with one test for each claim. Nothing is
signed here. GitHub's action `actions/attest` can sign it, together with the hashes of files. The status is 2 if the file of values
that the verdict file names is missing, or is another one.
"""
EXAMPLES = ("recint attest verdicts.json", "recint attest verdicts.json --url https://ci.example.org/job/3")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("verdicts", type=named_path, metavar="VERDICTS", help="a verdict file, FILE.json")
    command.add_argument("--url", metavar="URL", help="the address of the job that judged the claims")


def run(options: argparse.Namespace) -> int:
    """Print the predicate and return the exit status."""
    import json

    from recint.record import value_file, verdict_file
    from recint.record.attestation import predicate

    path = Path(options.verdicts)
    judged = verdict_file.read(path)
    if judged.values:
        value_file.read(path, judged.values)
    print(json.dumps(predicate(judged, url=options.url), indent=1))
    return 0
