"""The gain of a model over copying, and the share of this gain that an intervention costs.

Copying predicts a_i again as the next term. The gain is the MSE of copying minus the MSE of the model.

Why not the ratio of the MSE after an intervention to the MSE before? Such a ratio mostly measures the model's own error:
for a model with an MSE of 7e-6, any damage is many times that. The gain over copying hardly grows once a model predicts well,
and it exists for untrained models too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from recint.claim import Claim, Contrast
from recint.domain import Domain, Place, reference_of
from recint.judging.claim import Unmet
from recint.model.intact import Intact
from recint.statistics.errors import simple_errors
from recint.system.seeds import derive_seed

# Two texts for claims about a ratio of MSEs: their caveat, and the reason why they were amended.
RATIO_CAVEAT = "measures its denominator, the model's own error, which falls while training goes on"
NO_RATIO = (
    "a ratio to the model's own error measures that error: all 24 heads of all networks reach 2, one head scaled by 0.9 costs up "
    "to 3.8 times, and untrained models could never be asked; now the share of what the model gains over predicting a_i again"
)
# Two texts for claims whose contrast may cost very little: their caveat, and the reason why they were amended.
SMALL_CONTRAST = "has a contrast that can hold where what is done instead costs far less than 10 % of the gain"
BOTH_HALVES = (
    "what is done instead had to cost twice as much, be it twice next to nothing; now it has to cost 10 % of the gain"
)
# A share of the gain. An intervention that costs at least this share matters; one that costs at most this share does no harm.
MATTERS = 0.1

_LOOK = 100  # number of recurrences that decide whether a model beats copying


def error_and_copying(model: Any) -> tuple[float, float]:
    """MSE of the model and MSE of copying, over reference recurrences. They are measured once for each model."""

    def measure() -> tuple[float, float]:
        at = Domain().reference(model.config, batch=_LOOK, seed=derive_seed(0, "copying"))
        intact = Intact(model, at.sample(model.config))
        return float(intact.errors.mean()), float(copying_errors(intact).mean())

    measured: tuple[float, float] = model.once("error and copying", measure)
    return measured


def require_telling(model: Any, threshold: float, *, every: bool) -> None:
    """Check that an MSE below a threshold says something about a model of this task.

    Args:
        every: whether the MSE of every recurrence is meant, and not their mean.

    Raises:
        Unmet: the terms have noise, or the best simple predictor has such an MSE too, over reference recurrences.
    """
    task = reference_of(model.config)
    if task.noise:
        raise Unmet(f"has an absolute threshold, but terms are read with noise of {task.noise:g}")

    def measure() -> tuple[float, float]:
        drawn = task.sample(_LOOK, seed=derive_seed(0, "simple predictors"))
        simple = simple_errors(drawn.inputs, drawn.targets, first=task.first).values()
        return min(float(errors.mean()) for errors in simple), min(float(errors.max()) for errors in simple)

    if (best := model.once("best simple predictor", measure)[every]) <= threshold:
        raise Unmet(
            f"has the threshold {threshold:g}, but the best simple predictor of this task has an MSE of {best:.2g}"
        )


def copying_errors(intact: Intact) -> Float[Tensor, recurrence]:
    """MSE of copying (predicting a_i again) for each recurrence."""
    return intact.errors_of(intact.recurrences.inputs)


def gains(model: Any, intact: Intact) -> Float[Tensor, recurrence]:
    """The gain over copying for each recurrence: MSE of copying - MSE of the model.

    An untrained model is worse than copying. Its gain has the opposite sign, MSE of the model - MSE of copying, so that a loss
    is still a share of a positive mean.
    """
    error, copying = error_and_copying(model)
    return (copying_errors(intact) - intact.errors) * (1 if error < copying else -1)


def loss_shares(
    model: Any, intact: Intact, errors: Float[Tensor, recurrence * heads]
) -> Float[Tensor, "recurrence row=2 *heads"]:
    """The loss MSE' - MSE in the first row, the gain in the second.

    The ratio of their means is the share of the gain that is lost.

    Args:
        errors: MSE', the error of each recurrence during the intervention, perhaps for each head.

    >>> intact = model.intact(Condition(c=-1.5))
    >>> loss_shares(model, intact, intact.errors).shape
    torch.Size([64, 2])
    """
    intact_errors, gain = (
        each.reshape(-1, *[1] * (errors.ndim - 1)).expand_as(errors) for each in (intact.errors, gains(model, intact))
    )
    return torch.stack([errors - intact_errors, gain], dim=1)


def costs_twice(name: str, *, of: str) -> Contrast:
    """A contrast: the control intervention costs at least twice as much as the intervention of the claim.

    Args:
        name: of the control intervention.
        of: names the intervention of the claim.
    """
    return Contrast(
        name=name,
        statistic=f"its loss - twice that of {of}, as a share of the gain",
        relation=">=",
        threshold=0.0,
        reduction="ratio of means",
    )


def matters_and_costs_twice(name: str, *, of: str) -> tuple[Contrast, Contrast]:
    """Two contrasts: that of `costs_twice`, and one by which the control intervention by itself costs a share that matters."""
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
    """Check a claim on the share of the gain that is lost, and each of its contrasts on its own share.

    The contrasts are those of `costs_twice` or `matters_and_costs_twice`.

    Args:
        errors: MSE of each recurrence during the intervention of the claim.
        changed: the largest change that this intervention made.
        instead: for each control intervention, by name, a function that measures the errors during it.
    """
    intact = model.intact(at)

    def twice(measure: Callable[[], Tensor]) -> Tensor:
        loss, gain = loss_shares(model, intact, measure()).unbind(1)
        return torch.stack([loss - 2 * (errors - intact.errors), gain], dim=1)

    def by_itself(measure: Callable[[], Tensor]) -> Tensor:
        return loss_shares(model, intact, measure())

    measures: dict[str, Callable[[], Tensor]] = {}
    for name, measure in instead.items():
        once = cache(measure)
        measures |= {name: partial(twice, once), _by_itself(name): partial(by_itself, once)}
    beside = {contrast.name: measures[contrast.name] for contrast in claim.contrasts}
    claim.check(loss_shares(model, intact, errors), at, contrasts=beside, changed=changed)
