"""`recint claims`: list the claims in force."""

from __future__ import annotations

import argparse

from recint.cli.options import add
from recint.options import HYPOTHESES
from recint.system.escaping import line

HELP = "list the claims in force"
DESCRIPTION = """\
Lists the claims in force: for each its id, what it states, and when it holds.
"""
EXAMPLES = ("recint claims", "recint claims 'l2.*'", "recint claims --hypotheses my-claims")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("claims", nargs="*", metavar="GLOB", help="list only the claims whose id matches, e.g. 'l2.*'")
    add(command, HYPOTHESES)


def run(options: argparse.Namespace) -> int:
    """List the claims in force."""
    from recint.catalogue import properties, require_matches, selected

    listed = [prop.claim for prop in properties(options.hypotheses)]
    globs = require_matches(options.claims, [claim.id for claim in listed])
    for claim in listed:
        if selected(claim.id, globs):
            print(line(f"{claim.id} (version {claim.version}, {claim.quantifier})"))
            told = [claim.statement, *([f"amended because {claim.because}"] if claim.because else [])]
            told += [f"holds if {claim.statistic} {claim.relation} {claim.threshold:g}; source: {claim.source}"]
            for sentence in told:
                print(f"    {line(sentence)}")
    return 0
