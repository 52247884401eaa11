"""The command line: `recint COMMAND ...`, and what each command does with its options.

Modules that load PyTorch are imported where they are used, which takes a while: so a call that is interrupted meanwhile, or
cannot import them, ends like any other.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NoReturn, TextIO

from recint import BAD_CALL, __version__, shipped
from recint.system.escaping import line, readable, terminal
from recint.system.files import is_stream, is_writable, named_path, write
from recint.system.interruption import Interruption, watched_for
from recint.system.outputs import not_written, require_files

if TYPE_CHECKING:
    from recint.checkpoint import Checkpoint

CALIBRATION_DRAWS = 1000
REPLICATION_DRAWS = 500
MOST_WORKERS = 256  # beyond it a number is a mistake, which is better told than tried
# As a shell tells of a program that was interrupted, or whose reader had enough.
INTERRUPTED, UNREAD = 130, 141
_DRAWS_HELP = "recurrences per estimate (default: 200, then 1000, then 5000, until they decide)"
_LOG_HELP = "folder of the research log; default: log, beside the claims (./recint-log if these are installed)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 as expected, 1 refuted or departing, 2 whatever else went wrong."""
    with watched_for() as interruption:
        return _run(arguments, interruption)


def _run(arguments: Sequence[str] | None, interruption: Interruption) -> int:
    called = False
    readable(sys.stdout, sys.stderr)
    try:
        options = _parser().parse_args(arguments)
        called = True
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except BaseException as error:  # status 1, which Python has for these, says that a claim was refuted
        if interruption.came or isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        if isinstance(error, SystemExit) and not called:  # of argparse, which has told why
            raise
        if isinstance(error, BrokenPipeError) and not error.filename:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes what is left at its end
            return UNREAD
        print(line(f"recint: {_sentence(error)}"), file=sys.stderr)
        return BAD_CALL


def _sentence(error: BaseException) -> str:
    match error:
        case ValueError():  # every error of input is one, and one sentence
            return str(error)
        case OSError(filename=str() | bytes() | Path() as name):
            return f"{os.fsdecode(name)}: {error.strerror or error}"
        case OSError():
            return f"standard output: {error.strerror}" if error.strerror else str(error)
        case MemoryError():
            return "there is not enough memory for this; try fewer draws, or fewer workers"
        case SystemExit():
            return f"the code of a claim ended the process (sys.exit({error.code!r})); let it raise an error instead"
    from traceback import extract_tb

    last = extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    return f"this should not have happened, please report it: {type(error).__name__}: {error} ({where})"


def verify(options: argparse.Namespace) -> int:
    """Judge every claim on a checkpoint."""
    from recint.verify import verify as run

    _require_counts(options)
    _take_path(options)
    outputs = (options.report, options.verdicts, options.junit, options.summary)
    require_files(*outputs, inputs=(options.checkpoint, options.expected, options.against))
    if options.checkpoint is not None:
        _load(options.checkpoint)
    return run(options)


def expect(options: argparse.Namespace) -> int:
    """Write the verdicts of a run as those expected from now on, keeping the reasons already there."""
    from recint import plugin
    from recint.judging import entries
    from recint.pages import board as boards
    from recint.record import expected
    from recint.record.identity import brief, identity

    _take_path(options)
    if options.claims or options.against:
        raise ValueError("verdicts are expected of all claims of a run by itself: give neither --claims nor --against")
    checkpoint = _load(options.checkpoint or plugin.REFERENCE_CHECKPOINT)
    target = Path(options.into or shipped.record(Path(options.hypotheses), "expected") / f"{checkpoint.name}.toml")
    about = entries.about(checkpoint)
    old = expected.load(target) if target.exists() and not is_stream(target) else None
    if old and not options.into and not old.speaks_of(about):
        raise ValueError(
            f"{target}: has the verdicts of another checkpoint ({old.sha256[:12]}, {old.config or 'any config'}); "
            "name it with --into to replace them"
        )
    outputs = (options.report, options.verdicts, options.junit, options.summary)
    require_files(str(target), *outputs, inputs=(options.checkpoint, options.use))
    with TemporaryDirectory() as scratch:
        source = options.use
        if not source:
            options.verdicts = options.verdicts or str(Path(scratch) / "verdicts.json")
            if verify(options) >= BAD_CALL:
                return BAD_CALL
            source = options.verdicts
        run = boards.read(Path(source))
    if identity(run["checkpoint"]) != identity(about):
        raise ValueError(
            f"{source}: judges another checkpoint than {checkpoint.name} ({brief(run['checkpoint'], digits=12)}, "
            f"not {brief(about, digits=12)}); verify it again"
        )
    known = old.claims if old else {}
    write(target, expected.text(run, known))
    for sentence in expected.changes(known, run):
        print(terminal(sentence))
    _tell(target)
    return 0


