"""`recint sweep`: judge many checkpoints, on this machine or on a cluster."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from recint.cli.options import add, drawn, require_counts, take_path, tell, words, write_all
from recint.options import CLAIMS, DEVICE, DRAWS, HYPOTHESES, LOG, NO_CONTROLS, NO_LOG, RUN_SEED, TASK, WORKERS
from recint.system.escaping import command as as_command
from recint.system.escaping import line
from recint.system.files import is_writable, named_path
from recint.system.outputs import require_files

HELP = "judge many checkpoints, on this machine or on a cluster"
DESCRIPTION = """\
Judges every claim on many checkpoints and writes a table and a report. Checkpoints that were judged before are not judged again, so
a sweep that was stopped can be continued with the same command.

The status is 0 if every checkpoint was judged, 1 if one of them could not be judged, 2 if the call or an input is wrong.
"""
EXAMPLES = (
    "recint sweep 'runs/*/snapshots/*' --out sweep -n 4",
    "recint sweep checkpoints.txt --scheduler tcp://host:8786",
)

_TASK = replace(TASK, help="what the checkpoints were trained on that do not say it themselves")
_PAGES = _TABLE, _SUMMARY, _REPORT = "table.parquet", "summary.md", "report.html"


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument(
        "checkpoints",
        nargs="*",
        type=named_path,
        metavar="CHECKPOINT",
        help="the checkpoints: paths, globs, or a .txt file that lists them",
    )
    command.add_argument(
        "--out",
        type=named_path,
        default="sweep",
        metavar="DIR",
        help="write the table, the report and a verdict file for each checkpoint to this folder (default: %(default)s)",
    )
    add(command, _TASK, HYPOTHESES, CLAIMS, DEVICE, RUN_SEED, DRAWS, NO_CONTROLS, LOG, NO_LOG, WORKERS)
    command.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="send the work to this Dask scheduler, e.g. tcp://host:8786 (default: a cluster on this machine)",
    )


def run(options: argparse.Namespace) -> int:
    """Judge many checkpoints on a cluster, and write a table and a report. Returns 1 if one of them could not be judged."""
    from tqdm import tqdm

    from recint.catalogue import properties
    from recint.globs import require_matches
    from recint.model.transformer import resolve_device
    from recint.pages import sweep_page
    from recint.record import log_file, standing
    from recint.sweep import jobs as sweeps
    from recint.sweep import table as sweep_record
    from recint.sweep import task
    from recint.sweep.row import Row
    from recint.verdict import stages_of, tally

    require_counts(options)
    take_path(options)
    if not options.checkpoints:
        raise ValueError(
            "no checkpoint is named, but at least one is expected: a path, a glob, or a .txt file that lists them"
        )
    folder, out = Path(options.hypotheses).resolve(), Path(options.out)
    require_matches(options.claims or (), {prop.claim.id for prop in properties(folder)})
    checkpoint_paths = sweeps.paths(options.checkpoints)
    if not is_writable(out):
        raise ValueError(f"{out}: cannot be written; name another folder with --out")
    require_files(*(str(out / name) for name in _PAGES), inputs=(options.task,))
    _require_own(out, kept=sweeps.VERDICTS)
    how = task.with_code(
        sweeps.How(
            hypotheses=str(folder),
            task=_task(options),
            claims=tuple(options.claims or ()),
            seed=options.seed,
            stages=stages_of(options.draws),
            device=options.device,
            controls=options.controls,
        )
    )
    if not options.scheduler:
        resolve_device(options.device)
    kept, claims = log_file.folder_of(folder, options.log), [prop.claim for prop in task.asked(how)]
    logged = sweep_record.keep(kept, how, claims) if options.logging else lambda _: None
    if options.logging and (warned := sweep_record.warning(kept, how, claims)):
        print(line(warned), flush=True)
    results: dict[str, sweeps.Done] = {}
    try:
        with (
            sweeps.cluster(workers=options.workers, scheduler=options.scheduler) as client,
            tqdm(total=len(checkpoint_paths), unit="checkpoint", disable=None) as bar,
            closing(sweeps.sweep(checkpoint_paths, how, out, client, say=lambda said: bar.write(line(said)))) as judged,
        ):
            if link := sweeps.dashboard(client):
                bar.write(f"dashboard: {link}")
            counts: Counter[str] = Counter()
            for done in judged:
                logged(done)
                results[done.path] = done
                counts += Counter(done.verdicts)
                if done.error:
                    bar.write(line(f"! {done.error}"))
                if done.note:
                    bar.write(line(done.note))
                bar.set_postfix(dict(tally(counts.elements())), refresh=False)
                bar.update()
    finally:  # also if the sweep is stopped: what was judged so far is written
        if results:
            rows = sweep_record.rows(
                [results[path] for path in checkpoint_paths if path in results], log_file.read(kept)
            )
            command = as_given(options)
            pages: dict[str | None, str | Callable[[Path], None]] = {
                str(out / _TABLE): lambda path: sweep_record.write_table(rows, path),
                str(out / _SUMMARY): sweep_page.markdown(rows, command=command),
                str(out / _REPORT): sweep_page.html(rows, command=command),
            }
            write_all(pages)
            tell(out / _REPORT)
    if options.logging:
        print(standing.of_sweep(row.standing for row in rows if isinstance(row, Row)))
    known, failed = (sum(bool(getattr(done, name)) for done in results.values()) for name in ("known", "error"))
    print(f"{len(results)} checkpoints: {known} were judged before, {failed} could not be judged")
    if options.logging:
        print(line(f"log: {kept}"))
    return int(failed > 0)


def _task(options: argparse.Namespace) -> str | None:
    """The absolute path of the file with the task, because a worker may have another working folder.

    Raises:
        ValueError: the claims are about another subject, or the file says no task.
    """
    from recint.checkpoint import read_task
    from recint.subjects import require_task_fits

    require_task_fits(options.task, options.hypotheses)
    if options.task is None:
        return None
    read_task(options.task)
    return str(Path(options.task).absolute())


def _require_own(out: Path, *, kept: str) -> None:
    """Raises ValueError if pages in the folder were not written by a sweep.

    Args:
        kept: the name of the folder in which a sweep keeps its verdicts.
    """
    there = [name for name in _PAGES if (out / name).exists()]
    if there and not (out / kept).is_dir() and _TABLE not in there:
        raise ValueError(
            f"{out}: holds {', '.join(there)}, which the sweep would replace; name another folder with --out"
        )


def as_given(options: argparse.Namespace) -> str:
    """The command line of a call that gives the same verdicts."""
    chosen = words(options, TASK, HYPOTHESES, DEVICE, CLAIMS, NO_CONTROLS)
    return as_command("recint", "sweep", *options.checkpoints, *chosen, *drawn(options))
