"""The protocols of a subject: what the engine needs from a model, from the places where claims are tried, and from domains.

The engine knows a subject by these protocols only. Affine recurrences and the transformers that predict them are one subject, see
`recint.domain` and `recint.model`. Any classes with these methods are another subject; `recint.bridged` has what subjects share
whose models are TransformerBridges.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch

if TYPE_CHECKING:
    from recint.judging.claim import Claim

SUBJECT = "subject.py"  # the module of a folder of claims that says what they are about
CHUNK = 100  # draws in one forward pass: larger batches take more memory, and a CPU is not faster with them
SEARCH_BATCH = 64  # draws at each condition of a search
POINTS = (
    512  # conditions visited in a domain that has too many for a complete scan; a power of two fills it most evenly
)


def is_own(folder: str | Path) -> bool:
    """Whether the claims of a folder have a subject of their own."""
    return (Path(folder) / SUBJECT).is_file()


class Place(Protocol):
    """A place where a claim is tried: a frozen dataclass whose repr is runnable code."""

    def __hash__(self) -> int: ...

    @property
    def size(self) -> int:
        """The number of draws that are measured there."""

    @property
    def shape(self) -> Hashable | None:
        """Places of equal shape can be measured in one pass. None for a place that must be measured alone."""

    @property
    def simplicity(self) -> tuple:
        """A sort key: smaller for a place that a person reads more easily."""

    @property
    def coordinate(self) -> float | None:
        """The coordinate of the place on the horizontal axis of figures; None if it was drawn at random."""

    def beside(self, others: Sequence[Any]) -> Place:
        """One place that holds the draws of this place and of others of equal shape, in order."""

    def again(self, *, batch: int, seed: int) -> Place:
        """The same place with `batch` fresh draws. A place that has nothing random returns itself."""

    def equation(self) -> str:
        """The whole place in words, for a counterexample."""

    def brief(self) -> str:
        """The place in a few words."""


class Apart:
    """The defaults of a place: it shares a pass with no other, is as simple as any, and has no coordinate."""

    @property
    def shape(self) -> Any:
        return None

    @property
    def simplicity(self) -> tuple:
        return ()

    @property
    def coordinate(self) -> float | None:
        return None


class Sample(Place, Protocol):
    """A place of several independent draws. Each draw is a place, too."""

    def single(self, number: int) -> Place:
        """The draw with this number, counted from zero."""


@runtime_checkable
class Domain(Protocol):
    """What a claim is about: a frozen dataclass of plain values. The claim's hash covers them."""

    def reference(self, config: Any, *, batch: int, seed: int) -> Sample:
        """`batch` independent draws from the reference distribution of models of this configuration, for estimates.

        Equal arguments give equal draws.
        """

    def words(self) -> str:
        """The domain in a few words."""

    def conditions(self, config: Any, *, batch: int, seed: int) -> Sequence[Place]:
        """The conditions that a scan of the domain visits, for models of this configuration, each with `batch` draws."""


@dataclass(frozen=True)
class Snippet:
    """Python code that makes a model and a place again.

    Attributes:
        imports: the import statements.
        lines: the statements that define `model` and `at`.
    """

    imports: tuple[str, ...]
    lines: tuple[str, ...]


class Checkpoint(Protocol):
    """What a subject reads from a file: a frozen dataclass, so that it can be copied under another name."""

    @property
    def subject(self) -> str:
        """What the claims about it are about, in a few words; empty for affine recurrences, which came first."""

    @property
    def name(self) -> str:
        """Its name in the log and on pages."""

    @property
    def sha256(self) -> str:
        """The hash of the sorted (name, dtype, shape, bytes) of its tensors."""

    @property
    def config(self) -> Any:
        """The shape of the model: a dataclass of plain values."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user on what was changed or assumed while it was read."""


class Kind(Protocol):
    """The kind of model that the claims of a folder are about: the names that a module `subject.py` in the folder has."""

    @property
    def NAME(self) -> str:
        """What the claims are about, in a few words, e.g. "recurrences"."""

    def load(self, path: str) -> Any:
        """The `Checkpoint` in this file or folder. A wrong one raises ValueError, in one sentence that names it."""

    def model(self, checkpoint: Any, device: Any) -> Subject:
        """The model of a checkpoint, on this device."""


class Subject(Protocol):
    """A model on which claims are judged."""

    @property
    def config(self) -> Any:
        """The shape of the model: a dataclass of plain values."""

    @property
    def device(self) -> torch.device:
        """The device on which the model runs."""

    def unmet(self, claim: Claim, *, untrained: bool = False) -> str:
        """Why a claim is not applicable to this model, in one sentence; empty if it is applicable.

        Args:
            untrained: whether the model is an untrained one. Preconditions that only training can meet are then not checked.
        """

    def prepare(self, at: Any) -> None:
        """Make the whole forward pass over a place now, since several claims are going to use it."""

    def drawing(self) -> AbstractContextManager[None]:
        """Inside the block, Hypothesis draws places that fit this model."""

    def snippet(self, at: Any) -> Snippet:
        """Code that makes this model and a place again."""

    def untrained(self, seed: int) -> Subject:
        """An untrained model of the same shape, on the same device."""