def register(options: argparse.Namespace) -> int:
    """Register the claims in force without judging anything: before a checkpoint is evaluated for the first time."""
    from recint.catalogue import properties
    from recint.judging.procedure import registrations
    from recint.record import log

    folder = Path(options.hypotheses)
    kept = log.folder_of(folder, options.log)
    new = log.register(kept, registrations(prop.claim for prop in properties(folder)), when=log.now())
    print("\n".join(map(line, new)) or "nothing new")
    print(f"commit {kept / log.CLAIMS} before the checkpoint is evaluated, and its verdicts are confirmatory")
    return 0


def log(options: argparse.Namespace) -> int:
    """Show the research log; 0 whatever is in it."""
    import json

    from recint.pages import log_page
    from recint.record import history
    from recint.record import log as research

    _take_path(options)
    if not options.log and not Path(options.hypotheses).is_dir():
        raise ValueError(
            f"{options.hypotheses}: no such folder, but the one of the claims whose log is shown is expected"
        )
    folder = research.folder_of(Path(options.hypotheses), options.log)
    require_files(options.html, inputs=(options.checkpoint, *map(str, folder.glob("*.jsonl"))))
    known = research.read(folder)
    checkpoint = options.checkpoint
    if checkpoint and not known.on(checkpoint) and Path(checkpoint).exists():
        from recint.judging import entries
        from recint.record.identity import brief, identity

        about = entries.about(_load(checkpoint))
        history.runs_on(known, identity(about), named=f"{checkpoint!r} ({brief(about, digits=12)})")
        checkpoint = identity(about)
    numbers = options.changes or ()
    shown = history.select(known, checkpoint=checkpoint, claims=options.claims or (), runs=numbers)
    for sentence in shown.damaged:
        print(line(f"recint: {sentence}"), file=sys.stderr)
    changed = history.changes(shown, *(history.numbered(known.runs, number) for number in numbers)) if numbers else None
    if options.html:  # before anything is shown, which whoever reads it may break off
        write(Path(options.html), log_page.html(shown, changed, folder=str(folder)))
    if options.json:
        print(json.dumps(history.document(shown, changed), indent=1))
    else:
        print(terminal(log_page.terminal(shown, changed, folder=str(folder), by_claim=bool(options.claims))))
    _tell(options.html, to=sys.stderr if options.json else sys.stdout)
    return 0


