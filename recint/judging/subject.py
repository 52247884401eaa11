"""What the engine asks of what it judges: of a model, of the places where claims are tried, and of the domains these lie in.

The engine imports nothing else of its subject. Affine recurrences and the transformers that predict them are one subject, see
`recint.domain` and `recint.model`; another one stands beside it by having these methods.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch

if TYPE_CHECKING:
    from recint.judging.claim import Claim

CHUNK = 100  # draws in one forward pass: larger batches take more memory, and a CPU is no faster with them
SEARCH_BATCH = 64  # draws at each condition of a search
POINTS = (
    512  # conditions that stand for a domain that has too many to visit them all; a power of two fills it most evenly
)


class Place(Protocol):
    """Where a claim is tried: a frozen dataclass whose repr is runnable code."""

    def __hash__(self) -> int: ...

    @property
    def size(self) -> int:
        """How many draws are measured there."""

    @property
    def shape(self) -> Hashable | None:
        """Places of one shape can be measured in one pass; None for a place that shares its pass with no other."""

    @property
    def simplicity(self) -> tuple:
        """Smallest for what a person reads most easily."""

    @property
    def coefficient(self) -> float | None:
        """What figures are drawn against; None if it was drawn at random."""

    def beside(self, others: Sequence[Any]) -> Place:
        """This place and others of its shape, side by side, as one place."""

    def again(self, *, batch: int, seed: int) -> Place:
        """The same place with so many fresh draws; one that has nothing left to draw gives itself."""

    def equation(self) -> str:
        """The place in full, for a counterexample."""

    def brief(self) -> str:
        """The place in a few words."""


class Sample(Place, Protocol):
    """Independent draws, each of which is a place, too."""

    def single(self, number: int) -> Place:
        """The draw with this number, counted from zero."""


@runtime_checkable
class Domain(Protocol):
    """What a claim speaks of: a frozen dataclass of plain values, which the claim's hash covers."""

    def reference(self, *, batch: int, seed: int) -> Sample:
        """Independent draws of the reference distribution, where estimates are made; the same for the same arguments."""

    def words(self) -> str:
        """The domain in a few words."""

    def conditions(self, config: Any, *, batch: int, seed: int) -> Sequence[Place]:
        """The places that stand for the domain when all of it is visited, for models of this configuration."""


@dataclass(frozen=True)
class Snippet:
    """Python code that rebuilds a model and a place.

    Attributes:
        imports: import statements, one in a line.
        lines: statements that bind `model` and `at`.
    """

    imports: tuple[str, ...]
    lines: tuple[str, ...]


class Subject(Protocol):
    """A model that claims are judged on."""

    @property
    def config(self) -> Any:
        """A dataclass of plain values: the shape of the model."""

    @property
    def device(self) -> torch.device: ...

    def unmet(self, claim: Claim, *, untrained: bool = False) -> str:
        """Why a claim cannot be asked of this model, in one sentence; empty if it can.

        Args:
            untrained: whether the model is, and is asked all the same about what only training gives.
        """

    def prepare(self, at: Any) -> None:
        """Make the pass over a place, which several claims are going to ask about."""

    def drawing(self) -> AbstractContextManager[None]:
        """Inside the block, Hypothesis draws places for this model."""

    def snippet(self, at: Any) -> Snippet:
        """Code that rebuilds this model and a place."""

    def untrained(self, seed: int) -> Subject:
        """An untrained model of the same shape, on the same device."""
