"""A ridge probe: can a linear map read the coefficient c from a residual stream?

There is a probe for each position. Probes are fitted, chosen and judged on different recurrences.
"""

from __future__ import annotations

from dataclasses import dataclass

import einops
import torch
from jaxtyping import Float
from torch import Tensor

from recint.domain import reference_of
from recint.judging.claim import Unmet
from recint.judging.subject import CHUNK
from recint.model.intact import Intact
from recint.model.transformer import Model
from recint.recurrence import Recurrences
from recint.system.seeds import derive_seed

FITTED_ON, CHOSEN_ON = 2000, 1000  # numbers of recurrences
PENALTY = 1e-3  # on the squared weights of standardised features, relative to the number of recurrences


@dataclass(frozen=True)
class ScalarProbe:
    """A linear function from a residual stream to c, at each scored position.

    Attributes:
        hook: the residual stream that it reads.
        weights, intercept: its coefficients.
        mean: the mean of c in the recurrences on which it was fitted.
    """

    hook: str
    weights: Float[Tensor, "position d_model"]
    intercept: Float[Tensor, position]
    mean: float

    def read(self, stream: Float[Tensor, "recurrence position d_model"]) -> Float[Tensor, "recurrence position"]:
        """What the probe reads at each scored position."""
        product = einops.einsum(
            stream, self.weights, "recurrence position d_model, position d_model -> recurrence position"
        )
        return product + self.intercept

    def errors(self, intact: Intact) -> Float[Tensor, "recurrence row=2"]:
        """Squared error of the probe, mean over positions, and that of the mean c as a guess. 1 - the ratio of means is R^2."""
        c, stream = _last_coefficient(intact.recurrences), intact[self.hook][:, intact.recurrences.first :].double()
        return torch.stack([(self.read(stream) - c[:, None]).square().mean(1), (c - self.mean).square()], dim=-1)


def best_probe(model: Model, *, shuffled: bool = False) -> ScalarProbe:
    """The probe of the residual stream from which c is read best. Both kinds are fitted once for each model, on the same passes.

    Args:
        shuffled: fit on the coefficients of other recurrences. This shows the score if there is nothing to read.

    Raises:
        Unmet: c is the same in every recurrence of the task.
    """
    low, high = reference_of(model.config).c
    if low == high:
        raise Unmet(f"reads c, but c is {low:g} in every recurrence of the task")

    def measure() -> dict[bool, ScalarProbe]:
        with model.unedited():
            fitted, chosen = (
                _streams(model, batch, name) for batch, name in ((FITTED_ON, "fit"), (CHOSEN_ON, "choose"))
            )
        probes = {others: [_fit(hook, *fitted[hook], shuffled=others) for hook in fitted] for others in (False, True)}
        return {
            others: min(found, key=lambda probe: _error(probe, *chosen[probe.hook])) for others, found in probes.items()
        }

    probe: ScalarProbe = model.once("ridge probes of c", measure)[shuffled]
    return probe


def _last_coefficient(recurrences: Recurrences) -> Float[Tensor, recurrence]:
    return recurrences.coefficients[:, -1].double()


def _streams(model: Model, batch: int, name: str) -> dict[str, tuple[Tensor, Tensor]]:
    """The residual stream before each layer and after the last, at scored positions, and c."""
    layers = model.config.n_layers
    hooks = [*(f"blocks.{layer}.hook_resid_pre" for layer in range(layers)), f"blocks.{layers - 1}.hook_resid_post"]
    drawn = reference_of(model.config).sample(batch, seed=derive_seed(0, "ridge probe", name)).to(model.device)
    passes = [model.activations(part, *hooks) for part in torch.split(drawn.inputs, CHUNK)]
    first = drawn.first
    return {hook: (torch.cat([kept[hook][:, first:] for kept in passes]), _last_coefficient(drawn)) for hook in hooks}


def _fit(
    hook: str, stream: Float[Tensor, "recurrence position d_model"], c: Float[Tensor, recurrence], *, shuffled: bool
) -> ScalarProbe:
    if shuffled:
        generator = torch.Generator().manual_seed(derive_seed(0, "shuffled coefficients"))
        c = c[torch.randperm(len(c), generator=generator).to(c.device)]
    features = stream.double().movedim(1, 0)  # position recurrence d_model
    mean, deviation = features.mean(1), features.std(1).clamp(min=1e-12)
    standard = (features - mean[:, None]) / deviation[:, None]
    penalty = PENALTY * len(c) * torch.eye(standard.shape[-1]).to(standard)
    solved = torch.linalg.solve(standard.mT @ standard + penalty, (standard.mT @ (c - c.mean())[:, None]))[..., 0]
    weights = solved / deviation
    return ScalarProbe(hook, weights, c.mean() - (weights * mean).sum(-1), float(c.mean()))


def _error(probe: ScalarProbe, stream: Tensor, c: Tensor) -> float:
    return float((probe.read(stream.double()) - c[:, None]).square().mean())
