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

    A field with a wrong value is refused at once, in one sentence.

    Attributes:
        mse_ratio: whether the statistic is a ratio of MSEs. It is not asked of a model that is no better than copying.
        orders: the orders of recurrences for which the claim makes sense; all if empty.
        loss_share: whether the statistic is a share of what the model gains over repeating the last term.
        families: the families of recurrences for which the claim makes sense; EVERY_FAMILY for all.

    >>> fields = dict(id="l0.next", statement="Layer 0 looks ahead.", quantifier="average", source="a hunch")
    >>> Claim(**fields, statistic="attention", relation=">=", threshold=0.5).holds(0.41)
    False
    >>> Claim(**fields, statistic="attention", relation=">", threshold=0.5)
    Traceback (most recent call last):
    ValueError: relation='>' must be one of '>=', '<='
    """

    domain: Domain = field(default_factory=Domain)
    mse_ratio: bool = False
    orders: tuple[int, ...] = ()
    loss_share: bool = False
    families: tuple[str, ...] = ("affine",)

    domains: ClassVar[type] = Domain
    noun: ClassVar[str] = "recurrence"
    later: ClassVar[tuple[str, ...]] = (*engine.Claim.later, "loss_share")
    # The hash does not cover the families: no verdict on models of the notebook's task depends on them, and claims were
    # registered before there were others. To let a claim speak of one more family moves no goalposts of those it spoke of.
    uncovered: ClassVar[tuple[str, ...]] = (*engine.Claim.uncovered, "families")

    def __post_init__(self) -> None:
        super().__post_init__()
        refusals.require_whole("orders", self.orders, least=1)
        refusals.require_all("families", self.families, str)
        if unknown := [name for name in self.families if name not in FAMILIES]:
            raise ValueError(
                f"families={self.families!r} must be among {', '.join(FAMILIES)}, but {unknown[0]!r} is not"
            )

    @property
    def asked_of_untrained(self) -> bool:
        """Whether the claim can be asked of untrained models: they are no better than copying, so that no ratio of MSEs can."""
        return not self.mse_ratio

    @property
    def limits(self) -> str:
        """A sentence on the orders of the recurrences that the claim applies to; empty if it applies to all."""
        orders = ", ".join(map(str, self.orders))
        return f"It applies to recurrences of order {orders} only." if orders else ""


__all__ = ["EVERY_FAMILY", "Claim", "Contrast", "Property", "Refuted", "Unmet"]
