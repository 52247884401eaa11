"""`recint log`: show the research log, check it, judge a run of it again, export it, or join the sides of a conflict in it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from recint.cli.options import add, add_checkpoint, load_for, take_path, tell
from recint.options import CLAIMS, HYPOTHESES, LOG, TASK
from recint.system.escaping import line, terminal, utf8
from recint.system.files import named_path, read, write
from recint.system.outputs import require_files

if TYPE_CHECKING:
    from recint.judging.entry import Run
    from recint.record.history import History
    from recint.record.lines import Line
    from recint.record.log import Log

HELP = "show or check the research log: runs, claims, and what changed"
DESCRIPTION = """\
Shows the research log: every run, and how the verdicts changed from run to run.
With --check it looks for lines that were edited, removed, reordered or inserted, and for verdicts that do not follow from what
the log holds. It names the commit that first held each run. With --rerun it judges a run again, and says what differs.
The status is 0, 1 if a check finds anything or a run differs (one sentence each), or 2 if the call or an input is wrong.
"""
EXAMPLES = (
    "recint log",
    "recint log my-model --claims 'l2.*'",
    "recint log --changes 3 5",
    "recint log --html log.html",
    "recint log --check",
    "recint log --rerun 0040bc96 my-model",
    "recint log --export crate.zip --license https://spdx.org/licenses/MIT --with report.html",
    "recint log --merge hypotheses/log/my-model.jsonl",
)


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_checkpoint(
        command,
        "show only the runs of this checkpoint: its name, its path, or the beginning of its hash; with --rerun, the path of the "
        "checkpoint (default: the shipped one of this name)",
    )
    add(
        command,
        TASK,
        HYPOTHESES,
        LOG,
        replace(CLAIMS, help="show the history of the claims whose id matches, e.g. 'l2.*'"),
    )
    instead = command.add_mutually_exclusive_group()
    instead.add_argument("--changes", nargs=2, metavar="RUN", help="show which verdicts changed between these two runs")
    instead.add_argument(
        "--check", action="store_true", help="check the chain of its lines, its verdicts, and its history in git"
    )
    instead.add_argument(
        "--rerun", metavar="RUN", help="judge this run again, with its seed, draws and profile, and say what differs"
    )
    instead.add_argument(
        "--merge",
        type=named_path,
        metavar="FILE",
        help="in this file of a log, replace git's conflict markers by the lines of both sides",
    )
    instead.add_argument(
        "--export",
        type=named_path,
        metavar="FILE.zip",
        help="write the whole log, the verdicts of each run, and a page of it to this file, as an RO-Crate",
    )
    command.add_argument("--license", metavar="URL", help="with --export: the address of the licence of these files")
    command.add_argument(
        "--with",
        dest="beside",
        nargs="+",
        type=named_path,
        default=[],
        metavar="FILE",
        help="with --export: more files for the crate, e.g. reports, or verdict files with their values",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument(
        "--html", type=named_path, metavar="FILE.html", help="write a timeline, claims x runs, to this file"
    )


def run(options: argparse.Namespace) -> int:
    """Show, check or merge the research log. Returns 1 if a check found anything, otherwise 0."""
    import json

    from recint.pages import log_page
    from recint.record import history, log_file

    instead = options.check or options.merge or options.rerun or options.export
    if instead and (options.json or options.html or options.claims):
        raise ValueError(
            "--check, --merge, --rerun and --export go with neither --claims, --json nor --html: they show nothing else"
        )
    if (options.license or options.beside) and not options.export:
        raise ValueError("--license and --with say what is in an RO-Crate, but none is written (--export FILE.zip)")
    if not options.merge:
        take_path(options)
    if options.task and not (options.checkpoint and Path(options.checkpoint).exists()):
        raise ValueError("--task says what a CHECKPOINT was trained on that is given by its path, but none is given so")
    if options.merge:
        return _merge(Path(options.merge))
    if not options.log and not Path(options.hypotheses).is_dir():
        raise ValueError(
            f"{options.hypotheses}: is no folder, but the folder of the claims whose log is shown is expected"
        )
    folder = log_file.folder_of(Path(options.hypotheses), options.log)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: is no folder, but that of a research log is expected")
    require_files(options.html, inputs=(options.checkpoint, options.task, *map(str, folder.glob("*.jsonl"))))
    known = log_file.read(folder)
    if options.rerun:
        return _rerun(known, options)
    if options.export:
        return _export(folder, known, options)
    checkpoint = options.checkpoint
    if checkpoint and not known.on(checkpoint) and Path(checkpoint).exists():
        from recint.judging import entries
        from recint.record.identity import brief, identity

        about = entries.about(load_for(options, checkpoint))
        history.runs_on(known, identity(about), named=f"{checkpoint!r} ({brief(about, digits=12)})", like=about["name"])
        checkpoint = identity(about)
    if options.check:
        return _check(folder, history.select(known, checkpoint=checkpoint).runs)
    numbers = options.changes or ()
    shown = history.select(known, checkpoint=checkpoint, claims=options.claims or (), runs=numbers)
    _tell_damage(shown)
    changed = history.changes(shown, *(history.numbered(known.runs, number) for number in numbers)) if numbers else None
    if options.html:  # before printing, because the reader of the output may stop the command
        write(Path(options.html), log_page.html(shown, changed, folder=str(folder)))
    if options.json:
        print(json.dumps(history.document(shown, changed), indent=1))
    else:
        print(terminal(log_page.terminal(shown, changed, folder=str(folder), by_claim=bool(options.claims))))
    tell(options.html, to=sys.stderr if options.json else sys.stdout)
    return 0


def _tell_damage(shown: History) -> None:
    """Print a sentence to standard error for each part of the log that cannot be used."""
    for sentence in shown.damaged:
        print(line(f"recint: {sentence}"), file=sys.stderr)


def _check(folder: Path, runs: Sequence[Line]) -> int:
    """Print what a check of the log finds; the first commit is told for these runs. Returns 1 if anything is wrong."""
    from recint.pages import check_page
    from recint.record.check import check
    from recint.record.procedure import registrations

    checked = check(folder, procedure=registrations(())[0]["hash"])
    print(terminal(check_page.terminal(checked, runs)))
    return 1 if checked.findings else 0


def _export(folder: Path, known: Log, options: argparse.Namespace) -> int:
    """Write the log, a verdict file for each run, a page of the log, and further files as an RO-Crate."""
    from recint.pages import log_page
    from recint.record import drift, history, log_file, verdict_file
    from recint.record.crate import crate
    from recint.words import counted

    if not options.license:
        raise ValueError("an RO-Crate says under which licence its files are: give the address of one (--license URL)")
    if options.checkpoint:
        raise ValueError(
            f"checkpoint={options.checkpoint!r}: the whole log is exported, so that its chain can be checked"
        )
    inputs = {utf8(path.name): path for path in map(Path, options.beside)}
    if len(inputs) < len(options.beside):
        raise ValueError("two files that are given by --with have the same name, but names in the crate must differ")
    logged = log_file.contents(folder)
    require_files(options.export, inputs=(*map(str, logged), *options.beside))
    if not known.runs:
        raise ValueError(f"{folder}: has no run that could be exported")
    _tell_damage(shown := history.select(known))
    settled = [run for run in known.runs if known.verdicts_of(run["run"])]
    files = {utf8(f"log/{path.name}"): content for path, content in logged.items()}
    for run in settled:
        name = log_file.file_of(folder, run["checkpoint"]["name"]).name.removesuffix(".jsonl")
        files[f"verdicts/{name}-{run['run']}.json"] = verdict_file.text(drift.run_of(known, run)).encode()
    files["log.html"] = log_page.html(shown, None, folder=str(folder)).encode()
    files |= {f"files/{name}": read(path) for name, path in inputs.items()}
    checkpoints = {run["checkpoint"]["sha256"] for run in known.runs}
    about = f"{counted(len(known.runs), 'run')} on {counted(len(checkpoints), 'checkpoint')}"
    content = crate(
        files,
        name=f"Research log of recint: {about}",
        description=f"The log with its chain of hashes, the verdicts of {counted(len(settled), 'run')}, and a page of all runs. "
        "`recint log --check --log log` says whether a line was changed since it was written.",
        license_url=options.license,
        published=log_file.now()[:10],
    )
    write(Path(options.export), content)
    tell(options.export)
    return 0


def _rerun(known: Log, options: argparse.Namespace) -> int:
    """Judge a run of the log again, and print what differs. Returns 1 if anything does."""
    from recint.record import drift, history
    from recint.record.rerun import otherwise, versions
    from recint.verify import again
    from recint.words import counted

    number = history.numbered(known.runs, options.rerun)
    before = drift.run_of(known, number)
    if not before.claims:
        raise ValueError(
            f"run={number['run']!r} was stopped before its verdicts, so that there are none to compare with"
        )
    checkpoint = _checkpoint_of(before, options)
    _tell_damage(history.select(known))
    now = again(before, checkpoint, hypotheses=Path(options.hypotheses), task=options.task)
    for sentence in versions(before, now):
        print(line(f"note: {sentence}"))
    wrong = list(otherwise(before, now))
    for sentence in wrong:
        print(line(sentence))
    verdicts = counted(len(before.claims), "verdict")
    ends = f"{counted(len(wrong), 'claim')} judged otherwise" if wrong else "all as in the log"
    print(line(f"run {number['run']}: {verdicts} on {before.checkpoint['name']} judged again: {ends}"))
    return int(bool(wrong))


def _checkpoint_of(before: Run, options: argparse.Namespace) -> str:
    """The path of the checkpoint of a run: the given one, or the shipped one of its name.

    Raises:
        ValueError: there is none, or it is another model.
    """
    from recint import shipped
    from recint.judging import entries
    from recint.record.identity import brief, identity

    name = before.checkpoint["name"]
    candidates = (
        [options.checkpoint]
        if options.checkpoint
        else [str(path) for path in sorted(shipped.CHECKPOINTS.glob("*")) if name in (path.name, path.stem)]
    )
    if not candidates:
        raise ValueError(f"checkpoint={name!r} is not among those that come with recint: give its path")
    about = entries.about(load_for(options, candidates[0]))
    if identity(about) != identity(before.checkpoint):
        found, expected = (brief(one, digits=12) for one in (about, before.checkpoint))
        raise ValueError(f"{candidates[0]}: is another model than that of the run ({found}, but expected {expected})")
    return candidates[0]


def _merge(path: Path) -> int:
    from recint.record.merging import merge

    print(line(f"{path}: {merge(path)} lines, those of both sides; `git add` it, and end the merge"))
    return 0
