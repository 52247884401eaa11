"""What the engine needs from a model of recurrences. `Model` and the planted models of `recint.calibration` share this code."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from typing import Protocol

from recint import domain
from recint.checkpoint import Checkpoint, ModelConfig
from recint.domain import Place
from recint.judging.claim import Claim
from recint.judging.subject import Snippet
from recint.model import preconditions
from recint.model.intact import Intact
from recint.strategies import of_model


class _Model(Protocol):
    """What a class must have so that it can inherit from `Judgeable`."""

    @property
    def checkpoint(self) -> Checkpoint: ...

    @property
    def config(self) -> ModelConfig: ...

    def intact(self, at: Place) -> Intact: ...


class Judgeable:
    """The part of the protocol `recint.judging.subject.Subject` that all models of recurrences share.

    `Subject.untrained` is missing here: each class builds its untrained models itself.
    """

    def unmet(self: _Model, claim: Claim, *, untrained: bool = False) -> str:
        """One sentence that says why the claim does not apply to this model; empty if the claim applies."""
        return preconditions.unmet(claim, self, untrained=untrained)

    def prepare(self: _Model, at: Place) -> None:
        """Run the whole forward pass over a place at once. Otherwise the first claim would run only the part that it needs."""
        _ = self.intact(at).prediction

    def drawing(self: _Model) -> AbstractContextManager[None]:
        """Inside the block, Hypothesis draws recurrences of this model's task."""
        return of_model(self.config)

    def snippet(self: _Model, at: Place) -> Snippet:
        """Python code that builds this model and this place again."""
        path = self.checkpoint.path
        # A model that was made in memory has no file: the reader has to save it first.
        told = f", task={self.checkpoint.told!r}" if self.checkpoint.told else ""
        model = (
            f"model = Model(load({path!r}{told}))" if path else f"model = Model(load(...))  # {self.checkpoint.name!r}"
        )
        used = ", ".join(kind for kind in domain.__all__ if re.search(rf"\b{kind}\(", repr(at)))
        return Snippet(
            imports=(
                "from recint.checkpoint import load",
                f"from {domain.__name__} import {used}",
                "from recint.model import Model",
            ),
            lines=(model, f"at = {at!r}"),
        )
