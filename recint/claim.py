"""Claims about models that predict affine recurrences. What a claim is stands in `recint.judging.claim`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from recint.domain import Domain
from recint.judging import claim as engine
from recint.judging.claim import Contrast, Property, Refuted, Unmet


@dataclass(frozen=True, kw_only=True)
class Claim(engine.Claim):
    """A claim whose domain is a part of the reference distribution of affine recurrences, by default all of it.

    A field with a wrong value is refused at once, in one sentence.

    >>> fields = dict(id="l0.next", statement="Layer 0 looks ahead.", quantifier="average", source="a hunch")
    >>> Claim(**fields, statistic="attention", relation=">=", threshold=0.5).holds(0.41)
    False
    >>> Claim(**fields, statistic="attention", relation=">", threshold=0.5)
    Traceback (most recent call last):
    ValueError: relation='>' must be one of '>=', '<='
    """

    domain: Domain = field(default_factory=Domain)

    domains: ClassVar[type] = Domain


__all__ = ["Claim", "Contrast", "Property", "Refuted", "Unmet"]
