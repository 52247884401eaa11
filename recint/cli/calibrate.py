"""`recint calibrate`: how often is the suite wrong?"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from recint.cli.options import add, add_checkpoint, drawn, load, require_counts, take_path, tell, words, write_all
from recint.options import CHECKPOINT, CLAIMS, DRAWS, HYPOTHESES, SEED, WORKERS
from recint.system.escaping import command as as_command
from recint.system.escaping import line
from recint.system.files import named_path
from recint.system.outputs import require_files

HELP = "judge models whose truth is known: how often is the suite wrong?"
DESCRIPTION = """\
Judges controls. Controls are models for which the truth is known: untrained models, broken copies of a checkpoint, and models built
by hand. Prints how often the suite was wrong about them. The status is 1 if a verdict contradicts the truth.
"""
EXAMPLES = ("recint calibrate -n 2 --report calibration.html", "recint calibrate my-model --claims 'l2.*'")

_DRAWS = replace(DRAWS, default=1000, otherwise="1000")


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_checkpoint(
        command, f"the checkpoint that is broken, and whose shape all controls have ({CHECKPOINT.otherwise})"
    )
    add(command, HYPOTHESES, CLAIMS, SEED, _DRAWS, WORKERS)
    for name, file, what in (
        ("report", "FILE.html", "the matrix, controls x claims, as a page"),
        ("markdown", "FILE.md", "the matrix as Markdown"),
        ("json", "FILE.json", "every verdict on every control as JSON"),
    ):
        command.add_argument(f"--{name}", type=named_path, metavar=file, help=f"write {what} to this file")


def run(options: argparse.Namespace) -> int:
    """Judge every control and print how often the suite was wrong. Returns 1 if a verdict contradicts the truth."""
    import json

    from tqdm import tqdm

    from recint.calibration.calibrate import calibrate
    from recint.catalogue import properties
    from recint.checkpoint import require_notebook
    from recint.globs import require_matches
    from recint.pages import calibration_page
    from recint.subjects import REFERENCE_CHECKPOINT

    require_counts(options)
    take_path(options)
    folder = Path(options.hypotheses)
    reasons = {prop.claim.id: prop.claim.no_positive for prop in properties(folder)}
    globs = require_matches(options.claims or (), set(reasons))
    checkpoint = options.checkpoint or str(REFERENCE_CHECKPOINT)
    given = [options.checkpoint] if options.checkpoint else []
    given += [*words(options, CLAIMS, HYPOTHESES), *drawn(options)]
    command = as_command("recint", "calibrate", *given)
    require_files(options.report, options.markdown, options.json, inputs=(checkpoint,))
    loaded = load(checkpoint)
    require_notebook(loaded)
    total, results = calibrate(
        checkpoint,
        folder=folder,
        globs=globs,
        seed=options.seed,
        draws=options.draws,
        workers=options.workers,
    )
    rows = []
    with tqdm(total=total, unit="control", disable=None) as bar:
        for row in results:
            rows.append(row)
            bar.update()
            bar.set_postfix({"last": row.name}, refresh=False)
    rows.sort(key=lambda row: row.index)
    pages = {
        options.report: calibration_page.html(rows, checkpoint=loaded.name, command=command, reasons=reasons),
        options.markdown: calibration_page.markdown(rows, command=command, reasons=reasons),
        options.json: json.dumps(
            {
                "schema": 1,
                "checkpoint": loaded.sha256,
                "seed": options.seed,
                "controls": [row.document() for row in rows],
            },
            indent=1,
        )
        + "\n",
    }
    write_all(pages)
    for question, answer in calibration_page.answers(rows, reasons):
        print(line(f"{question}: {answer}"))
    tell(*pages)
    return int(any(calibration_page.wrong(row, claim) for row in rows for claim in row.truth))
