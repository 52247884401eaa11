"""What the engine asks of models of recurrences, answered alike by a transformer and by whatever stands in for one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from recint import domain
from recint.checkpoint import Checkpoint, ModelConfig
from recint.domain import Place
from recint.judging.claim import Claim
from recint.judging.subject import Snippet
from recint.model import preconditions
from recint.model.intact import Intact
from recint.strategies import of_order

_PLACES = ("Between", "Condition", "DrawnRecurrence", "Recurrence", "UniformVectors", "Vector")


class _Model(Protocol):
    """What is needed to answer."""

    @property
    def checkpoint(self) -> Checkpoint: ...

    @property
    def config(self) -> ModelConfig: ...

    def intact(self, at: Place) -> Intact: ...


class Asked:
    """A model of recurrences, as `recint.judging.subject.Subject` has it, but for what makes an untrained one."""

    def unmet(self: _Model, claim: Claim, *, untrained: bool = False) -> str:
        """Why a claim cannot be asked of this model, in one sentence; empty if it can."""
        return preconditions.unmet(claim, self, untrained=untrained)

    def prepare(self: _Model, at: Place) -> None:
        """Make the whole pass over a place, not only up to what the first claim asks."""
        _ = self.intact(at).prediction

    def drawing(self: _Model) -> AbstractContextManager[None]:
        """Inside the block, Hypothesis draws recurrences of this model's order."""
        return of_order(self.config.order)

    def snippet(self: _Model, at: Place) -> Snippet:
        """Code that rebuilds this model and a place."""
        used = ", ".join(kind for kind in _PLACES if f"{kind}(" in repr(at))
        return Snippet(
            imports=(
                "from recint.checkpoint import load",
                f"from {domain.__name__} import {used}",
                "from recint.model import Model",
            ),
            lines=(f"model = Model(load({self.checkpoint.path!r}))", f"at = {at!r}"),
        )
