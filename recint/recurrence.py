"""Recurrences: the sequences that the models predict.

The notebook's are affine. An affine recurrence of order k in R^m is a sequence of vectors with

    a_j = d + c_0 a_{j-k} + c_1 a_{j-k+1} + ... + c_{k-1} a_{j-1}        for j >= k.

Other rules are in `recint.families`. Then all terms, and d, are divided by (largest norm of a term / cap), so that the longest
term has norm `cap`. The default ranges are those of the notebook. They are the reference distribution, on which claims are
estimated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from recint.families import Family, family_of
from recint.system.seeds import derive_seed
from recint.task import DIM, Range, Task

# Terms before scaling must stay below ten to this power. Norms are made of squares, and 1e308 is the largest number of float64.
MOST_DIGITS = 140


class ZeroRecurrence(ValueError):
    """All terms of a sequence are zero, so that it cannot be scaled to a norm."""


@dataclass(frozen=True, kw_only=True)
class Distribution(Task):
    """The ranges from which a recurrence is drawn uniformly: those of a task, with its dimension and order.

    Attributes:
        order: the number k of earlier terms that the next term depends on.
        dim: the number m of coordinates.
        either_sign: whether every coefficient is c or -c with equal chances: `c=(3, 4)` is then 3 <= |c| <= 4.

    Raises:
        ValueError: a range is empty or does not suit the family, the family is unknown, the order is below 1 or not below the
            length, the dimension is below 1, cap is below SMALLEST, or terms may grow beyond all floating-point numbers.
    """

    order: int = 1
    dim: int = DIM
    either_sign: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order < 1:
            raise ValueError(f"order={self.order!r} must be at least 1")
        if self.dim < 1:
            raise ValueError(f"dim={self.dim!r} must be at least 1")
        if self.order >= self.length:
            raise ValueError(f"order={self.order!r} must be below length={self.length!r}")
        family = family_of(self.family)
        if (found := tuple(name for name, _ in self.others)) != family.others:
            raise ValueError(f"others={list(found)!r} must be the ranges {list(family.others)!r} of {self.family}")
        family.require(self, order=self.order)
        growth = family.growth(self) + (self.order > 1)
        if growth > 1 and self.length * math.log10(growth) > MOST_DIGITS:
            raise ValueError(
                f"c={self.c!r} and length={self.length!r} let terms grow to {growth:.3g}^{self.length}, beyond 1e{MOST_DIGITS}, "
                "which is too large to compute with; choose smaller ranges or fewer terms"
            )

    @property
    def task(self) -> Task:
        """The task of this distribution, without its dimension and order."""
        return Task(**{each.name: getattr(self, each.name) for each in fields(Task)})

    @property
    def first(self) -> int:
        """The first position that is scored: there the terms so far determine the next one."""
        return family_of(self.family).first(self.order, self.dim)

    @property
    def shortest(self) -> int:
        """The number of terms of the shortest recurrence that is scored."""
        return self.first + 2

    def at(self, *, c: float | None = None, length: int | None = None) -> Distribution:
        """The same distribution with the coefficients or the length fixed."""
        return replace(self, c=self.c if c is None else (c, c), length=self.length if length is None else length)

    def sample(
        self,
        batch: int,
        *,
        seed: int,
        device: torch.device | str = "cpu",
        coefficients: Sequence[float] | Float[Tensor, "batch order"] | None = None,
        cap: Float[Tensor, batch] | None = None,
    ) -> Recurrences:
        """`batch` independent recurrences. They are drawn on the CPU, so that a seed gives the same ones on every device.

        Args:
            coefficients: fixed coefficients for all recurrences, or for each, that of the oldest term first. All else stays as it
                is drawn without them.
            cap: the norm of the longest term of each recurrence. All else stays as it is drawn without it.

        Raises:
            ValueError: the batch is below 1.
            ZeroRecurrence: a sequence is zero throughout.

        >>> Distribution(dim=3, length=5).sample(2, seed=0).terms.shape
        torch.Size([2, 5, 3])
        """
        if batch < 1:
            raise ValueError(f"batch={batch!r} must be at least 1")
        generator = torch.Generator().manual_seed(seed)

        def uniform(bounds: Range, *shape: int) -> Tensor:
            low, high = bounds
            return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)

        drawn = uniform(self.c, batch, self.order)
        if coefficients is not None:
            drawn = torch.as_tensor(coefficients, dtype=torch.float64).expand_as(drawn)
        drawn = drawn * self._signs(seed, drawn) if self.either_sign else drawn
        made = build(
            coefficients=drawn,
            offset=uniform(self.d, batch, self.dim),
            start=uniform(self.start, batch, self.order, self.dim),
            cap=uniform(self.cap, batch) if cap is None else cap,
            length=self.length,
            family=family_of(self.family),
            others=family_of(self.family).draw(self, drawn, dim=self.dim, seed=derive_seed(seed, "others")),
        )
        return made.observed(noise=self.noise, seed=seed).to(device)

    def _signs(self, seed: int, coefficients: Tensor) -> Tensor:
        """Random signs of shape (batch, order), from a generator of their own: all else is drawn as it is without signs."""
        generator = torch.Generator().manual_seed(derive_seed(seed, "signs"))
        return 2.0 * torch.randint(2, coefficients.shape, generator=generator) - 1


REFERENCE = Distribution()


@dataclass(frozen=True)
class Recurrences:
    """A batch of scaled recurrences.

    Attributes:
        terms: the sequences, scaled.
        coefficients: c, that of the oldest term first.
        offset: d, scaled like the terms.
        others: the other numbers of the family, each with the batch first.
        noise: what is added to the terms before the model reads them; None without noise.
    """

    terms: Float[Tensor, "batch length dim"]
    coefficients: Float[Tensor, "batch order"]
    offset: Float[Tensor, "batch dim"]
    family: Family = field(default_factory=lambda: family_of("affine"))
    others: Mapping[str, Tensor] = field(default_factory=dict)
    noise: Float[Tensor, "batch length dim"] | None = None

    def __len__(self) -> int:
        return self.terms.shape[0]

    @property
    def order(self) -> int:
        return self.coefficients.shape[1]

    @property
    def first(self) -> int:
        """The first position that is scored: there the terms so far determine the next one."""
        return self.family.first(self.order, self.terms.shape[-1])

    @property
    def inputs(self) -> Float[Tensor, "batch position dim"]:
        """What the model is given: every term but the last, with its noise if there is any."""
        return (self.terms if self.noise is None else self.terms + self.noise)[:, :-1]

    @property
    def targets(self) -> Float[Tensor, "batch position dim"]:
        """What the model should predict at each position: the next term, without noise."""
        return self.terms[:, 1:]

    def next_terms(self) -> Float[Tensor, "batch following dim"]:
        """The next terms by the equation, computed from `terms`, for j = k ... length; the last one comes after all `terms`."""
        following = [
            self.family.step(self.terms[:, j - self.order : j], c=self.coefficients, d=self.offset, others=self.others)
            for j in range(self.order, self.terms.shape[1] + 1)
        ]
        return torch.stack(following, dim=1)

    def observed(self, *, noise: float, seed: int) -> Recurrences:
        """The same recurrences with noise of this standard deviation on what the model reads."""
        if noise == 0:
            return self
        generator = torch.Generator().manual_seed(derive_seed(seed, "noise"))
        return replace(self, noise=noise * torch.randn(self.terms.shape, generator=generator))

    def to(self, device: torch.device | str) -> Recurrences:
        return self._each(lambda tensor: tensor.to(device))

    def taken(self, which: slice | Tensor) -> Recurrences:
        """Some of these recurrences."""
        return self._each(lambda tensor: tensor[which])

    @staticmethod
    def joined(parts: Sequence[Recurrences]) -> Recurrences:
        """The recurrences of all parts in one batch. They have one family, order and length."""
        first, noisy = parts[0], parts[0].noise is not None

        def together(of: Callable[[Recurrences], Tensor]) -> Tensor:
            return torch.cat([of(part) for part in parts])

        return Recurrences(
            together(lambda part: part.terms),
            together(lambda part: part.coefficients),
            together(lambda part: part.offset),
            first.family,
            {name: torch.cat([part.others[name] for part in parts]) for name in first.others},
            torch.cat([part.noise for part in parts if part.noise is not None]) if noisy else None,
        )

    def _each(self, change: Callable[[Tensor], Tensor]) -> Recurrences:
        return Recurrences(
            change(self.terms),
            change(self.coefficients),
            change(self.offset),
            self.family,
            {name: change(tensor) for name, tensor in self.others.items()},
            None if self.noise is None else change(self.noise),
        )


def build(
    *,
    coefficients: Float[Tensor, "batch order"],
    offset: Float[Tensor, "batch dim"],
    start: Float[Tensor, "batch order dim"],
    cap: Float[Tensor, batch],
    length: int,
    device: torch.device | str = "cpu",
    family: Family | None = None,
    others: Mapping[str, Tensor] | None = None,
) -> Recurrences:
    """Compute the terms of recurrences and scale them. The computation is in float64, the result is float32.

    Args:
        family: whose rule is followed; affine if none is given.
        others: the other numbers of the family, each with the batch first.

    Raises:
        ZeroRecurrence: a sequence is zero throughout; the error gives the number of the first one.
        ValueError: the order is not below the length, or the terms grow beyond all floating-point numbers.
    """
    order, family, others = coefficients.shape[1], family or family_of("affine"), others or {}
    if order >= length:
        raise ValueError(f"order={order!r} must be below length={length!r}")
    terms = [start[:, index].double() for index in range(order)]
    exact = {name: tensor.double() for name, tensor in others.items()}
    for _ in range(order, length):
        recent = torch.stack(terms[-order:], dim=1)
        terms.append(family.step(recent, c=coefficients.double(), d=offset.double(), others=exact))
    sequence = torch.stack(terms, dim=1)
    largest = sequence.norm(dim=-1).amax(dim=-1)
    if (largest == 0).any():
        raise ZeroRecurrence(
            f"recurrence {int((largest == 0).nonzero()[0])} of the batch is zero throughout: "
            f"its largest norm is 0 and it cannot be scaled to cap; give it a start or an offset that is not zero"
        )
    if not largest.isfinite().all():
        raise ValueError(
            f"recurrence {int((~largest.isfinite()).nonzero()[0])} of the batch grows beyond all floating-point numbers; "
            "choose smaller coefficients or fewer terms"
        )
    scale = cap.double() / largest
    return Recurrences(
        terms=(sequence * scale[:, None, None]).float(),
        coefficients=coefficients.float(),
        offset=(offset.double() * scale[:, None]).float(),
        family=family,
        others={name: tensor.float() for name, tensor in family.scaled(exact, scale).items()},
    ).to(device)
