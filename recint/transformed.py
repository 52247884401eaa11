"""A place where a model is asked twice: on the recurrences of a condition, and on the same recurrences, transformed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recint.checkpoint import ModelConfig
from recint.places import Alone, Condition
from recint.recurrence import Recurrences
from recint.transformations import Transformation


@dataclass(frozen=True, kw_only=True)
class Transformed(Alone):
    """The recurrences of a condition, and one transformation for all of them.

    `sample` gives the recurrences as they are; the property transforms them.
    """

    at: Condition
    by: Transformation

    @property
    def size(self) -> int:
        return self.at.size

    @property
    def simplicity(self) -> tuple:
        return self.at.simplicity

    @property
    def coordinate(self) -> float | None:
        return self.at.coordinate

    @property
    def seed(self) -> int:
        return self.at.seed

    @property
    def length(self) -> int:
        return self.at.length

    def sample(self, config: ModelConfig) -> Recurrences:
        return self.at.sample(config)

    def again(self, *, batch: int, seed: int) -> Transformed:
        return replace(self, at=self.at.again(batch=batch, seed=seed))

    def equation(self) -> str:
        return f"{self.by.words()} of recurrences {self.at.equation()}"

    def brief(self) -> str:
        return f"{self.at.brief()}, {self.by.words()}"
