"""Probes: small models that try to read the constant term d of a recurrence from the residual stream.

A probe is trained and judged on different recurrences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recint.domain import reference_of
from recint.judging.claim import Unmet
from recint.judging.finite import require_finite
from recint.judging.subject import CHUNK
from recint.model.intact import Intact
from recint.model.transformer import Model
from recint.recurrence import Recurrences
from recint.system.seeds import derive_seed

Kind = Literal["linear", "MLP"]

TRAINED_ON = 4000  # number of recurrences; the probe is judged on others
EPOCHS, BATCH, RATE = 3, 512, 1e-3


@dataclass(frozen=True)
class Standard:
    """A shift and a scale that give the training set mean 0 and standard deviation 1. Without it an MLP learns far more slowly."""

    mean: Float[Tensor, feature]
    deviation: Float[Tensor, feature] | Float[Tensor, ""]

    def to(self, values: Float[Tensor, "*batch feature"]) -> Float[Tensor, "*batch feature"]:
        """Values -> standardised values."""
        return (values - self.mean) / self.deviation

    def back(self, values: Float[Tensor, "*batch feature"]) -> Float[Tensor, "*batch feature"]:
        """Standardised values -> values."""
        return values * self.deviation + self.mean


@dataclass(frozen=True)
class Probe:
    """A function from the residual stream before a layer to the constant term d, at scored positions."""

    read: nn.Module
    features: Standard
    labels: Standard
    hook: str

    @torch.no_grad()
    def errors(self, intact: Intact) -> Float[Tensor, "recurrence row=2"]:
        """The mean squared error of the probe, and that of the mean d as a constant guess.

        1 - the ratio of their means is R^2.

        Raises:
            NotFinite: an error is infinite or nan.
        """
        read_off = self.labels.back(self.read(self.features.to(_scored(intact[self.hook], intact.recurrences))))
        d = intact.recurrences.offset[:, None]
        errors = torch.stack(
            [(guess - d).square().mean((1, 2)) for guess in (read_off, self.labels.mean.expand_as(read_off))], dim=-1
        )
        require_finite(**{"the errors of a probe": errors})
        return errors


def constant_probe(model: Model, *, layer: int, kind: Kind, shuffled: bool = False) -> Probe:
    """A probe for d. It is trained once for each model.

    Args:
        layer: the probe reads the residual stream before this layer.
        kind: "linear", fitted by least squares, or "MLP", as in the notebook: d_model -> 4 d_model -> d_model -> m with ReLU,
            trained with Adam.
        shuffled: train with labels of other recurrences, a control: such a probe cannot learn to read d.

    Raises:
        NotFinite: an activation of the training set is infinite or nan.
        Unmet: d is the same in every recurrence of the task.
    """
    return model.once(("probe", layer, kind, shuffled), lambda: _trained(model, layer, kind, shuffled))


def _trained(model: Model, layer: int, kind: Kind, shuffled: bool) -> Probe:
    hook = f"blocks.{layer}.hook_resid_pre"
    seen, drawn = model.once(("training set of probes", layer), lambda: _training_set(model, hook))
    features = _scored(seen, drawn)
    low, high = reference_of(model.config).d
    if low == high:
        raise Unmet(f"reads d, but d is {low:g} in every recurrence of the task")
    d = drawn.offset.roll(1, dims=0) if shuffled else drawn.offset
    labels = d[:, None].expand(-1, features.shape[1], -1).flatten(0, 1)
    features = features.flatten(0, 1)
    of_features = Standard(features.mean(0), features.std(0).clamp_min(1e-6))
    of_labels = Standard(labels.mean(0), labels.std())  # one scale for all coordinates: their errors weigh alike
    features, labels = of_features.to(features), of_labels.to(labels)
    require_finite(**{hook: features, "d": labels})
    learn = _linear if kind == "linear" else _mlp
    return Probe(learn(features, labels), of_features, of_labels, hook)


def _training_set(model: Model, hook: str) -> tuple[Tensor, Recurrences]:
    drawn = reference_of(model.config).sample(TRAINED_ON, seed=derive_seed(0, "probe")).to(model.device)
    with model.unedited():
        return torch.cat([model.activations(part, hook)[hook] for part in torch.split(drawn.inputs, CHUNK)]), drawn


def _scored(residual: Float[Tensor, "recurrence position d_model"], drawn: Recurrences) -> Tensor:
    return residual[:, drawn.first :]


def _linear(features: Float[Tensor, "sample d_model"], labels: Float[Tensor, "sample dim"]) -> nn.Module:
    read = nn.Linear(features.shape[1], labels.shape[1], bias=False, device=features.device).requires_grad_(False)
    squares, products = torch.zeros(()), torch.zeros(())
    for part, of_part in zip(torch.split(features, BATCH), torch.split(labels, BATCH), strict=True):
        squares = squares + part.double().T @ part.double()
        products = products + part.double().T @ of_part.double()
    # By the pseudoinverse: centred residual streams have no part along the all-ones vector, so the rank may not be full. It is that
    # of the normal equations, because that of the features takes ten times their memory.
    read.weight.copy_((torch.linalg.pinv(squares, rtol=1e-12, hermitian=True) @ products).T)
    return read


def _mlp(features: Float[Tensor, "sample d_model"], labels: Float[Tensor, "sample dim"]) -> nn.Module:
    width = features.shape[1]
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(derive_seed(0, "initial weights of the probe"))
        read = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.ReLU(),
            nn.Linear(4 * width, width),
            nn.ReLU(),
            nn.Linear(width, labels.shape[1]),
        ).to(features.device)
        optimizer = torch.optim.Adam(read.parameters(), lr=RATE)
        for _ in range(EPOCHS):
            for batch in torch.split(torch.randperm(len(features)), BATCH):
                optimizer.zero_grad(set_to_none=True)
                nn.functional.mse_loss(read(features[batch]), labels[batch]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    return read.requires_grad_(False)