def sweep(options: argparse.Namespace) -> int:
    """Judge many checkpoints as tasks of a cluster, into a table and a report; 1 if one of them could not be judged."""
    from tqdm import tqdm

    from recint.catalogue import properties, require_matches
    from recint.model.transformer import resolve_device
    from recint.pages import sweep_page
    from recint.record import log, standing
    from recint.sweep import jobs as sweeps
    from recint.sweep import table as sweep_record
    from recint.sweep import task
    from recint.verdict import SYMBOLS, stages_of

    _require_counts(options)
    _take_path(options)
    if not options.checkpoints:
        raise ValueError("no checkpoint is named, but some are expected: paths, globs, or a .txt file that lists them")
    folder, out = Path(options.hypotheses).resolve(), Path(options.out)
    require_matches(options.claims or (), {prop.claim.id for prop in properties(folder)})
    checkpoint_paths = sweeps.paths(options.checkpoints)
    if not is_writable(out):
        raise ValueError(f"{out}: cannot be written; name another folder with --out")
    require_files(*(str(out / name) for name in ("table.parquet", "summary.md", "report.html")))
    how = task.with_code(
        sweeps.How(
            hypotheses=str(folder),
            claims=tuple(options.claims or ()),
            seed=options.seed,
            stages=stages_of(options.draws),
            device=options.device,
            controls=options.controls,
        )
    )
    if not options.scheduler:
        resolve_device(options.device)
    kept, claims = log.folder_of(folder, options.log), [prop.claim for prop in task.asked(how)]
    logged = sweep_record.keep(kept, how, claims) if options.logging else lambda _: None
    if options.logging and (warned := sweep_record.warning(kept, how, claims)):
        print(line(warned), flush=True)
    found: dict[str, sweeps.Done] = {}
    try:
        with (
            sweeps.cluster(workers=options.workers, scheduler=options.scheduler) as client,
            tqdm(total=len(checkpoint_paths), unit="checkpoint", disable=None) as bar,
            closing(sweeps.sweep(checkpoint_paths, how, out, client, say=bar.write)) as judged,
        ):
            if link := sweeps.dashboard(client):
                bar.write(f"dashboard: {link}")
            counts: Counter[str] = Counter()
            for done in judged:
                logged(done)
                found[done.path] = done
                counts += Counter(done.verdicts)
                if done.error:
                    bar.write(line(f"! {done.error}"))
                if done.note:
                    bar.write(line(done.note))
                bar.set_postfix({verdict: counts[verdict] for verdict in SYMBOLS if counts[verdict]}, refresh=False)
                bar.update()
    finally:  # what was judged so far is worth a look, if the sweep is stopped too
        if found:
            rows = sweep_record.rows([found[path] for path in checkpoint_paths if path in found], log.read(kept))
            command = _as_given(options)
            pages: dict[str | None, str | Callable[[Path], None]] = {
                str(out / "table.parquet"): lambda path: sweep_record.write_table(rows, path),
                str(out / "summary.md"): sweep_page.markdown(rows, command=command),
                str(out / "report.html"): sweep_page.html(rows, command=command),
            }
            _write_all(pages)
            _tell(out / "report.html")
    if options.logging:
        print(standing.of_rows(rows))
    known, failed = (sum(bool(getattr(done, name)) for done in found.values()) for name in ("known", "error"))
    print(f"{len(found)} checkpoints: {known} were judged before, {failed} could not be judged")
    if options.logging:
        print(f"log: {kept}")
    return int(failed > 0)


def _as_given(options: argparse.Namespace) -> str:
    """A call of `sweep` that comes to the same verdicts."""
    from recint.catalogue import SHIPPED

    words = ["recint", "sweep", *options.checkpoints]
    for name, usual in (("hypotheses", str(SHIPPED)), ("device", "auto")):
        if (given := getattr(options, name)) != usual:
            words += [f"--{name}", given]
    if options.claims:
        words += ["--claims", *options.claims]
    if not options.controls:
        words.append("--no-controls")
    return shlex.join([*words, *_drawn(options)])


def _drawn(options: argparse.Namespace) -> list[str]:
    given = ["--seed", str(options.seed)]
    return given if options.draws is None else [*given, "--draws", str(options.draws)]


