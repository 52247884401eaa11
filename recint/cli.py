"""The command line: `recint COMMAND ...`, and what each command does with its options."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from tqdm import tqdm

from recint import BAD_CALL, __version__, shipped
from recint import board as boards
from recint import checkpoint as checkpoints
from recint.catalogue import SHIPPED, properties, require_matches, selected
from recint.files import is_writable, require_files, write
from recint.report import SYMBOLS

CALIBRATION_DRAWS = 1000
SWEEP_DRAWS = 1000
REPLICATION_DRAWS = 500
_LOG_HELP = "folder of the research log; default: log, beside the claims (./recint-log if these are installed)"
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 as expected, 1 refuted or departing, 2 bad input."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except ValueError as error:  # every error of input is one, and one sentence
        print(f"recint: {error}", file=sys.stderr)
        return BAD_CALL
    except OSError as error:
        print(f"recint: {error.filename or 'file'}: {error.strerror or error}", file=sys.stderr)
        return BAD_CALL
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def verify(options: argparse.Namespace) -> int:
    """Judge every claim on a checkpoint."""
    from recint.verify import verify as run

    _require_enough(options)
    return run(options)


def expect(options: argparse.Namespace) -> int:
    """Write the verdicts of a run as those expected from now on, keeping the reasons already there."""
    from recint import expected, plugin

    if options.claims or options.against:
        raise ValueError("verdicts are expected of all claims of a run by itself: give neither --claims nor --against")
    checkpoint = checkpoints.load(plugin.REFERENCE_CHECKPOINT if options.checkpoint is None else options.checkpoint)
    target = Path(options.into or shipped.record(Path(options.hypotheses), "expected") / f"{checkpoint.name}.toml")
    of, known = expected.load(target) if target.exists() else (checkpoint.sha256, {})
    if of != checkpoint.sha256 and not options.into:
        raise ValueError(
            f"{target}: has the verdicts of other tensors ({of[:12]}); name it with --into to replace them"
        )
    with TemporaryDirectory() as scratch:
        source = options.use
        if not source:
            options.verdicts = options.verdicts or str(Path(scratch) / "verdicts.json")
            if verify(options) >= BAD_CALL:
                return BAD_CALL
            source = options.verdicts
        run = boards.read(Path(source))
    if run["checkpoint"]["sha256"] != checkpoint.sha256:
        raise ValueError(f"{source}: judges other tensors than those of {checkpoint.name}; verify it again")
    for sentence in expected.changes(known, run):
        print(sentence)
    _write(str(target), expected.text(run, known))
    return 0


def register(options: argparse.Namespace) -> int:
    """Register the claims in force without judging anything: before a checkpoint is evaluated for the first time."""
    from recint import log

    folder = Path(options.hypotheses)
    kept = log.folder_of(folder, options.log)
    new = log.register(kept, [log.registration(prop.claim) for prop in properties(folder)], when=log.now())
    print("\n".join(new) or "nothing new")
    print(f"commit {kept / log.CLAIMS} before the checkpoint is evaluated, and its verdicts are confirmatory")
    return 0


def log(options: argparse.Namespace) -> int:
    """Show the research log; 0 whatever is in it."""
    import json

    from recint import history, history_page
    from recint import log as research

    require_files(options.html)
    folder = research.folder_of(Path(options.hypotheses), options.log)
    known = research.read(folder)
    checkpoint = options.checkpoint
    if checkpoint and not known.on(checkpoint) and Path(checkpoint).exists():
        checkpoint = checkpoints.load(checkpoint).sha256
    numbers = options.changes or ()
    shown = history.select(known, checkpoint=checkpoint, claims=options.claims or (), runs=numbers)
    for sentence in shown.damaged:
        print(f"recint: {sentence}", file=sys.stderr)
    changed = history.changes(shown, *(history.numbered(known.runs, number) for number in numbers)) if numbers else None
    if options.json:
        print(json.dumps(history.document(shown, changed), indent=1, ensure_ascii=False))
    else:
        print(history_page.terminal(shown, changed, folder=str(folder), by_claim=bool(options.claims)))
    if options.html:
        page = history_page.html(shown, changed, folder=str(folder))
        _write(options.html, page, told=sys.stderr if options.json else sys.stdout)
    return 0


def sweep(options: argparse.Namespace) -> int:
    """Judge many checkpoints as tasks of a cluster, into a table and a report; 1 if one of them could not be judged."""
    from recint import log, sweep_record, sweep_report, sweep_task
    from recint import sweep as sweeps
    from recint.model import resolve_device

    folder, out = Path(options.hypotheses).resolve(), Path(options.out)
    require_matches(options.claims or (), {prop.claim.id for prop in properties(folder)})
    _require_enough(options)
    checkpoint_paths = sweeps.paths(options.checkpoints)
    if not is_writable(out):
        raise ValueError(f"{out}: cannot be written; name another folder with --out")
    how = sweep_task.with_code(
        sweeps.How(
            hypotheses=str(folder),
            claims=tuple(options.claims or ()),
            seed=options.seed,
            draws=options.draws,
            device=options.device,
            controls=options.controls,
        )
    )
    if not options.scheduler:
        resolve_device(options.device)
    kept, claims = log.folder_of(folder, options.log), [prop.claim for prop in sweep_task.asked(how)]
    logged = sweep_record.keep(kept, how, claims) if options.logging else lambda _: None
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
                    bar.write(f"! {done.error}")
                if done.note:
                    bar.write(done.note)
                bar.set_postfix({verdict: counts[verdict] for verdict in SYMBOLS if counts[verdict]}, refresh=False)
                bar.update()
    finally:  # what was judged so far is worth a look, if the sweep is stopped too
        if found:
            rows = sweep_record.rows([found[path] for path in checkpoint_paths if path in found], log.read(kept))
            sweep_record.write_table(rows, out / "table.parquet")
            command = _as_given(options)
            write(out / "summary.md", sweep_report.markdown(rows, command=command))
            _write(str(out / "report.html"), sweep_report.html(rows, command=command))
    known, failed = (sum(bool(getattr(done, name)) for done in found.values()) for name in ("known", "error"))
    print(f"{len(found)} checkpoints: {known} were judged before, {failed} could not be judged")
    if options.logging:
        print(f"log: {kept}")
    return int(failed > 0)


def _as_given(options: argparse.Namespace) -> str:
    """A call of `sweep` that comes to the same verdicts."""
    words = ["recint", "sweep", *options.checkpoints]
    for name, usual in (("hypotheses", str(SHIPPED)), ("device", "auto")):
        if (given := getattr(options, name)) != usual:
            words += [f"--{name}", given]
    if options.claims:
        words += ["--claims", *options.claims]
    if not options.controls:
        words.append("--no-controls")
    return shlex.join([*words, "--seed", str(options.seed), "--draws", str(options.draws)])


def train(options: argparse.Namespace) -> int:
    """Train a model by the recipe, with a progress bar, into a folder that a stopped run continues from."""
    from recint.card import write_card
    from recint.checkpoint import ModelConfig
    from recint.model import resolve_device
    from recint.recipe import Recipe
    from recint.recurrence import Distribution
    from recint.training import Progress
    from recint.training import train as run

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
            options.out,
            device=resolve_device(options.device),
            snapshots=frozenset(options.snapshots),
            progress=progress,
        )
    write_card(Path(options.out))
    print(f"wrote {options.out}: verify it with `recint verify {options.out}`")
    return 0


def convert(options: argparse.Namespace) -> int:
    """Write a checkpoint in another format; the tensor hash stays."""
    target = Path(options.target)
    if target.exists():
        raise ValueError(f"{target}: exists already, and is not overwritten")
    loaded = checkpoints.load(options.source)
    checkpoints.save(loaded, target)
    print(f"wrote {target} (tensors sha256 {loaded.sha256[:12]})")
    return 0


def calibrate(options: argparse.Namespace) -> int:
    """Judge every control, show the matrix, and say how often the suite was wrong; 1 if a verdict contradicts the truth."""
    import json

    from recint import calibration_report, plugin
    from recint.calibrate import calibrate as run

    folder = Path(options.hypotheses)
    globs = require_matches(options.claims or (), {prop.claim.id for prop in properties(folder)})
    _require_enough(options)
    checkpoint = options.checkpoint or str(plugin.REFERENCE_CHECKPOINT)
    chosen = [*([options.checkpoint] if options.checkpoint else []), *(["--claims", *globs] if globs else [])]
    chosen += [f"--hypotheses {options.hypotheses}"] if options.hypotheses != str(SHIPPED) else []
    command = " ".join(["recint calibrate", *chosen, f"--seed {options.seed} --draws {options.draws}"])
    require_files(options.report, options.markdown, options.json)
    loaded = checkpoints.load(checkpoint)
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
    for question, answer in calibration_report.answers(rows):
        print(f"{question}: {answer}")
    pages = {
        options.report: calibration_report.html(rows, checkpoint=loaded.name, command=command),
        options.markdown: calibration_report.markdown(rows, command=command),
        options.json: json.dumps(
            {"schema": 1, "checkpoint": loaded.sha256, "seed": options.seed, "controls": rows}, indent=1
        )
        + "\n",
    }
    for path, text in pages.items():
        if path:
            _write(path, text)
    return int(any(calibration_report.wrong(row, claim) for row in rows for claim in row["truth"]))


def replicate(options: argparse.Namespace) -> int:
    """Measure again what the notebook printed, the notebook's way and a sound way; 0 whatever comes of it."""
    from recint import plugin
    from recint.model import Model, resolve_device
    from recint.replication import page
    from recint.replication.gallery import gallery
    from recint.replication.table import replicate as run

    require_files(options.markdown, options.html)
    model = Model(
        checkpoints.load(options.checkpoint or plugin.REFERENCE_CHECKPOINT), device=resolve_device(options.device)
    )
    rows = run(model, draws=options.draws, seed=options.seed)
    chosen = [options.checkpoint] if options.checkpoint else []
    command = " ".join(["recint replicate", *chosen, f"--seed {options.seed} --draws {options.draws}"])
    about = {"checkpoint": model.checkpoint.name, "command": command}
    print(page.terminal(rows))
    if options.markdown:
        _write(options.markdown, page.markdown(rows, **about))
    if options.html:
        _write(options.html, page.html(rows, gallery(model, seed=options.seed), **about))
    return 0


