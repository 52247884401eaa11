"""What is claimed of affine recurrences and the models that predict them; `recint.judging.claim` says what a claim is.

>>> claim = Claim(
...     id="l0.previous-token",
...     statement="A majority of heads of layer 0 attends to the previous term.",
...     quantifier="everywhere",
...     statistic="attention to the previous term",
...     relation=">=",
...     threshold=0.5,
...     source="notebook",
...     reduction="majority of heads",
... )
>>> claim.domain
Domain(c=(-2.0, 2.0), either_sign=False, length=(5, 14), uniform_vectors=False)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from recint.domain import Domain
from recint.judging import claim as engine
from recint.judging.claim import Contrast, Property, Refuted, Unmet


@dataclass(frozen=True, kw_only=True)
class Claim(engine.Claim):
    """A claim whose domain is one of affine recurrences: all of the reference distribution, if it says nothing else."""

    domain: Domain = field(default_factory=Domain)

    domains: ClassVar[type] = Domain


__all__ = ["Claim", "Contrast", "Property", "Refuted", "Unmet"]
