"""Places for any subject whose places draw their own inputs: what they share, so that a new subject says only what is its own.

A place has a method `sample(config)`. It returns the draws: a frozen dataclass of tensors, all with the draws on their first
axis. One of them is called `inputs`, and is what the model reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch

from recint.judging.subject import SEARCH_BATCH, Apart


class _Place(Apart):
    """What every place has, unless it says otherwise. It is measured alone, and has no coordinate."""

    def beside(self, others: Sequence[Any]) -> Any:
        """One place that holds the draws of this place and of others of equal shape, in order."""
        return Together((self, *others)) if others else self

    def sample(self, config: Any) -> Any:
        """The draws of this place, for models of this configuration."""
        raise NotImplementedError(f"{type(self).__name__} must say what it draws")

    def equation(self) -> str:
        """The whole place in words."""
        return self.brief()

    def brief(self) -> str:
        """The place in a few words."""
        raise NotImplementedError(f"{type(self).__name__} must say what it is, in a few words")


@dataclass(frozen=True, kw_only=True)
class Batch(_Place):
    """A place of independent draws. A subclass adds fields, and says in `sample` and `brief` what they mean.

    Attributes:
        batch: the number of draws.
        seed: their seed. `sample` draws nothing that does not follow from it.
    """

    batch: int = SEARCH_BATCH
    seed: int = 0

    @property
    def size(self) -> int:
        return self.batch

    def single(self, number: int) -> Drawn:
        """The draw with this number, counted from zero."""
        return Drawn(self, number)

    def again(self, *, batch: int, seed: int) -> Self:
        """The same place with fresh draws."""
        return replace(self, batch=batch, seed=seed)


class Single(_Place):
    """A place with one draw, and nothing random in it. A subclass is a frozen dataclass with its own `sample` and `brief`."""

    @property
    def size(self) -> int:
        return 1

    def again(self, *, batch: int, seed: int) -> Self:
        """The place itself, since nothing is left to draw."""
        return self


@dataclass(frozen=True)
class Drawn(Single):
    """One draw of a batch, by its number."""

    at: Batch
    number: int

    def sample(self, config: Any) -> Any:
        """The one draw."""
        return _each(self.at.sample(config), lambda value: value[self.number : self.number + 1])

    def brief(self) -> str:
        """The place in a few words."""
        return f"draw {self.number} of {self.at.brief()}, seed {self.at.seed}"


@dataclass(frozen=True)
class Together(Single):
    """Several places of one shape, measured in one pass."""

    places: tuple[Any, ...]

    @property
    def size(self) -> int:
        return sum(at.size for at in self.places)

    def sample(self, config: Any) -> Any:
        """The draws of all places, in order."""
        drawn = [at.sample(config) for at in self.places]
        names = [field.name for field in fields(drawn[0])]
        return replace(drawn[0], **{name: torch.cat([getattr(one, name) for one in drawn]) for name in names})

    def brief(self) -> str:
        """The place in a few words."""
        return f"{len(self.places)} places together"


def _each(drawn: Any, change: Any) -> Any:
    """The draws with every tensor changed."""
    return replace(drawn, **{field.name: change(getattr(drawn, field.name)) for field in fields(drawn)})


def on_device(drawn: Any, device: torch.device) -> Any:
    """The draws with every tensor on this device."""
    return _each(drawn, lambda value: value.to(device))