def _write(path: str, text: str, *, told: TextIO | None = None) -> None:
    write(Path(path), text)
    print(f"wrote {path}", file=told)


def claims(options: argparse.Namespace) -> int:
    """List the claims in force."""
    listed = [prop.claim for prop in properties(options.hypotheses)]
    globs = require_matches(options.claims, [claim.id for claim in listed])
    for claim in listed:
        if selected(claim.id, globs):
            print(f"{claim.id} (version {claim.version}, {claim.quantifier})")
            print(f"    {claim.statement}")
            if claim.because:
                print(f"    amended because {claim.because}")
            print(f"    holds if {claim.statistic} {claim.relation} {claim.threshold:g}; source: {claim.source}")
    return 0


def board(options: argparse.Namespace) -> int:
    """Print verdict files as one Markdown table, or put it into a document."""
    table = boards.markdown([boards.read(Path(path)) for path in options.verdicts])
    if not options.into:
        print(table, end="")
        return 0
    target = Path(options.into)
    try:
        text = boards.replaced(target.read_text(), table)
    except ValueError as error:
        raise ValueError(f"{target}: {error}") from None
    _write(options.into, text)
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
    "log_every", "validate_every", "validation",
)  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="recint", description="Claims about a neural circuit that can lose.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("verify", help="judge every claim on a checkpoint")
    _add_run_options(command)
    command.set_defaults(run=verify)

    command = commands.add_parser("expect", help="put the verdicts of a run on record as those expected")
    _add_run_options(command)
    command.add_argument("--from", dest="use", metavar="FILE.json", help="a verdict file to use, instead of a run")
    command.add_argument(
        "--into",
        metavar="FILE.toml",
        help="default: expected/<checkpoint>.toml, beside the claims (in ./recint-expected if these are installed)",
    )
    command.set_defaults(run=expect)

    command = commands.add_parser("log", help="show the research log: runs, claims, and what changed")
    command.add_argument(
        "checkpoint",
        nargs="?",
        metavar="CHECKPOINT",
        help="only its runs: a name, a path, or how its tensor hash begins",
    )
    _add_folders(command)
    command.add_argument("--claims", nargs="+", metavar="GLOB", help="the history of these claims, e.g. 'l2.*'")
    command.add_argument("--changes", nargs=2, metavar="RUN", help="what came out otherwise in the second of two runs")
    command.add_argument("--json", action="store_true", help="print it as one JSON object")
    command.add_argument("--html", metavar="FILE.html", help="write the timeline, claims x runs, as a page")
    command.set_defaults(run=log)

    command = commands.add_parser("sweep", help="judge many checkpoints, on this machine or a cluster")
    command.add_argument(
        "checkpoints", nargs="+", metavar="CHECKPOINT", help="paths, globs, or a .txt file that lists them"
    )
    command.add_argument(
        "--out", default="sweep", metavar="DIR", help="table, report and verdict files (default %(default)s)"
    )
    _add_folders(command)
    command.add_argument("--no-log", dest="logging", action="store_false", help="leave no line in the research log")
    command.add_argument("--claims", nargs="+", metavar="GLOB", help="only claims whose id matches, e.g. 'l2.*'")
    command.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
    command.add_argument("--seed", type=int, default=0, help="seed of the independent draws")
    command.add_argument(
        "--draws", type=int, default=SWEEP_DRAWS, help="recurrences per estimate (default %(default)s)"
    )
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
    command.add_argument("checkpoint", nargs="?", metavar="CHECKPOINT", help="as for verify; default: the reference")
    command.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
    command.add_argument("--markdown", metavar="FILE.md", help="write the table as Markdown")
    command.add_argument("--html", metavar="FILE.html", help="write the table and pictures as a page")
    command.add_argument("--seed", type=int, default=0, help="seed of the independent draws")
    command.add_argument(
        "--draws", type=int, default=REPLICATION_DRAWS, help="recurrences behind every figure (default %(default)s)"
    )
    command.set_defaults(run=replicate)

    command = commands.add_parser("train", help="train a model of affine recurrences")
    command.add_argument("out", metavar="FOLDER", help="where to; a stopped run there is continued")
    command.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
    command.add_argument(
        "--snapshots", type=int, nargs="*", default=(), metavar="STEP", help="steps to keep the weights at"
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
    command.add_argument("source", metavar="CHECKPOINT")
    command.add_argument("target", metavar="TARGET", help="a folder, .safetensors or .pth that does not exist yet")
    command.set_defaults(run=convert)

    command = commands.add_parser("calibrate", help="judge models whose truth is known: how often is the suite wrong?")
    command.add_argument("checkpoint", nargs="?", help="whose shape and mutants are judged too; default: the reference")
    _add_hypotheses(command)
    command.add_argument("--claims", nargs="+", metavar="GLOB", help="only claims whose id matches, e.g. 'l2.*'")
    command.add_argument("--report", metavar="FILE.html", help="write the matrix as a page")
    command.add_argument("--markdown", metavar="FILE.md", help="write the matrix as Markdown")
    command.add_argument("--json", metavar="FILE.json", help="write every verdict on every control")
    command.add_argument("--seed", type=int, default=0, help="seed of the independent draws")
    command.add_argument(
        "--draws", type=int, default=CALIBRATION_DRAWS, help="recurrences per estimate (default %(default)s)"
    )
    command.add_argument("-n", "--workers", type=int, default=1, help="processes")
    command.set_defaults(run=calibrate)

    command = commands.add_parser("board", help="verdict files as one Markdown table, claims x checkpoints")
    command.add_argument("verdicts", nargs="+", metavar="FILE.json", help="written by `recint verify --verdicts`")
    command.add_argument("--into", metavar="FILE.md", help="put it between the marks in this document")
    command.set_defaults(run=board)

    command = commands.add_parser("claims", help="list the claims in force")
    command.add_argument("claims", nargs="*", metavar="GLOB", help="only claims whose id matches")
    _add_hypotheses(command)
    command.set_defaults(run=claims)
    return parser


def _require_enough(options: argparse.Namespace) -> None:
    for name, least in (("draws", 2), ("workers", 1)):
        if getattr(options, name) < least:
            raise ValueError(f"{name}={getattr(options, name)!r} must be at least {least}")


def _add_run_options(command: argparse.ArgumentParser) -> None:
    """The options of a run; `recint expect` has them too."""
    from recint.evaluate import DRAWS

    command.add_argument(
        "checkpoint", nargs="?", metavar="CHECKPOINT", help="folder, .safetensors or .pth; default: the reference"
    )
    _add_hypotheses(command)
    command.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
    command.add_argument("--claims", nargs="+", metavar="GLOB", help="only claims whose id matches, e.g. 'l2.*'")
    command.add_argument(
        "--profile",
        choices=("default", "ci", "nightly"),
        help="how long Hypothesis searches (default: default, in CI ci)",
    )
    command.add_argument("--report", metavar="FILE.html", help="write an HTML report")
    command.add_argument("--verdicts", metavar="FILE.json", help="write the verdicts as JSON")
    command.add_argument("--junit", metavar="FILE.xml", help="write the verdicts as JUnit XML")
    command.add_argument(
        "--summary", metavar="FILE.md", help="append the board as Markdown, e.g. to $GITHUB_STEP_SUMMARY"
    )
    command.add_argument("--expected", metavar="FILE.toml", help="expected verdicts; default: those on record")
    command.add_argument(
        "--against", metavar="BASELINE", help="fail on drift from a verdict file, a logged checkpoint, or a checkpoint"
    )
    command.add_argument("--allow", nargs="+", metavar="GLOB", help="claims that may drift from the baseline")
    command.add_argument("--log", metavar="DIR", help=_LOG_HELP)
    command.add_argument("--no-log", dest="logging", action="store_false", help="leave no line in the research log")
    command.add_argument("--seed", type=int, default=0, help="seed of the independent draws")
    command.add_argument("--draws", type=int, default=DRAWS, help=f"recurrences per estimate (default {DRAWS})")
    command.add_argument("--no-controls", dest="controls", action="store_false", help="do not ask untrained models too")
    command.add_argument("-n", "--workers", type=int, default=1, help="processes (pytest-xdist)")


def _add_hypotheses(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--hypotheses", default=str(SHIPPED), metavar="DIR", help="folder of claims; default: the shipped"
    )


def _add_folders(command: argparse.ArgumentParser) -> None:
    _add_hypotheses(command)
    command.add_argument("--log", metavar="DIR", help=_LOG_HELP)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _recipe_defaults() -> dict[str, int | float]:
    """Defaults of the recipe, read without loading torch's model stack."""
    from recint.recipe import Recipe

    recipe = Recipe()
    return {name: getattr(recipe, name) for name in _RECIPE_OPTIONS}


if __name__ == "__main__":
    sys.exit(main())
