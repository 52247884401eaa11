"""Which training a checkpoint is of, and at what step: told by where it lies, as `recint train` leaves it."""

from __future__ import annotations

import json
import re
from pathlib import Path

_SNAPSHOT = re.compile(r"step-([0-9]{1,15})")  # what fits a column of the table


def series(path: str) -> tuple[str, int | None]:
    """Which training a checkpoint belongs to, and its step: a snapshot says so by where it is, a finished model by its history.

    >>> series("runs/seed1/snapshots/step-000500.safetensors")
    ('seed1', 500)
    """
    file, of = Path(path), training(path)
    step = _SNAPSHOT.fullmatch(file.stem) if _is_snapshot(file) else None
    return _bare(of), int(step[1]) if step else _in_recipe(file, "steps")


def training_seed(path: str) -> int | None:
    """The seed that its weights and batches were drawn with, as the history of the training tells."""
    return _in_recipe(training(path), "seed")


def _in_recipe(folder: Path, name: str) -> int | None:
    """A whole number that the history of the training tells; None if there is no such history."""
    try:
        found = json.loads((folder / "history.json").read_text())["recipe"][name]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return found if isinstance(found, int) and abs(found) < 2**63 else None


def name_of(path: str) -> str:
    """What a checkpoint is called in the log and the table."""
    file = Path(path)
    return f"{training(path).name}-{file.stem}" if _is_snapshot(file) else _bare(file)


def _bare(path: Path) -> str:
    """The name of a folder, or of a file without its format."""
    return path.name if path.is_dir() else path.stem


def training(path: str) -> Path:
    """The folder, or bare file, that a checkpoint is of."""
    file = Path(path)
    return file.parent.parent if _is_snapshot(file) else file


def _is_snapshot(file: Path) -> bool:
    return file.parent.name == "snapshots" and bool(_SNAPSHOT.fullmatch(file.stem))


def distinct(trainings: set[Path]) -> dict[Path, str]:
    """Names as short as they can be without two trainings sharing one: the last part of the path, or as many as it takes."""
    for parts in range(1, max((len(path.parts) for path in trainings), default=0) + 1):
        names = {path: "/".join((*path.parts[-parts:-1], _bare(path))) for path in trainings}
        if len(set(names.values())) == len(names):
            return names
    return {path: str(path) for path in trainings}
