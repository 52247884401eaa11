"""Roles: what a planted model does, as one number for each role.

`planted.plant` builds a model that plays the given roles. `truth.truth` says which claims are then true.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recint.checkpoint import ModelConfig

Heads = Literal["share", "split"]
PerHead = float | tuple[float, ...]
Array = NDArray[np.float64]
# The shape of a planted model, unless another is given.
SMALL = ModelConfig(n_layers=3, n_heads=8, d_model=64, d_head=16, d_mlp=1, n_ctx=13, d_vocab=8)


def each_head(value: PerHead, n_heads: int = 1) -> tuple[float, ...]:
    """One number for each head.

    >>> each_head(0.5, 2), each_head((0.1, 0.9))
    ((0.5, 0.5), (0.1, 0.9))
    """
    return value if isinstance(value, tuple) else (float(value),) * n_heads


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The value of each claim's statistic, by construction. The defaults play every role strongly.

    A role that each head plays for itself takes one number for all heads, or a tuple with one number for each head.

    Attributes:
        previous_token: attention of layer 0 on the key before the query. It is the same at every query; in (0, 1).
        ov_line: R^2 of the summed OV of layer 0, with the sign of the slope; in [-1, 1].
        second_position: attention of layer 1 on key 1, divided by the uniform share. It is the same at queries i >= 3; in (0, 4).
        low_rank: 1 - mean rank in layer 1 / mean rank in layers 0 and 2, rounded to a multiple of 1 / (heads * mean rank); below 1.
        negative_copying: OV eigenvalue score of layer 2; in [-1, 1].
        subtracts: cosine between what a head of layer 2 writes and what it attends to; in [-1, 1].
        k_composition, q_composition: score of layers 1 and 2, divided by chance. 0 is none and 1 is chance. The largest possible
            value is about sqrt(d_model / rank of layer 1).
        v_composition: the largest score of any two layers, divided by chance; from 0 to about sqrt(d_model / d_vocab).
        qk_similarity: QK eigenvalue score of layer 2; at most 1. Its lower bound depends on K- and Q-composition.

    Raises:
        ValueError: no model can have this value. (`plant` refuses values for which a shape has no room.)
    """

    previous_token: PerHead = 0.9
    ov_line: float = 0.95
    second_position: PerHead = 3.5
    low_rank: float = 0.5
    negative_copying: PerHead = -0.95
    subtracts: PerHead = -0.95
    k_composition: float = 2.0
    q_composition: float = 2.0
    v_composition: float = 0.0
    qk_similarity: float = 0.95

    def __post_init__(self) -> None:
        for name, (low, high) in {"previous_token": (0, 1), "second_position": (0, 4)}.items():
            if not all(low < value < high for value in each_head(getattr(self, name))):
                raise ValueError(f"{name}={getattr(self, name)!r} must lie between {low} and {high}, both excluded")
        for name in ("ov_line", "negative_copying", "subtracts", "qk_similarity"):
            if not all(-1 <= value <= 1 for value in each_head(getattr(self, name))):
                raise ValueError(f"{name}={getattr(self, name)!r} must lie between -1 and 1")
        if not -np.inf < self.low_rank < 1:
            raise ValueError(f"low_rank={self.low_rank!r} must lie below 1")
        for name in ("k_composition", "q_composition", "v_composition"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name}={getattr(self, name)!r} must be at least 0")


# The value of each role in a model that clearly does not play it: uniform attention, chance level, a right angle.
ABSENT = Roles(
    previous_token=0.1,
    ov_line=0.1,
    second_position=1.0,
    low_rank=0.0,
    negative_copying=0.0,
    subtracts=0.0,
    k_composition=1.0,
    q_composition=1.0,
    v_composition=2.0,
    qk_similarity=0.0,
)
ROLES = tuple(field.name for field in fields(Roles))


def combinations(*, n_heads: int = SMALL.n_heads) -> tuple[tuple[str, Roles], ...]:
    """Named roles that are strongly present or absent: all, none, all but one, only one, and all but a pair.

    In the last ones, a bare majority of the heads plays a role, or one head too few, or all heads but one.
    """
    present, majority = Roles(), n_heads // 2 + 1

    def without(*names: str) -> Roles:
        return replace(present, **{name: getattr(ABSENT, name) for name in names})

    def only(name: str) -> Roles:
        return replace(ABSENT, **{name: getattr(present, name)})

    def played_by(count: int, name: str) -> Roles:
        played, idle = getattr(present, name), getattr(ABSENT, name)
        values: Any = (played,) * count + (idle,) * (n_heads - count)
        return replace(present, **{name: values})

    pairs = (
        ("previous_token", "ov_line"),
        ("second_position", "low_rank"),
        ("negative_copying", "subtracts"),
        ("k_composition", "q_composition"),
        ("previous_token", "second_position"),
        ("ov_line", "v_composition"),
    )
    return (
        ("all present", present),
        ("all absent", ABSENT),
        *((f"without {name}", without(name)) for name in ROLES),
        *((f"only {name}", only(name)) for name in ROLES),
        *((f"without {first} and {second}", without(first, second)) for first, second in pairs),
        ("previous_token in a majority of heads", played_by(majority, "previous_token")),
        ("previous_token in too few heads", played_by(majority - 1, "previous_token")),
        ("second_position in too few heads", played_by(majority - 1, "second_position")),
        ("subtracts in too few heads", played_by(majority - 1, "subtracts")),
        ("negative_copying in all heads but one", played_by(n_heads - 1, "negative_copying")),
    )
