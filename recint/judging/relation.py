"""Compare a statistic with its threshold."""

from __future__ import annotations

from typing import Literal, Protocol

Relation = Literal[">=", "<="]


class Bar(Protocol):
    """The threshold of a statistic, and the side of it on which the value should be."""

    @property
    def statistic(self) -> str: ...
    @property
    def relation(self) -> Relation: ...
    @property
    def threshold(self) -> float: ...


def holds(value: float, relation: Relation, threshold: float) -> bool:
    """Whether a value is on the right side of its threshold.

    >>> holds(0.5, ">=", 0.5)
    True
    """
    return value >= threshold if relation == ">=" else value <= threshold


def shortfall(bar: Bar, value: float, where: str) -> str:
    """The sentence on a value that fails, e.g. "attention = 0.41, but should be >= 0.5 [c = -0.5, 14 terms]"."""
    return f"{bar.statistic} = {value:.4g}, but should be {bar.relation} {bar.threshold:g} [{where}]"
