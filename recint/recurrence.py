"""Affine recurrences: the sequences that the models predict.

A recurrence of order k in R^m is a sequence of vectors with

    a_j = d + c_0 a_{j-k} + c_1 a_{j-k+1} + ... + c_{k-1} a_{j-1}        for j >= k.

Then all terms, and d, are divided by (largest norm of a term / cap), so that the longest term has norm `cap`. The default
ranges are those of the notebook. They are the reference distribution, on which claims are estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from recint.system.seeds import derive_seed

Range = tuple[float, float]


class ZeroRecurrence(ValueError):
    """All terms of a sequence are zero, so that it cannot be scaled to a norm."""


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """The ranges from which a recurrence is drawn uniformly.

    Attributes:
        c: the range of the coefficients; `(-1.5, -1.5)` fixes them.
        either_sign: whether every coefficient is c or -c with equal chances: `c=(3, 4)` is then 3 <= |c| <= 4.
        d: the range of the coordinates of the offset, before scaling.
        start: the range of the coordinates of the first `order` terms, before scaling.
        cap: the range of the norm of the longest term after scaling.
        order: the number k of earlier terms that the next term depends on.
        dim: the number m of coordinates.
        length: the number of terms.

    Raises:
        ValueError: a range is empty, the order is below 1 or not below the length, the dimension is below 1, or cap is not above 0.
    """

    c: Range = (-2.0, 2.0)
    d: Range = (-2.0, 2.0)
    start: Range = (-3.0, 3.0)
    cap: Range = (1.0, 2.0)
    order: int = 1
    dim: int = 40
    length: int = 14
    either_sign: bool = False

    def __post_init__(self) -> None:
        for name in ("c", "d", "start", "cap"):
            low, high = getattr(self, name)
            if not low <= high:  # also refuses nan
                raise ValueError(f"{name}={(low, high)!r} is empty: the lower bound must not exceed the upper one")
        if self.cap[0] <= 0:
            raise ValueError(f"cap={self.cap!r} must lie above 0: it is the norm of the longest term")
        if self.order < 1:
            raise ValueError(f"order={self.order!r} must be at least 1")
        if self.dim < 1:
            raise ValueError(f"dim={self.dim!r} must be at least 1")
        if self.order >= self.length:
            raise ValueError(f"order={self.order!r} must be below length={self.length!r}")

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
        return build(
            coefficients=drawn * self._signs(seed, drawn) if self.either_sign else drawn,
            offset=uniform(self.d, batch, self.dim),
            start=uniform(self.start, batch, self.order, self.dim),
            cap=uniform(self.cap, batch) if cap is None else cap,
            length=self.length,
            device=device,
        )

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
    """

    terms: Float[Tensor, "batch length dim"]
    coefficients: Float[Tensor, "batch order"]
    offset: Float[Tensor, "batch dim"]

    def __len__(self) -> int:
        return self.terms.shape[0]

    @property
    def order(self) -> int:
        return self.coefficients.shape[1]

    @property
    def inputs(self) -> Float[Tensor, "batch position dim"]:
        """What the model is given: every term but the last."""
        return self.terms[:, :-1]

    @property
    def targets(self) -> Float[Tensor, "batch position dim"]:
        """What the model should predict at each position: the next term."""
        return self.terms[:, 1:]

    def next_terms(self) -> Float[Tensor, "batch following dim"]:
        """The terms d + sum_i c_i a_{j-k+i}, computed from `terms`, for j = k ... length; the last one comes after all `terms`."""
        windows = self.terms.unfold(1, self.order, 1)  # batch following dim order
        return self.offset[:, None] + (windows * self.coefficients[:, None, None]).sum(-1)

    def to(self, device: torch.device | str) -> Recurrences:
        return Recurrences(self.terms.to(device), self.coefficients.to(device), self.offset.to(device))


def build(
    *,
    coefficients: Float[Tensor, "batch order"],
    offset: Float[Tensor, "batch dim"],
    start: Float[Tensor, "batch order dim"],
    cap: Float[Tensor, batch],
    length: int,
    device: torch.device | str = "cpu",
) -> Recurrences:
    """Compute the terms of recurrences and scale them. The computation is in float64, the result is float32.

    Raises:
        ZeroRecurrence: a sequence is zero throughout; the error gives the number of the first one.
        ValueError: the order is not below the length.
    """
    order = coefficients.shape[1]
    if order >= length:
        raise ValueError(f"order={order!r} must be below length={length!r}")
    terms = [start[:, index].double() for index in range(order)]
    for _ in range(order, length):
        recent = torch.stack(terms[-order:], dim=1)
        terms.append(offset.double() + (coefficients.double()[:, :, None] * recent).sum(1))
    sequence = torch.stack(terms, dim=1)
    largest = sequence.norm(dim=-1).amax(dim=-1)
    if (largest == 0).any():
        raise ZeroRecurrence(
            f"recurrence {int((largest == 0).nonzero()[0])} of the batch is zero throughout: "
            f"its largest norm is 0 and it cannot be scaled to cap; give it a start or an offset that is not zero"
        )
    scale = cap.double() / largest
    return Recurrences(
        terms=(sequence * scale[:, None, None]).float().to(device),
        coefficients=coefficients.float().to(device),
        offset=(offset.double() * scale[:, None]).float().to(device),
    )