def train(options: argparse.Namespace) -> int:
    """Train a model by the recipe, with a progress bar, into a folder that a stopped run continues from."""
    from tqdm import tqdm

    from recint.checkpoint import ModelConfig
    from recint.model.transformer import resolve_device
    from recint.pages.card import write_card
    from recint.recurrence import Distribution
    from recint.training.recipe import Recipe
    from recint.training.train import Progress
    from recint.training.train import train as run

    out, snapshots = options.out, list(options.snapshots)
    if out is None and snapshots and isinstance(snapshots[-1], str):
        out = named_path(snapshots.pop())  # argparse gives all that follows to the option before it
    if out is None:
        raise ValueError("no folder is named, but one to train into is expected, before --snapshots")
    if wrong := [step for step in snapshots if isinstance(step, str)]:
        raise ValueError(f"snapshots={wrong!r} must be whole numbers")
    model = ModelConfig(**{name: getattr(options, name) for name in _MODEL_OPTIONS})
    data = Distribution(
        c=tuple(options.c), d=tuple(options.d), start=tuple(options.start), cap=tuple(options.cap),
        dim=options.d_vocab, order=options.order, length=options.length,
    )  # fmt: skip
    recipe = Recipe(model=model, data=data, **{name: getattr(options, name) for name in _RECIPE_OPTIONS})
    with tqdm(total=recipe.steps, unit="step", disable=None) as bar:
        shown = {"loss": "", "validation": ""}

        def progress(now: Progress) -> None:
            bar.update(now.step - bar.n)
            shown["loss"] = f"{now.loss:.2e}"
            if now.validation is not None:
                shown["validation"] = f"{now.validation:.2e}"
            bar.set_postfix(shown, refresh=False)

        run(
            recipe,
            out,
            device=resolve_device(options.device),
            snapshots=frozenset(snapshots),
            progress=progress,
        )
    write_card(Path(out))
    print(line(f"wrote {out}: verify it with `recint verify {shlex.quote(out)}`"))
    return 0


def convert(options: argparse.Namespace) -> int:
    """Write a checkpoint in another format; the tensor hash stays."""
    from recint import checkpoint as checkpoints
    from recint.state_dict import SAFETENSORS, TORCH

    target, formats = Path(options.target), (*TORCH, SAFETENSORS)
    if target.exists():
        raise ValueError(f"{target}: exists already, and is not overwritten")
    # A folder may have any name, but one that a file has by a slip of the pen.
    if target.suffix and (target.suffix in formats) == options.target.endswith(os.sep):
        found = "a folder" if target.suffix in formats else repr(target.suffix)
        raise ValueError(
            f"{options.target}: ends like {found}, but a file ends in {', '.join(formats)}, and a folder with a dot in its "
            f"name in {os.sep}"
        )
    loaded = _load(options.source)
    checkpoints.save(loaded, target)
    print(line(f"wrote {target} (tensors sha256 {loaded.sha256[:12]})"))
    return 0


def calibrate(options: argparse.Namespace) -> int:
    """Judge every control, show the matrix, and say how often the suite was wrong; 1 if a verdict contradicts the truth."""
    import json

    from tqdm import tqdm

    from recint import plugin
    from recint.calibration.calibrate import calibrate as run
    from recint.catalogue import SHIPPED, properties, require_matches
    from recint.pages import calibration_page

    _require_counts(options)
    _take_path(options)
    folder = Path(options.hypotheses)
    reasons = {prop.claim.id: prop.claim.no_positive for prop in properties(folder)}
    globs = require_matches(options.claims or (), set(reasons))
    checkpoint = options.checkpoint or str(plugin.REFERENCE_CHECKPOINT)
    chosen = [*([options.checkpoint] if options.checkpoint else []), *(["--claims", *globs] if globs else [])]
    chosen += ["--hypotheses", options.hypotheses] if options.hypotheses != str(SHIPPED) else []
    command = shlex.join(["recint", "calibrate", *chosen, *_drawn(options)])
    require_files(options.report, options.markdown, options.json, inputs=(checkpoint,))
    loaded = _load(checkpoint)
    results = run(
        checkpoint,
        folder=folder,
        globs=globs,
        seed=options.seed,
        draws=options.draws,
        workers=options.workers,
    )
    total = next(results)["total"]
    rows = []
    with tqdm(total=total, unit="control", disable=None) as bar:
        for row in results:
            rows.append(row)
            bar.update()
            bar.set_postfix({"last": row["name"]}, refresh=False)
    rows.sort(key=lambda row: row["index"])
    pages = {
        options.report: calibration_page.html(rows, checkpoint=loaded.name, command=command, reasons=reasons),
        options.markdown: calibration_page.markdown(rows, command=command, reasons=reasons),
        options.json: json.dumps(
            {"schema": 1, "checkpoint": loaded.sha256, "seed": options.seed, "controls": rows}, indent=1
        )
        + "\n",
    }
    _write_all(pages)
    for question, answer in calibration_page.answers(rows, reasons):
        print(line(f"{question}: {answer}"))
    _tell(*pages)
    return int(any(calibration_page.wrong(row, claim) for row in rows for claim in row["truth"]))


