"""`recint claims`: list the claims of a folder."""

from __future__ import annotations

import argparse

from recint.cli.options import add, tell, write_all
from recint.options import HYPOTHESES
from recint.system.escaping import line
from recint.system.files import named_path
from recint.system.outputs import require_files

HELP = "list the claims"
DESCRIPTION = """\
Lists the claims. For each it prints the id, the statement, and when it holds; at the end, what the claims are about.
"""
EXAMPLES = ("recint claims", "recint claims 'l2.*'", "recint claims --hypotheses my-claims --markdown claims.md")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("claims", nargs="*", metavar="GLOB", help="list only the claims whose id matches, e.g. 'l2.*'")
    add(command, HYPOTHESES)
    command.add_argument(
        "--markdown", type=named_path, metavar="FILE.md", help="write a page about these claims to this file"
    )


def run(options: argparse.Namespace) -> int:
    """List the claims."""
    from recint.catalogue import properties
    from recint.globs import require_matches, selected
    from recint.pages.claims_page import page
    from recint.subjects import subject_of
    from recint.words import counted

    require_files(options.markdown)
    declared, about = properties(options.hypotheses), subject_of(options.hypotheses).NAME
    globs = require_matches(options.claims, [prop.claim.id for prop in declared])
    chosen = [prop for prop in declared if selected(prop.claim.id, globs)]
    if options.markdown:
        write_all({options.markdown: page(chosen)})
        tell(options.markdown)
        return 0
    for claim in (prop.claim for prop in chosen):
        print(line(f"{claim.id} (version {claim.version}, {claim.quantifier})"))
        sentences = [claim.statement, *([f"amended because {claim.because}"] if claim.because else [])]
        sentences += [f"holds if {claim.statistic} {claim.relation} {claim.threshold:g}; source: {claim.source}"]
        for sentence in sentences:
            print(f"    {line(sentence)}")
    print(line(f"{counted(len(chosen), 'claim')} about {about}"))
    return 0
