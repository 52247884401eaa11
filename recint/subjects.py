"""Which subject the claims of a folder are about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, cast

from recint import shipped
from recint.catalogue import SHIPPED, module
from recint.judging.subject import SUBJECT, Kind, is_own
from recint.model import subject as recurrences

REFERENCE_CHECKPOINT = shipped.CHECKPOINTS / "affine3-seed0"
_NAMES = ("NAME", "load", "model")


def subject_of(folder: str | Path) -> Kind:
    """The module `subject.py` of a folder of claims; without one, the claims are about affine recurrences.

    >>> subject_of("hypotheses").NAME, subject_of("examples/induction/claims").NAME
    ('recurrences', 'token sequences with a repeated block')

    Raises:
        ValueError: the module cannot be imported, or lacks a name.
    """
    path = Path(folder).resolve() / SUBJECT
    own = module(path) if is_own(folder) else recurrences
    if missing := [name for name in _NAMES if not hasattr(own, name)]:
        raise ValueError(
            f"{path}: has no {missing[0]}, but a subject has {', '.join(_NAMES)}; see docs/your-own-model.md"
        )
    return cast(Kind, own)


def require_task_fits(task: str | None, folder: str | Path) -> None:
    """Raises ValueError if a file says the task of a checkpoint, but the claims of the folder are about another subject."""
    if task is not None and is_own(folder):
        raise ValueError(f"task={task!r} is of recurrences, but these claims are about another subject")


def load(path: str | Path, folder: str | Path, *, task: str | None = None) -> Any:
    """A `Checkpoint` that the claims of a folder can be judged on.

    Args:
        task: the file that says what a model of recurrences was trained on, if its checkpoint does not say it itself.

    Raises:
        ValueError: it cannot be read as a checkpoint of this subject, or its name is no text.
    """
    require_task_fits(task, folder)
    told = {} if task is None else {"task": task}
    loaded = subject_of(folder).load(str(path), **told)
    require_text(loaded.name, path)
    return loaded


def require_text(name: str, path: str | Path) -> None:
    """Raises ValueError if the name of a checkpoint, which is part of every output, cannot be written in UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{path}: {name!r} is no text in UTF-8, but the name of a checkpoint must be: rename it"
        ) from None


def folder_of(chosen: str | None, named: Sequence[str]) -> Path:
    """The folder of claims that pytest is told to collect, as far as that is known before it collects.

    Args:
        chosen: the folder that the option names.
        named: the paths among pytest's arguments, which may name a folder or its modules.
    """
    paths = [Path(name.partition("::")[0]) for name in ([chosen] if chosen else named)]
    folders = [path if path.is_dir() else path.parent for path in paths]
    return next((folder.resolve() for folder in folders if is_own(folder)), SHIPPED)


def require_one_subject(folders: Collection[Path]) -> None:
    """Raises ValueError if the claims of these folders are about different subjects: one checkpoint cannot be of both."""
    names = sorted({subject_of(folder).NAME for folder in folders})
    if len(names) > 1:
        raise ValueError(
            f"claims about {' and about '.join(names)} are collected together, but a run has one checkpoint"
        )


def checkpoint_of(named: str | None, folder: str | Path) -> str:
    """The path of the checkpoint that the claims of a folder are judged on: the one that is named, or the reference checkpoint.

    Raises:
        ValueError: none is named, and the claims are about another subject than the reference checkpoint.
    """
    if named is None and is_own(folder):
        raise ValueError(
            f"no checkpoint is named, but one of {subject_of(folder).NAME} is needed for the claims of {folder}"
        )
    return str(REFERENCE_CHECKPOINT) if named is None else named