def replicate(options: argparse.Namespace) -> int:
    """Measure again what the notebook printed, the notebook's way and a sound way; 0 whatever comes of it."""
    from recint import plugin
    from recint.model.transformer import Model, resolve_device
    from recint.pages import replication_page
    from recint.replication.gallery import gallery
    from recint.replication.table import replicate as run

    _require_counts(options)
    require_files(options.markdown, options.html, inputs=(options.checkpoint,))
    model = Model(_load(options.checkpoint or plugin.REFERENCE_CHECKPOINT), device=resolve_device(options.device))
    rows = run(model, draws=options.draws, seed=options.seed)
    chosen = [options.checkpoint] if options.checkpoint else []
    command = shlex.join(["recint", "replicate", *chosen, *_drawn(options)])
    about = {"checkpoint": model.checkpoint.name, "command": command}
    pages = {options.markdown: replication_page.markdown(rows, **about)}
    if options.html:
        pages[options.html] = replication_page.html(rows, gallery(model, seed=options.seed), **about)
    _write_all(pages)
    print(replication_page.terminal(rows))
    _tell(*pages)
    return 0


def _write_all(pages: Mapping[str | None, str | Callable[[Path], None]]) -> None:
    """Write every page that has a path, whatever becomes of the others; before anything is shown, which may be broken off.

    Args:
        pages: a text, or what writes one, by its path.

    Raises:
        ValueError: a sentence on those that could not be written.
    """
    lost = []
    for path, text in pages.items():
        if path:
            try:
                write(Path(path), text) if isinstance(text, str) else text(Path(path))
            except OSError as error:
                lost.append(not_written(path, error))
    if lost:
        raise ValueError("; ".join(lost))


def _tell(*paths: str | Path | None, to: TextIO | None = None) -> None:
    for path in filter(None, paths):
        print(line(f"wrote {path}"), file=to)


def claims(options: argparse.Namespace) -> int:
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


def board(options: argparse.Namespace) -> int:
    """Print verdict files as one Markdown table, or put it into a document."""
    from recint.pages import board as boards

    require_files(options.into, inputs=options.verdicts)
    table = boards.markdown([boards.read(Path(path)) for path in options.verdicts])
    if not options.into:
        print(table, end="")
        return 0
    target = Path(options.into)
    try:
        text = boards.replaced(target.read_text(), table)
    except ValueError as error:
        raise ValueError(f"{target}: {error}") from None
    write(target, text)
    _tell(target)
    return 0


