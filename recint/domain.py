"""The domain of a claim: the part of the reference distribution that the claim is about, and the places where it is tried."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import qmc

from recint import refusals
from recint.carry_over import Carried, carried
from recint.checkpoint import ModelConfig, task_of
from recint.judging.subject import POINTS
from recint.places import (
    Between,
    Condition,
    DrawnRecurrence,
    Place,
    Recurrence,
    Several,
    UniformVectors,
    reference_of,
)
from recint.recurrence import REFERENCE
from recint.system.seeds import derive_seed
from recint.task import MOST_LENGTH, Range, require_moderate, ticks
from recint.transformations import Flip, Permutation, Rotation, Scale, Shift, Swap, Transformation
from recint.transformed import Transformed
from recint.vector import Vector


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The part of the reference distribution that a claim is about.

    >>> Domain(c=(-2.0, -0.5), length=(14, 14)).reference(ModelConfig(), batch=200, seed=0).brief()
    'c ~ U(-2, -0.5), 14 terms'
    >>> Domain(c=(0.25, 0.75))
    Traceback (most recent call last):
    ValueError: c=(0.25, 0.75) must have bounds that are multiples of 0.1: the grid that is visited is of tenths

    Attributes:
        c: the range of the coefficients; its bounds are multiples of 0.1, since a grid of tenths is visited.
        either_sign: whether c bounds |c|: `c=(3, 4)` is then 3 <= |c| <= 4.
        length: the smallest and the largest number of terms.
        uniform_vectors: whether vectors ~ U(0, 1)^m are tried too, in addition to the terms of recurrences.

    Raises:
        ValueError: a range is empty, not finite, too wide or off the grid, c is negative though it bounds |c|, or lengths are too
            short or too long.
    """

    c: Range = (-2.0, 2.0)
    either_sign: bool = False
    length: tuple[int, int] = (5, 14)
    uniform_vectors: bool = False

    def __post_init__(self) -> None:
        for name in ("c", "length"):
            refusals.require_range(name, getattr(self, name))
        require_moderate("c", self.c)
        if any(abs(10 * bound - round(10 * bound)) > 1e-9 for bound in self.c):
            raise ValueError(
                f"c={self.c!r} must have bounds that are multiples of 0.1: the grid that is visited is of tenths"
            )
        if self.either_sign and self.c[0] < 0:
            raise ValueError(f"c={self.c!r} must not be negative with either_sign=True: it bounds |c|")
        refusals.require_whole("length", self.length, least=1)
        if self.length[1] < REFERENCE.shortest:
            raise ValueError(
                f"length={self.length!r} must reach {REFERENCE.shortest}: of fewer terms nothing can be predicted"
            )
        if self.length[1] > MOST_LENGTH:
            raise ValueError(
                f"length={self.length!r} must end at {MOST_LENGTH} or below: longer sequences are not judged"
            )
        if self.length[0] > REFERENCE.length:
            raise ValueError(
                f"length={self.length!r} must begin at {REFERENCE.length} or below: estimates are of no more terms"
            )

    def words(self) -> str:
        """The domain in a few words.

        >>> Domain(c=(3.0, 4.0), either_sign=True).words()
        '|c| from 3 to 4, 5 to 14 terms'
        """
        (low, high), (fewest, most) = self.c, self.length
        c = f"|c| from {low:g} to {high:g}" if self.either_sign else f"c from {low:g} to {high:g}"
        terms = f"{most} terms" if fewest == most else f"{fewest} to {most} terms"
        return f"{c}, {terms}{', and of vectors ~ U(0, 1)^m' if self.uniform_vectors else ''}"

    def on(self, config: ModelConfig) -> Carried:
        """This domain for the recurrences that a model was trained on.

        Raises:
            Unmet: they are of another kind, in one sentence.
        """
        return carried(self.c, self.length, either_sign=self.either_sign, task=reference_of(config))

    def reference(self, config: ModelConfig, *, batch: int, seed: int) -> Condition:
        """Independent draws for the estimate: the reference distribution, with coefficients of this domain.

        Their length is the largest of the domain, or that of the reference distribution if that is smaller.

        Args:
            config: the model's configuration, which says what it was trained on.
            batch: how many recurrences are drawn.
        """
        here = self.on(config)
        between = Between(*here.c, either_sign=self.either_sign)
        return Condition(c=between, length=here.estimated, seed=seed, batch=batch, task=task_of(config))

    def conditions(self, config: ModelConfig, *, batch: int, seed: int) -> list[Condition | UniformVectors]:
        """The conditions that are visited for the domain: every coefficient of a grid of tenths, at every length.

        For orders above 1, or long sequences, this grid is too large. There POINTS of its points are visited, which fill it evenly
        (Sobol's sequence). Points that fall on one condition count once.

        Args:
            config: the model's configuration, which says what it was trained on.
            batch: how many recurrences are drawn at each condition.
        """
        order, here = config.order, self.on(config)
        grid = sorted({sign * tick for tick in ticks(here.c) for sign in ((1, -1) if self.either_sign else (1,))})
        lengths = range(here.length[0], here.length[1] + 1)
        places: list[tuple[float | tuple[float, ...], int]]
        if order > 1 or len(lengths) * len(grid) > POINTS:
            points = qmc.Sobol(order + 1, seed=derive_seed(0, "points that fill the grid") % 2**32).random(POINTS)
            chosen = dict.fromkeys(
                (tuple(grid[int(share * len(grid))] for share in coefficients), lengths[int(length * len(lengths))])
                for *coefficients, length in points
            )
            places = sorted(((c if order > 1 else c[0], length) for c, length in chosen), key=lambda at: at[1])
        else:
            places = [(c, length) for length in lengths for c in grid]
        task = task_of(config)
        conditions = [Condition(c=c, length=length, seed=seed, batch=batch, task=task) for c, length in places]
        return [*conditions, UniformVectors(seed=seed)] if self.uniform_vectors else [*conditions]


AS_TRAINED = Domain(length=(REFERENCE.length, REFERENCE.length))  # sequences of the length of training


@dataclass(frozen=True, kw_only=True)
class Turned(Domain):
    """The domain of a claim about every rotation: recurrences are drawn as usual, and what is visited are rotations.

    Attributes:
        visited: how many rotations are visited: a swap of two coordinates, a coordinate with the opposite sign, and then as many
            random permutations as random rotations.
    """

    visited: int = 64

    def words(self) -> str:
        """The domain in a few words.

        >>> Turned(length=(14, 14)).words()
        'c from -2 to 2, 14 terms, every rotation'
        """
        return f"{super().words()}, every rotation"

    def conditions(self, config: ModelConfig, *, batch: int, seed: int) -> list[Transformed]:  # type: ignore[override]
        """The rotations that are visited, each with `batch` recurrences drawn from the reference distribution."""
        half = (self.visited - 2) // 2
        turns: list[Transformation] = [Swap(), Flip()]
        turns += [kind(number) for kind in (Permutation, Rotation) for number in range(half)]
        return [
            Transformed(at=self.reference(config, batch=batch, seed=derive_seed(seed, number)), by=turn)
            for number, turn in enumerate(turns)
        ]


__all__ = [
    "AS_TRAINED",
    "Between",
    "Condition",
    "Domain",
    "DrawnRecurrence",
    "Flip",
    "Permutation",
    "Place",
    "Recurrence",
    "Rotation",
    "Scale",
    "Several",
    "Shift",
    "Swap",
    "Transformed",
    "Turned",
    "UniformVectors",
    "Vector",
    "reference_of",
]
