"""The filter of a model: one weight for each term, by which the terms add up to a prediction.

A weight is how far a prediction moves with a term. It is measured along a direction that is at right angles to the plane of the
recurrence: there a small step changes the norms of terms, and their angles, only to second order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import einops
import torch
from jaxtyping import Float
from torch import Tensor

from recint.domain import Domain, Place
from recint.judging.claim import Unmet
from recint.judging.subject import CHUNK
from recint.recurrence import Recurrences
from recint.system.seeds import derive_seed

STEP = 0.02  # length of the step h of the central difference; the longest term has a norm of 1 to 2
BANK = 64  # recurrences from which the mean weights are taken
LATE = tuple(range(8, 13))  # positions at which enough terms are there
BEFORE = tuple(i - 1 for i in LATE)  # the term before the last, at each of them


def directions(recurrences: Recurrences, *, seed: int) -> Float[Tensor, "recurrence dim"]:
    """A random unit vector for each recurrence, at right angles to its first terms and to d, so to all of its terms.

    Raises:
        Unmet: the first terms and d may span the whole space, so that nothing is at right angles to them.
    """
    batch, _, dim = recurrences.terms.shape
    if dim < recurrences.order + 2:
        raise Unmet(
            f"dim={dim} must be at least {recurrences.order + 2}: "
            f"else no direction is at right angles to recurrences of order {recurrences.order}"
        )
    generator = torch.Generator().manual_seed(derive_seed(seed, "directions"))
    random = torch.randn(batch, dim, 1, generator=generator, dtype=torch.float64)
    first = recurrences.terms[:, : recurrences.order].cpu().double()
    plane = torch.cat([first, recurrences.offset[:, None].cpu().double()], dim=1)
    q, r = torch.linalg.qr(torch.cat([plane.mT, random], dim=-1))
    return (q[..., -1] * r[..., -1, -1:].sign()).to(recurrences.terms)  # without the sign, one side would be preferred


def responses(
    model: Any, recurrences: Recurrences, e: Float[Tensor, "recurrence dim"], *, terms: Sequence[int] | None = None
) -> Float[Tensor, "recurrence query term dim"]:
    """The derivative of each prediction with respect to a step of each term along the recurrence's direction e.

    It is the central difference (f(a + h e) - f(a - h e)) / 2h, which takes two passes for each term.

    Args:
        terms: the numbers of the terms that are moved; None means all.
    """
    inputs = recurrences.inputs
    chosen = torch.eye(inputs.shape[1]).to(inputs)[slice(None) if terms is None else list(terms)]
    steps = STEP * einops.einsum(chosen, e, "term position, recurrence dim -> term recurrence position dim")
    moved = torch.stack([inputs + sign * steps for sign in (1, -1)])
    flat = einops.rearrange(moved, "sign term recurrence position dim -> (sign term recurrence) position dim")
    predicted = torch.cat([model(part) for part in torch.split(flat, CHUNK)])
    ahead, behind = einops.rearrange(
        predicted,
        "(sign term recurrence) query dim -> sign recurrence query term dim",
        sign=2,
        recurrence=len(recurrences),
    )
    return (ahead - behind) / (2 * STEP)


def filter_weights(
    model: Any, recurrences: Recurrences, *, seed: int, terms: Sequence[int] | None = None
) -> Float[Tensor, "recurrence query term"]:
    """The weight w_ik of term k in the prediction at position i: the part of the response that lies along the step.

    Args:
        terms: the numbers of the terms whose weights are measured; None means all.

    >>> filter_weights(model, REFERENCE.sample(10, seed=0), seed=0).shape
    torch.Size([10, 13, 13])
    """
    e = directions(recurrences, seed=seed)
    return einops.einsum(
        responses(model, recurrences, e, terms=terms),
        e,
        "recurrence query term dim, recurrence dim -> recurrence query term",
    )


def filter_at(model: Any, at: Place) -> Float[Tensor, "recurrence query term"]:
    """The filter of the unchanged model on each recurrence of a place. All claims about this place share it."""
    intact = model.intact(at)

    def measure() -> Tensor:
        with model.unedited():
            return filter_weights(model, intact.recurrences, seed=getattr(at, "seed", 0))

    weights: Tensor = intact.once("filter", measure)
    return weights


def of_previous(weights: Float[Tensor, "*recurrence query late"]) -> Float[Tensor, "*recurrence late"]:
    """The weight w_(i,i-1) at each late position, of filters that were measured for the terms BEFORE."""
    return weights[..., torch.tensor(LATE), torch.arange(len(LATE))]


def filtered(
    weights: Float[Tensor, "recurrence query term"], terms: Float[Tensor, "recurrence term dim"]
) -> Float[Tensor, "recurrence query dim"]:
    """What filters predict: sum_k w_ik a_k."""
    return einops.einsum(weights, terms, "recurrence query term, recurrence term dim -> recurrence query dim")


def rule_weights(c: Float[Tensor, recurrence], positions: int) -> Float[Tensor, "recurrence query term"]:
    """The filter of the rule a_(i+1) = a_i + c (a_i - a_(i-1)). At position 0 it predicts a_0 again.

    >>> rule_weights(torch.tensor([-0.5]), 3)[0].tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]
    """
    last, before = torch.eye(positions).to(c), torch.diag(torch.ones(positions - 1), -1).to(c)
    weights = (1 + c)[:, None, None] * last - c[:, None, None] * before
    weights[:, 0, 0] = 1.0
    return weights


def mean_weights(model: Any, domain: Domain, *, terms: tuple[int, ...] | None = None) -> Float[Tensor, "query term"]:
    """The mean filter over BANK recurrences of a domain, which are used for nothing else. It is measured once for each model."""

    def measure() -> Tensor:
        at = domain.reference(model.config, batch=BANK, seed=derive_seed(0, "mean filter"))
        with model.unedited():
            drawn = at.sample(model.config).to(model.device)
            return filter_weights(model, drawn, seed=at.seed, terms=terms).mean(0)

    mean: Tensor = model.once(("mean filter", domain, terms), measure)
    return mean
