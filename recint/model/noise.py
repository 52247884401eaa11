"""How good is the best unbiased reader of terms with noise?

The bound is that of Cramér and Rao for an unbiased reader who knows the numbers of the recurrence and the noise, but not the first
terms: the covariance of the best unbiased estimate of the first terms from all terms so far, carried over to the next term. It is
exact for recurrences that are linear in the first terms. For others it holds for small noise. A model has to find the numbers too,
so that an unbiased one will not reach the bound. One that is biased towards the usual terms can be better.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from recint.domain import reference_of
from recint.model.gain import error_and_copying
from recint.recurrence import Distribution, Recurrences
from recint.system.seeds import derive_seed

_STEP = 1e-4  # of the central difference, in float64
_RECURRENCES = 100  # behind the bound that a report shows


def derivatives(recurrences: Recurrences) -> Float[Tensor, "batch length dim start"]:
    """The derivative of every coordinate of every term with respect to every coordinate of the first terms, in float64."""
    first = recurrences.terms[:, : recurrences.order].double()
    order, dim = first.shape[1:]

    def continued(start: Tensor) -> Tensor:
        terms = list(start.unbind(1))
        others = {name: tensor.double() for name, tensor in recurrences.others.items()}
        c, d = recurrences.coefficients.double(), recurrences.offset.double()
        while len(terms) < recurrences.terms.shape[1]:
            terms.append(recurrences.family.step(torch.stack(terms[-order:], 1), c=c, d=d, others=others))
        return torch.stack(terms, 1)

    steps = _STEP * torch.eye(order * dim, dtype=torch.float64).reshape(-1, 1, order, dim)
    columns = [(continued(first + step) - continued(first - step)) / (2 * _STEP) for step in steps]
    return torch.stack(columns, dim=-1)


def best_error(task: Distribution, *, batch: int, seed: int) -> float:
    """The smallest MSE of an unbiased reader, over scored positions and `batch` recurrences of the task; 0 without noise.

    >>> round(best_error(Distribution(dim=2, c=(1, 1), d=(0, 0), length=5, noise=0.1), batch=3, seed=0), 5)
    0.00292
    """
    if task.noise == 0:
        return 0.0
    by_start = derivatives(task.sample(batch, seed=seed))
    known = torch.einsum("btxs,btxr->btsr", by_start, by_start).cumsum(1)[:, task.first : -1]
    following = by_start[:, task.first + 1 :]
    spread = torch.einsum("btxs,btsr,btxr->bt", following, torch.linalg.inv(known), following)
    return float(task.noise**2 * spread.mean() / task.dim)


def sentences(model: Any) -> tuple[str, ...]:
    """One sentence on the error of a model beside that of the best unbiased reader; none if its terms have no noise."""
    task = reference_of(model.config)
    if not task.noise:
        return ()
    least = best_error(task, batch=_RECURRENCES, seed=derive_seed(0, "best error"))
    error, _ = error_and_copying(model)
    return (
        f"The model reads its terms with noise of {task.noise:g} and should predict the next term without noise. Its MSE is "
        f"{error:.3g}, {error / least:.3g} times that of the best unbiased reader who knows c, d and "
        "all other numbers of the recurrence.",
    )
