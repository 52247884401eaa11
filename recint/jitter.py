"""Sequences that are almost affine recurrences: the ratios of their differences jitter around c."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from recint.recurrence import Recurrences
from recint.system.seeds import derive_seed


def jittered(
    recurrences: Recurrences, *, deviation: float, seed: int
) -> tuple[Float[Tensor, "recurrence length dim"], Float[Tensor, "recurrence ratio"]]:
    """Sequences whose differences have the ratios c + N(0, deviation^2), and these ratios.

    a_0 and a_1 are those of the recurrences up to a factor: the longest term has the norm of the recurrence's longest term.
    """
    exact = recurrences.terms.double().cpu()
    generator = torch.Generator().manual_seed(derive_seed(seed, "jitter"))
    noise = torch.randn(exact.shape[0], exact.shape[1] - 2, generator=generator, dtype=torch.float64)
    ratios = recurrences.coefficients[:, -1:].double().cpu() + deviation * noise
    factors = torch.cat([torch.ones(len(exact), 1, dtype=torch.float64), ratios.cumprod(1)], dim=1)
    steps = factors[..., None] * (exact[:, 1:2] - exact[:, :1])
    terms = torch.cat([exact[:, :1], exact[:, :1] + steps.cumsum(1)], dim=1)
    scale = exact.norm(dim=-1).amax(-1) / terms.norm(dim=-1).amax(-1)
    return (terms * scale[:, None, None]).to(recurrences.terms), ratios.to(recurrences.terms)
