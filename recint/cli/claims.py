"""`recint claims`: list the claims in force."""

from __future__ import annotations

import argparse

from recint.cli.options import add, tell, write_all
from recint.options import HYPOTHESES
from recint.system.escaping import line
from recint.system.files import named_path
from recint.system.outputs import require_files

HELP = "list the claims in force"
DESCRIPTION = """\
Lists the claims in force: for each its id, what it states, and when it holds.
"""
EXAMPLES = ("recint claims", "recint claims 'l2.*'", "recint claims --hypotheses my-claims --markdown claims.md")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("claims", nargs="*", metavar="GLOB", help="list only the claims whose id matches, e.g. 'l2.*'")
    add(command, HYPOTHESES)
    command.add_argument(
        "--markdown", type=named_path, metavar="FILE.md", help="write all that is known of them to this file"
    )


def run(options: argparse.Namespace) -> int:
    """List the claims in force."""
    from recint.catalogue import properties, require_matches, selected
    from recint.pages.claims_page import page

    require_files(options.markdown)
    declared = properties(options.hypotheses)
    globs = require_matches(options.claims, [prop.claim.id for prop in declared])
    chosen = [prop for prop in declared if selected(prop.claim.id, globs)]
    if options.markdown:
        write_all({options.markdown: page(chosen)})
        tell(options.markdown)
        return 0
    for claim in (prop.claim for prop in chosen):
        print(line(f"{claim.id} (version {claim.version}, {claim.quantifier})"))
        told = [claim.statement, *([f"amended because {claim.because}"] if claim.because else [])]
        told += [f"holds if {claim.statistic} {claim.relation} {claim.threshold:g}; source: {claim.source}"]
        for sentence in told:
            print(f"    {line(sentence)}")
    return 0
