"""Which training a checkpoint is of, and at what step: told by where it lies, as `recint train` leaves it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_SNAPSHOT = re.compile(r"step-(\d+)")


def series(path: str) -> tuple[str, int | None]:
    """Which training a checkpoint belongs to, and its step: a snapshot says so by where it is, a finished model by its history.

    >>> series("runs/seed1/snapshots/step-000500.safetensors")
    ('seed1', 500)
    """
    file, of = Path(path), training(path)
    step = _SNAPSHOT.fullmatch(file.stem) if _is_snapshot(file) else None
    return _bare(of), int(step[1]) if step else _recipe(file).get("steps")


def training_seed(path: str) -> int | None:
    """The seed that its weights and batches were drawn with, as the history of the training tells."""
    seed: int | None = _recipe(training(path)).get("seed")
    return seed


def _recipe(folder: Path) -> dict[str, Any]:
    try:
        recipe: dict[str, Any] = json.loads((folder / "history.json").read_text())["recipe"]
        return recipe
    except (OSError, ValueError, KeyError, TypeError):
        return {}


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