_MODEL_OPTIONS = (
    "n_layers",
    "n_heads",
    "d_model",
    "d_head",
    "d_mlp",
    "n_ctx",
    "d_vocab",
    "act_fn",
    "layer_norm_eps",
    "order",
)
_RECIPE_OPTIONS = (
    "seed", "steps", "batch", "rate", "warmup", "weight_decay", "clip", "init_range",
    "precision", "log_every", "validate_every", "validation",
)  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="recint", description="Claims about a neural circuit that can lose.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("verify", help="judge every claim on a checkpoint")
    _add_run_options(command)
    command.set_defaults(run=verify)

    command = commands.add_parser("expect", help="put the verdicts of a run on record as those expected")
    _add_run_options(command)
    command.add_argument(
        "--from", dest="use", type=named_path, metavar="FILE.json", help="a verdict file to use, instead of a run"
    )
    command.add_argument(
        "--into",
        type=named_path,
        metavar="FILE.toml",
        help="default: expected/<checkpoint>.toml, beside the claims (in ./recint-expected if these are installed)",
    )
    command.set_defaults(run=expect)

    command = commands.add_parser("log", help="show the research log: runs, claims, and what changed")
    command.add_argument(
        "checkpoint",
        nargs="?",
        type=named_path,
        metavar="CHECKPOINT",
        help="only its runs: a name, a path, or how its tensor hash begins",
    )
    _add_folders(command)
    command.add_argument("--claims", nargs="+", metavar="GLOB", help="the history of these claims, e.g. 'l2.*'")
    command.add_argument("--changes", nargs=2, metavar="RUN", help="what came out otherwise in the second of two runs")
    command.add_argument("--json", action="store_true", help="print it as one JSON object")
    command.add_argument(
        "--html", type=named_path, metavar="FILE.html", help="write the timeline, claims x runs, as a page"
    )
    command.set_defaults(run=log)

    command = commands.add_parser("sweep", help="judge many checkpoints, on this machine or a cluster")
    command.add_argument(
        "checkpoints",
        nargs="*",
        type=named_path,
        metavar="CHECKPOINT",
        help="paths, globs, or a .txt file that lists them",
    )
    command.add_argument(
        "--out",
        type=named_path,
        default="sweep",
        metavar="DIR",
        help="table, report and verdict files (default %(default)s)",
    )
    _add_folders(command)
    command.add_argument("--no-log", dest="logging", action="store_false", help="leave no line in the research log")
    command.add_argument("--claims", nargs="+", metavar="GLOB", help="only claims whose id matches, e.g. 'l2.*'")
    command.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
    command.add_argument("--seed", type=int, default=0, help="seed of the independent draws")
    command.add_argument("--draws", type=int, help=_DRAWS_HELP)
    command.add_argument("--no-controls", dest="controls", action="store_false", help="do not ask untrained models too")
    command.add_argument("-n", "--workers", type=int, default=1, help="processes of a cluster of its own")
    command.add_argument(
        "--scheduler", metavar="ADDRESS", help="a Dask scheduler that runs already, e.g. tcp://host:8786"
    )
    command.set_defaults(run=sweep)

    command = commands.add_parser("register", help="register the claims in force in the research log")
    _add_folders(command)
    command.set_defaults(run=register)

    command = commands.add_parser("replicate", help="measure again what the notebook printed, and how it should be")
    command.add_argument(
        "checkpoint", nargs="?", type=named_path, metavar="CHECKPOINT", help="as for verify; default: the reference"
    )
    command.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
    command.add_argument("--markdown", type=named_path, metavar="FILE.md", help="write the table as Markdown")
    command.add_argument("--html", type=named_path, metavar="FILE.html", help="write the table and pictures as a page")
    command.add_argument("--seed", type=int, default=0, help="seed of the independent draws")
    command.add_argument(
        "--draws", type=int, default=REPLICATION_DRAWS, help="recurrences behind every figure (default %(default)s)"
    )
    command.set_defaults(run=replicate)

    command = commands.add_parser("train", help="train a model of affine recurrences")
    command.add_argument(
        "out", nargs="?", type=named_path, metavar="FOLDER", help="where to; a stopped run there is continued"
    )
    command.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
    command.add_argument(
        "--snapshots", type=_step, nargs="*", default=(), metavar="STEP", help="steps to keep the weights at"
    )
    from recint.checkpoint import ModelConfig
    from recint.recurrence import Distribution

    for name in _MODEL_OPTIONS:
        default = getattr(ModelConfig(), name)
        command.add_argument(
            _flag(name), type=type(default), default=default, help=f"model: {name} (default {default})"
        )
    for name in ("c", "d", "start", "cap"):
        default = getattr(Distribution(), name)
        help_ = f"data: range of {name} (default {default[0]:g} {default[1]:g})"
        command.add_argument(_flag(name), type=float, nargs=2, default=default, metavar=("LOW", "HIGH"), help=help_)
    command.add_argument("--length", type=int, default=Distribution().length, help="data: terms (default %(default)s)")
    for name, default in _recipe_defaults().items():
        command.add_argument(
            _flag(name), type=type(default), default=default, help=f"recipe: {name} (default {default})"
        )
    command.set_defaults(run=train)

    command = commands.add_parser("convert", help="write a checkpoint in another format")
    command.add_argument("source", type=named_path, metavar="CHECKPOINT")
    command.add_argument(
        "target", type=named_path, metavar="TARGET", help="a folder, .safetensors or .pth that does not exist yet"
    )
    command.set_defaults(run=convert)

    command = commands.add_parser("calibrate", help="judge models whose truth is known: how often is the suite wrong?")
    command.add_argument(
        "checkpoint", nargs="?", type=named_path, help="whose shape and mutants are judged too; default: the reference"
    )
    _add_hypotheses(command)
    command.add_argument("--claims", nargs="+", metavar="GLOB", help="only claims whose id matches, e.g. 'l2.*'")
    command.add_argument("--report", type=named_path, metavar="FILE.html", help="write the matrix as a page")
    command.add_argument("--markdown", type=named_path, metavar="FILE.md", help="write the matrix as Markdown")
    command.add_argument("--json", type=named_path, metavar="FILE.json", help="write every verdict on every control")
    command.add_argument("--seed", type=int, default=0, help="seed of the independent draws")
    command.add_argument(
        "--draws", type=int, default=CALIBRATION_DRAWS, help="recurrences per estimate (default %(default)s)"
    )
    command.add_argument("-n", "--workers", type=int, default=1, help="processes")
    command.set_defaults(run=calibrate)

    command = commands.add_parser("board", help="verdict files as one Markdown table, claims x checkpoints")
    command.add_argument(
        "verdicts", nargs="+", type=named_path, metavar="FILE.json", help="written by `recint verify --verdicts`"
    )
    command.add_argument("--into", type=named_path, metavar="FILE.md", help="put it between the marks in this document")
    command.set_defaults(run=board)

    command = commands.add_parser("claims", help="list the claims in force")
    command.add_argument("claims", nargs="*", metavar="GLOB", help="only claims whose id matches")
    _add_hypotheses(command)
    command.set_defaults(run=claims)
    return parser


