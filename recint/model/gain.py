"""What a model gains over predicting a_i again, and the share of it that an intervention costs.

A ratio to the model's own error measures that error: of a model that is off by 7e-6, any damage is many times as much. The
gain over copying, copy - MSE, hardly grows once a model predicts well, and untrained models have one too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from recint.claim import Claim, Contrast
from recint.domain import Domain, Place
from recint.model.intact import Intact
from recint.system.seeds import derive_seed

# What a claim about a ratio of MSEs says of itself, and why it was amended.
RATIO_CAVEAT = "measures its denominator, the model's own error, which falls while training goes on"
NO_RATIO = (
    "a ratio to the model's own error measures that error: all 24 heads of all networks reach 2, one head scaled by 0.9 costs up "
    "to 3.8 times, and untrained models could never be asked; now the share of what the model gains over predicting a_i again"
)
# What was found of such contrasts after their claims were registered, and why these were amended.
SMALL_CONTRAST = "has a contrast that can hold where what is done instead costs far less than 10 % of the gain"
BOTH_HALVES = (
    "what is done instead had to cost twice as much, be it twice next to nothing; now it has to cost 10 % of the gain"
)
MATTERS = 0.1  # of the gain: what an intervention must cost at least to matter, and may cost at most to leave things as they were

_LOOK = 100  # recurrences on which it is settled whether a model beats copying


def error_and_copying(model: Any) -> tuple[float, float]:
    """MSE of the model and of predicting a_i again, over reference recurrences; measured once a model."""

    def measure() -> tuple[float, float]:
        at = Domain().reference(batch=_LOOK, seed=derive_seed(0, "copying"))
        intact = Intact(model, at.sample(model.config))
        return float(intact.errors.mean()), float(copying_errors(intact).mean())

    found: tuple[float, float] = model.once("error and copying", measure)
    return found


def copying_errors(intact: Intact) -> Float[Tensor, recurrence]:
    """MSE of each recurrence of predicting a_i again."""
    return intact.errors_of(intact.recurrences.inputs)


def gains(model: Any, intact: Intact) -> Float[Tensor, recurrence]:
    """Of each recurrence, what the model gains over copying: copy - MSE.

    An untrained model loses against copying. Its gain is taken with the other sign: the size of the difference is what its
    losses are a share of.
    """
    error, copying = error_and_copying(model)
    return (copying_errors(intact) - intact.errors) * (1 if error < copying else -1)


def loss_shares(
    model: Any, intact: Intact, errors: Float[Tensor, recurrence * heads]
) -> Float[Tensor, "recurrence row=2 *heads"]:
    """Loss MSE' - MSE above gain: rows of the share of the gain that is lost, a ratio of means.

    >>> intact = model.intact(Condition(c=-1.5))
    >>> loss_shares(model, intact, intact.errors).shape
    torch.Size([64, 2])
    """
    intact_errors, gain = (
        each.reshape(-1, *[1] * (errors.ndim - 1)).expand_as(errors) for each in (intact.errors, gains(model, intact))
    )
    return torch.stack([errors - intact_errors, gain], dim=1)


def costs_twice(name: str, *, of: str) -> Contrast:
    """A contrast: what is done instead costs at least twice as much as what the claim does."""
    return Contrast(
        name=name,
        statistic=f"its loss - twice that of {of}, as a share of the gain",
        relation=">=",
        threshold=0.0,
        reduction="ratio of means",
    )


def matters_and_costs_twice(name: str, *, of: str) -> tuple[Contrast, Contrast]:
    """Two contrasts: what is done instead costs twice as much as what the claim does, and by itself a share that matters."""
    return costs_twice(name, of=of), Contrast(
        name=_by_itself(name),
        statistic="share of the gain over copying that is lost",
        relation=">=",
        threshold=MATTERS,
        reduction="ratio of means",
    )


def _by_itself(name: str) -> str:
    return f"{name}, by itself"


def check_share(
    claim: Claim,
    model: Any,
    at: Place,
    *,
    errors: Float[Tensor, recurrence],
    changed: float,
    instead: Mapping[str, Callable[[], Float[Tensor, recurrence]]],
) -> None:
    """Hold a claim to the share of the gain that is lost, and each of its contrasts, of either kind, to its own.

    Args:
        errors: MSE of each recurrence with what the claim does.
        changed: the largest change that this made.
        instead: by name, what measures the errors with what is done instead.
    """
    intact = model.intact(at)

    def twice(measure: Callable[[], Tensor]) -> Tensor:
        loss, gain = loss_shares(model, intact, measure()).unbind(1)
        return torch.stack([loss - 2 * (errors - intact.errors), gain], dim=1)

    def by_itself(measure: Callable[[], Tensor]) -> Tensor:
        return loss_shares(model, intact, measure())

    found: dict[str, Callable[[], Tensor]] = {}
    for name, measure in instead.items():
        once = cache(measure)
        found |= {name: partial(twice, once), _by_itself(name): partial(by_itself, once)}
    beside = {contrast.name: found[contrast.name] for contrast in claim.contrasts}
    claim.check(loss_shares(model, intact, errors), at, contrasts=beside, changed=changed)
