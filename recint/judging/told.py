"""What is told of a claim: its parts, and the sentence that they make."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is told of a claim, or of one of its contrasts.

    Attributes:
        claim: the id of the claim.
        contrast: the name of the contrast; empty if it is told of the claim itself.
        happened: what is told, without the claim and the contrast.
    """

    claim: str
    contrast: str = ""
    happened: str = ""

    @property
    def beside(self) -> str:
        """What is told, with the contrast: for a reader who knows the claim."""
        return f"contrast '{self.contrast}': {self.happened}" if self.contrast else self.happened

    @property
    def rest(self) -> str:
        """What follows the id of the claim in the sentence."""
        return f"{', ' if self.contrast else ': '}{self.beside}"

    @property
    def sentence(self) -> str:
        """What is told, in a sentence that begins with the id of the claim."""
        return f"{self.claim}{self.rest}"


@dataclass(frozen=True, kw_only=True)
class Departure(Told):
    """A claim that keeps the run from exit status 0, and the reason."""
