"""Code that commands share: declaring and checking options, loading a checkpoint, and writing files."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from recint.options import CHECKPOINT, DRAWS, GROUPS, SEED, Option
from recint.system.escaping import line
from recint.system.files import named_path, write
from recint.system.outputs import not_written

if TYPE_CHECKING:
    from recint.checkpoint import Checkpoint

T = TypeVar("T")
MOST_WORKERS = 256  # a larger number must be a mistake
MOST_IN_MEMORY = 10_000  # draws: the passes of the reference checkpoint over so many, of two kinds, take 2 to 3 GB


def add(command: argparse.ArgumentParser, *options: Option) -> None:
    """Declare some of the shared options."""
    for option in options:
        option.declare(command.add_argument)


def add_run(command: argparse.ArgumentParser) -> None:
    """Declare all options of a run, in groups."""
    for title, options in GROUPS.items():
        group = command.add_argument_group(title)
        for option in options:
            option.declare(group.add_argument)


def add_checkpoint(command: argparse.ArgumentParser, text: str = CHECKPOINT.help_text) -> None:
    """Declare the checkpoint, an argument without a flag, which may be left out."""
    command.add_argument("checkpoint", nargs="?", type=named_path, metavar="CHECKPOINT", help=text)


def require_counts(options: argparse.Namespace, *, in_memory: bool = False) -> None:
    """Check the numbers of draws and workers.

    Args:
        in_memory: whether the command holds what it measures on all draws in memory at the same time.

    Raises:
        ValueError: a number is too small or too large.
    """
    from recint.verdict import MOST_DRAWS, require_draws

    if (draws := getattr(options, "draws", None)) is not None:
        require_draws(draws, most=MOST_IN_MEMORY if in_memory else MOST_DRAWS)
    workers = getattr(options, "workers", 1)
    if workers < 1:
        raise ValueError(f"workers={workers!r} must be at least 1")
    if workers > MOST_WORKERS:
        raise ValueError(f"workers={workers!r} must be at most {MOST_WORKERS}")


def take_path(options: argparse.Namespace) -> None:
    """Find the checkpoint among the values of `--claims` and `--allow`, if none was given before.

    In `--claims 'l0.*' path` argparse takes the path as a value of the option.
    """

    def is_path(word: str) -> bool:
        from recint.catalogue import properties
        from recint.globs import selected
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


def load(path: str | Path, *, task: str | None = None) -> Checkpoint:
    """Load a checkpoint of a model of recurrences. Prints its notes to standard error.

    Args:
        task: the file that says what it was trained on, if it does not say it itself.

    Raises:
        CheckpointError: the file cannot be read as a checkpoint.
    """
    from recint import checkpoint as checkpoints

    return _noted(checkpoints.load(path, task=task))


def load_for(options: argparse.Namespace, path: str | Path) -> Any:
    """Load a checkpoint of the subject that the claims of `--hypotheses` are about, with the task of `--task`.

    Prints its notes to standard error. For recurrences it may be one that claims cannot be judged on: the log may have runs on it.

    Raises:
        ValueError: the file cannot be read as a checkpoint of this subject.
    """
    from recint.judging.subject import is_own
    from recint.subjects import require_task_fits, subject_of

    require_task_fits(options.task, options.hypotheses)
    if is_own(options.hypotheses):
        return _noted(subject_of(options.hypotheses).load(str(path)))
    return load(path, task=options.task)


def _noted(loaded: T) -> T:
    """Print the notes of a checkpoint to standard error, and return the checkpoint."""
    for note in getattr(loaded, "notes", ()):
        print(line(f"recint: {note}"), file=sys.stderr)
    return loaded


def write_all(pages: Mapping[str | None, str | Callable[[Path], None]]) -> None:
    """Write every page that has a path, also if another one cannot be written.

    Commands call this before they print, because the reader of the output may stop the command.

    Args:
        pages: for each path a text, or a function that writes the file.

    Raises:
        ValueError: some pages could not be written. The sentence names them.
    """
    lost = []
    for path, text in pages.items():
        if path:
            try:
                write(Path(path), text) if isinstance(text, str) else text(Path(path))
            except (OSError, ValueError) as error:
                lost.append(not_written(path, error))
    if lost:
        raise ValueError("; ".join(lost))


def tell(*paths: str | Path | None, to: TextIO | None = None) -> None:
    """Print which files were written."""
    for path in filter(None, paths):
        print(line(f"wrote {path}"), file=to)


def words(options: argparse.Namespace, *of: Option) -> list[str]:
    """The words of a command line that set these options to their present values. Defaults are left out."""
    values = {option: getattr(options, option.attribute) for option in of}
    return [word for option, value in values.items() if value != option.default for word in option.words(value)]


def drawn(options: argparse.Namespace) -> list[str]:
    """The words of a command line that set the present seed and draws."""
    return [*SEED.words(options.seed), *DRAWS.words(options.draws)]
