"""The training and the step of a checkpoint, read from its path in a folder that `recint train` made."""

from __future__ import annotations

import json
import re
from pathlib import Path

_SNAPSHOT = re.compile(r"step-([0-9]{1,15})")  # no more digits than an int64 of the table can hold


def series(path: str) -> tuple[str, int | None]:
    """The name of the training that a checkpoint belongs to, and the step.

    The path of a snapshot contains both. For a finished model the step is in the history of the training; None if there is none.

    >>> series("runs/seed1/snapshots/step-000500.safetensors")
    ('seed1', 500)
    """
    file, of = Path(path), training(path)
    step = _SNAPSHOT.fullmatch(file.stem) if _is_snapshot(file) else None
    return _bare(of), int(step[1]) if step else _in_recipe(file, "steps")


def training_seed(path: str) -> int | None:
    """The seed of the initial weights and the batches, from the history of the training; None if there is none."""
    return _in_recipe(training(path), "seed")


def _in_recipe(folder: Path, name: str) -> int | None:
    """A whole number of the recipe in the history of the training; None if there is none."""
    try:
        value = json.loads((folder / "history.json").read_text(encoding="utf-8"))["recipe"][name]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return value if isinstance(value, int) and abs(value) < 2**63 else None


def name_of(path: str) -> str:
    """The name of a checkpoint in the log and the table."""
    file = Path(path)
    return f"{training(path).name}-{file.stem}" if _is_snapshot(file) else _bare(file)


def _bare(path: Path) -> str:
    """The name of a folder, or of a file without its format."""
    return path.name if path.is_dir() else path.stem


def training(path: str) -> Path:
    """The folder of the training that a checkpoint belongs to. For a checkpoint that is no snapshot it is its own path."""
    file = Path(path)
    return file.parent.parent if _is_snapshot(file) else file


def _is_snapshot(file: Path) -> bool:
    return file.parent.name == "snapshots" and bool(_SNAPSHOT.fullmatch(file.stem))


def distinct(trainings: set[Path]) -> dict[Path, str]:
    """A short name for each training: the last part of its path, or as many parts as all names need to be different."""
    for parts in range(1, max((len(path.parts) for path in trainings), default=0) + 1):
        names = {path: "/".join((*path.parts[-parts:-1], _bare(path))) for path in trainings}
        if len(set(names.values())) == len(names):
            return names
    return {path: str(path) for path in trainings}
