"""Claims about models that predict affine recurrences. What a claim is stands in `recint.judging.claim`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from recint import refusals
from recint.domain import Domain
from recint.families import FAMILIES
from recint.judging import claim as engine
from recint.judging.claim import Contrast, Property, Refuted, Unmet

EVERY_FAMILY: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Claim(engine.Claim):
    """A claim whose domain is a part of the reference distribution of affine recurrences, by default all of it.

    Attributes:
        families: the families of recurrences for which the claim makes sense; EVERY_FAMILY for all.

    A field with a wrong value is refused at once, in one sentence.

    >>> fields = dict(id="l0.next", statement="Layer 0 looks ahead.", quantifier="average", source="a hunch")
    >>> Claim(**fields, statistic="attention", relation=">=", threshold=0.5).holds(0.41)
    False
    >>> Claim(**fields, statistic="attention", relation=">", threshold=0.5)
    Traceback (most recent call last):
    ValueError: relation='>' must be one of '>=', '<='
    """

    domain: Domain = field(default_factory=Domain)
    families: tuple[str, ...] = ("affine",)

    domains: ClassVar[type] = Domain
    # The hash does not cover the families: no verdict on models of the notebook's task depends on them, and claims were
    # registered before there were others. To let a claim speak of one more family moves no goalposts of those it spoke of.
    uncovered: ClassVar[tuple[str, ...]] = (*engine.Claim.uncovered, "families")

    def __post_init__(self) -> None:
        super().__post_init__()
        refusals.require_all("families", self.families, str)
        if unknown := [name for name in self.families if name not in FAMILIES]:
            raise ValueError(
                f"families={self.families!r} must be among {', '.join(FAMILIES)}, but {unknown[0]!r} is not"
            )


__all__ = ["EVERY_FAMILY", "Claim", "Contrast", "Property", "Refuted", "Unmet"]
