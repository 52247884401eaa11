"""`recint log`: show the research log."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from recint.cli.options import add, add_checkpoint, load, take_path, tell
from recint.options import CLAIMS, HYPOTHESES, LOG
from recint.system.escaping import line, terminal
from recint.system.files import named_path, write
from recint.system.outputs import require_files

HELP = "show the research log: runs, claims, and what changed"
DESCRIPTION = """\
Shows the research log: every run, and how the verdicts changed from run to run. The status is 0, or 2 if the
call or an input is wrong.
"""
EXAMPLES = (
    "recint log",
    "recint log my-model --claims 'l2.*'",
    "recint log --changes 3 5",
    "recint log --html log.html",
)


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_checkpoint(command, "show only the runs of this checkpoint: its name, its path, or the beginning of its hash")
    add(command, HYPOTHESES, LOG, replace(CLAIMS, help="show the history of the claims whose id matches, e.g. 'l2.*'"))
    command.add_argument("--changes", nargs=2, metavar="RUN", help="show which verdicts changed between these two runs")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument(
        "--html", type=named_path, metavar="FILE.html", help="write a timeline, claims x runs, to this file"
    )


def run(options: argparse.Namespace) -> int:
    """Show the research log."""
    import json

    from recint.pages import log_page
    from recint.record import history, log_file

    take_path(options)
    if not options.log and not Path(options.hypotheses).is_dir():
        raise ValueError(
            f"{options.hypotheses}: is no folder, but the folder of the claims whose log is shown is expected"
        )
    folder = log_file.folder_of(Path(options.hypotheses), options.log)
    require_files(options.html, inputs=(options.checkpoint, *map(str, folder.glob("*.jsonl"))))
    known = log_file.read(folder)
    checkpoint = options.checkpoint
    if checkpoint and not known.on(checkpoint) and Path(checkpoint).exists():
        from recint.judging import entries
        from recint.record.identity import brief, identity

        about = entries.about(load(checkpoint))
        history.runs_on(known, identity(about), named=f"{checkpoint!r} ({brief(about, digits=12)})")
        checkpoint = identity(about)
    numbers = options.changes or ()
    shown = history.select(known, checkpoint=checkpoint, claims=options.claims or (), runs=numbers)
    for sentence in shown.damaged:
        print(line(f"recint: {sentence}"), file=sys.stderr)
    changed = history.changes(shown, *(history.numbered(known.runs, number) for number in numbers)) if numbers else None
    if options.html:  # before printing, because the reader of the output may stop the command
        write(Path(options.html), log_page.html(shown, changed, folder=str(folder)))
    if options.json:
        print(json.dumps(history.document(shown, changed), indent=1))
    else:
        print(terminal(log_page.terminal(shown, changed, folder=str(folder), by_claim=bool(options.claims))))
    tell(options.html, to=sys.stderr if options.json else sys.stdout)
    return 0