def _require_counts(options: argparse.Namespace) -> None:
    from recint.verdict import require_draws

    if (draws := getattr(options, "draws", None)) is not None:
        require_draws(draws)
    workers = getattr(options, "workers", 1)
    if workers < 1:
        raise ValueError(f"workers={workers!r} must be at least 1")
    if workers > MOST_WORKERS:
        raise ValueError(f"workers={workers!r} must be at most {MOST_WORKERS}")


def _take_path(options: argparse.Namespace) -> None:
    """Of `--claims 'l0.*' path` argparse gives all to the option; the path is the command's if it has no other."""

    def is_path(word: str) -> bool:
        from recint.catalogue import properties, selected
        from recint.state_dict import SAFETENSORS, TORCH

        like_one = os.sep in word or Path(word).suffix in (*TORCH, SAFETENSORS, ".txt") or Path(word).exists()
        return like_one and not any(selected(prop.claim.id, [word]) for prop in properties(options.hypotheses))

    to = "checkpoints" if hasattr(options, "checkpoints") else "checkpoint"
    if getattr(options, to):
        return
    for values in (getattr(options, name, None) or [] for name in ("allow", "claims")):
        paths: list[str] = []
        while len(values) > 1 and is_path(values[-1]) and (to == "checkpoints" or not paths):
            paths.insert(0, named_path(values.pop()))
        if paths:
            setattr(options, to, paths if to == "checkpoints" else paths[0])
            return


