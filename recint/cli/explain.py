"""`recint explain`: show what verdicts rest on, and derive them again from the values that were kept."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from recint.cli.options import add
from recint.options import HYPOTHESES
from recint.system.escaping import line, terminal
from recint.system.files import named_path

HELP = "show what a verdict rests on, and derive it again from the values"
DESCRIPTION = """\
Reads a verdict file and the values beside it, which `recint verify --verdicts FILE.json` writes. Derives estimates, intervals,
p-values and verdicts again from the value of every draw. What the search found and what untrained models got is taken from
the verdict file. The status is 1 if a verdict or a number does not follow from its values, and 2 if there are no values.
"""
EXAMPLES = ("recint explain verdicts.json", "recint explain verdicts.json filter.of-c")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("verdicts", type=named_path, metavar="VERDICTS", help="a verdict file, FILE.json")
    command.add_argument(
        "claims",
        nargs="*",
        metavar="CLAIM",
        help="show these claims in full: an id, or a glob like 'l2.*' (default: none)",
    )
    add(command, replace(HYPOTHESES, help="the folder of the claims that were judged"))


def run(options: argparse.Namespace) -> int:
    """Derive the verdicts again. Returns 1 if one of them does not follow from its values."""
    from recint import words
    from recint.catalogue import properties
    from recint.globs import require_matches, selected
    from recint.judging.values import departures, derived
    from recint.pages.explanation import explained
    from recint.record import value_file, verdict_file

    path = Path(options.verdicts)
    judged = verdict_file.read(path)
    globs = require_matches(options.claims, {entry.id for entry in judged.claims})
    if judged.values is None:
        raise ValueError(
            f"{path}: names no file of values, so that nothing can be derived again; recint {judged.environment.get('recint', '')}"
            " wrote it without: verify the checkpoint again"
        )
    kept = value_file.read(path, judged.values)
    claims = {prop.claim.id: prop.claim for prop in properties(Path(options.hypotheses))}
    known = {claim.hash for claim in claims.values()}
    estimated = [entry for entry in judged.claims if entry.id in kept]
    if estimated and not any(entry.hash in known for entry in estimated):
        raise ValueError(
            f"{options.hypotheses}: has none of the claims that {path} has values of, so that nothing can be derived again; "
            "name the folder of the claims that were judged (--hypotheses DIR)"
        )
    follows = derived(judged, kept, claims)
    for entry, derived_again in zip(judged.claims, follows, strict=True):
        if globs and selected(entry.id, globs):
            beside = derived_again if entry.hash in known else None
            print(terminal("\n".join(explained(entry, judged, kept.get(entry.id), beside))), end="\n\n")
    unknown = [entry.id for entry in estimated if entry.hash not in known]
    for claim in unknown:
        print(line(f"{claim}: is not derived again, since {options.hypotheses} has no such claim"), file=sys.stderr)
    wrong = list(departures(judged.claims, follows, kept))
    for sentence in wrong:
        print(line(sentence))
    again = len(estimated) - len(unknown)
    ends = f"{words.counted(len(wrong), 'claim')} with something that does not" if wrong else "nothing that does not"
    print(
        line(f"{words.counted(again, 'verdict')} derived again from the values in {judged.values.name}: {ends} follow")
    )
    return int(bool(wrong))
