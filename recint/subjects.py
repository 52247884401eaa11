"""Which subject the claims of a folder are about. Whatever is wrong in its module `subject.py` is one sentence that names it.

What is wrong with a checkpoint, its functions say themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from recint import refusals, shipped
from recint.catalogue import SHIPPED, module
from recint.claim import Claim
from recint.judging import claim as engine
from recint.judging.subject import SUBJECT, Checkpoint, Kind, Subject, is_own
from recint.model import subject as recurrences
from recint.state_dict import require_text
from recint.system import reasons

REFERENCE_CHECKPOINT = shipped.CHECKPOINTS / "affine3-seed0"
_SEE = "see docs/your-own-model.md"


@dataclass(frozen=True)
class _Own:
    """The subject that a module `subject.py` declares: a `Kind` whose every error is a ValueError of one sentence.

    Raises:
        ValueError: the module lacks a name, or has something else under it.
    """

    path: Path
    module: ModuleType

    def __post_init__(self) -> None:
        names = ("NAME", "load", "model")
        if missing := [name for name in names if not hasattr(self.module, name)]:
            raise ValueError(f"{self.path}: has no {missing[0]}, but a subject has {', '.join(names)}; {_SEE}")
        try:
            refusals.require_text(NAME=self.NAME)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}; {_SEE}") from None
        for name in ("load", "model"):
            if not callable(found := getattr(self.module, name)):
                raise ValueError(f"{self.path}: {name}={found!r} must be a function; {_SEE}")

    @property
    def NAME(self) -> str:
        name: str = self.module.NAME
        return name

    def load(self, path: str) -> Checkpoint:
        """The checkpoint in this file or folder."""
        checkpoint: Checkpoint = self._made("load", lambda: self.module.load(path), Checkpoint)
        try:
            _require_plain(checkpoint)
        except ValueError as error:
            raise ValueError(f"{self.path}: load returned a checkpoint of which {error}; {_SEE}") from None
        return checkpoint

    def model(self, checkpoint: Any, device: Any) -> Subject:
        """The model of a checkpoint, on this device."""
        return self._made("model", lambda: self.module.model(checkpoint, device), Subject)

    def _made(self, name: str, make: Callable[[], Any], kind: type) -> Any:
        """What a function of the module returns, if it has all that its protocol asks for."""
        try:
            made = make()
            missing = [part for part in dir(kind) if not part.startswith("_") and not hasattr(made, part)]
        except (ValueError, OSError):  # says in one sentence what is wrong with the input
            raise
        except SystemExit as error:
            raise ValueError(f"{self.path}: {name}: {reasons.of_exit(error)}") from error
        except Exception as error:
            raise ValueError(
                f"{self.path}: {name} failed ({type(error).__name__}: {error}); mend it, or let it raise ValueError, with one "
                "sentence, if the checkpoint is wrong"
            ) from error
        if missing:
            raise ValueError(
                f"{self.path}: {name} returned a {type(made).__name__} without {', '.join(missing)}, but a {kind.__name__} is "
                f"expected; {_SEE}"
            )
        return made


def _require_plain(checkpoint: Checkpoint) -> None:
    """Raises ValueError if what the log and verdict files say about a checkpoint of an own subject cannot be written there."""
    refusals.require_text(subject=checkpoint.subject, name=checkpoint.name, sha256=checkpoint.sha256)
    try:
        replace(checkpoint, name=checkpoint.name)  # type: ignore[type-var]
        json.dumps(asdict(checkpoint.config), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"config={checkpoint.config!r} cannot be kept on record ({error}); a checkpoint and its config must be dataclasses, "
            "and the config must have plain values and finite numbers"
        ) from None


def subject_of(folder: str | Path) -> Kind:
    """The module `subject.py` of a folder of claims; without one, the claims are about affine recurrences.

    >>> subject_of("hypotheses").NAME, subject_of("examples/induction/claims").NAME
    ('recurrences', 'token sequences with a repeated block')

    Raises:
        ValueError: the module cannot be imported, lacks a name, or has something else under it.
    """
    return _own(Path(folder).resolve() / SUBJECT) if is_own(folder) else cast(Kind, recurrences)


@cache
def _own(path: Path) -> _Own:
    return _Own(path, module(path))


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


def folder_of(chosen: str | None, named: Sequence[str]) -> Path:
    """The folder of claims that pytest is told to collect, as far as that is known before it collects.

    Args:
        chosen: the folder that the option names.
        named: the paths among pytest's arguments, which may name a folder or its modules.
    """
    paths = [Path(name.partition("::")[0]) for name in ([chosen] if chosen else named)]
    folders = [path if path.is_dir() else path.parent for path in paths]
    return next((folder.resolve() for folder in folders if is_own(folder)), SHIPPED)


def require_about(folder: str | Path, claims: Iterable[engine.Claim]) -> None:
    """Raises ValueError if a folder without a subject of its own has a claim that is not about recurrences."""
    if not is_own(folder) and (others := [claim.id for claim in claims if not isinstance(claim, Claim)]):
        raise ValueError(
            f"{others[0]}: is no claim about recurrences; make it with Claim of recint.claim, or say in {SUBJECT} what it is about"
        )


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