def _load(path: str | Path) -> Checkpoint:
    """A checkpoint, and a word on what was done to read it."""
    from recint import checkpoint as checkpoints

    loaded = checkpoints.load(path)
    for note in loaded.notes:
        print(f"recint: {note}", file=sys.stderr)
    return loaded


def _step(text: str) -> int | str:
    """A step, or what may be the folder: argparse gives all that follows `--snapshots` to it."""
    try:
        return int(text)
    except ValueError:
        return text


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, like every other error."""
        self.exit(BAD_CALL, f"recint: {message}; `{self.prog} --help` lists the options\n")


def _add_run_options(command: argparse.ArgumentParser) -> None:
    """The options of a run; `recint expect` has them too."""
    command.add_argument(
        "checkpoint",
        nargs="?",
        type=named_path,
        metavar="CHECKPOINT",
        help="folder, .safetensors or .pth; default: the reference",
    )
    _add_hypotheses(command)
    command.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
    command.add_argument("--claims", nargs="+", metavar="GLOB", help="only claims whose id matches, e.g. 'l2.*'")
    command.add_argument(
        "--profile",
        choices=("default", "ci", "nightly"),
        help="how long Hypothesis searches (default: default, in CI ci)",
    )
    command.add_argument("--report", type=named_path, metavar="FILE.html", help="write an HTML report")
    command.add_argument("--verdicts", type=named_path, metavar="FILE.json", help="write the verdicts as JSON")
    command.add_argument("--junit", type=named_path, metavar="FILE.xml", help="write the verdicts as JUnit XML")
    command.add_argument(
        "--summary",
        type=named_path,
        metavar="FILE.md",
        help="append the board as Markdown, e.g. to $GITHUB_STEP_SUMMARY",
    )
    command.add_argument(
        "--expected", type=named_path, metavar="FILE.toml", help="expected verdicts; default: those on record"
    )
    command.add_argument(
        "--against",
        type=named_path,
        metavar="BASELINE",
        help="fail on drift from a verdict file, a logged checkpoint, or a checkpoint",
    )
    command.add_argument("--allow", nargs="+", metavar="GLOB", help="claims that may drift from the baseline")
    command.add_argument("--log", type=named_path, metavar="DIR", help=_LOG_HELP)
    command.add_argument("--no-log", dest="logging", action="store_false", help="leave no line in the research log")
    command.add_argument("--seed", type=int, default=0, help="seed of the independent draws")
    command.add_argument("--draws", type=int, help=_DRAWS_HELP)
    command.add_argument("--no-controls", dest="controls", action="store_false", help="do not ask untrained models too")
    command.add_argument("-n", "--workers", type=int, default=1, help="processes (pytest-xdist)")


def _add_hypotheses(command: argparse.ArgumentParser) -> None:
    from recint.catalogue import SHIPPED

    command.add_argument(
        "--hypotheses",
        type=named_path,
        default=str(SHIPPED),
        metavar="DIR",
        help="folder of claims; default: the shipped",
    )


def _add_folders(command: argparse.ArgumentParser) -> None:
    _add_hypotheses(command)
    command.add_argument("--log", type=named_path, metavar="DIR", help=_LOG_HELP)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _recipe_defaults() -> dict[str, int | float]:
    """Defaults of the recipe, read without loading torch's model stack."""
    from recint.training.recipe import Recipe

    recipe = Recipe()
    return {name: getattr(recipe, name) for name in _RECIPE_OPTIONS}


if __name__ == "__main__":
    sys.exit(main())
