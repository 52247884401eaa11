"""Probes: is something about the recurrence to be read off the residual stream? Trained and judged on different recurrences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recint.domain import reference_of
from recint.judging.finite import require_finite
from recint.model.intact import Intact
from recint.model.transformer import Model
from recint.recurrence import Recurrences
from recint.system.seeds import derive_seed

Kind = Literal["linear", "MLP"]

TRAINED_ON = 4000  # recurrences, none of which is judged
EPOCHS, BATCH, RATE = 3, 512, 1e-3


@dataclass(frozen=True)
class Standard:
    """Shift and scale to mean 0 and standard deviation 1 on the training set: without it an MLP takes far longer to learn."""

    mean: Float[Tensor, feature]
    deviation: Float[Tensor, feature] | Float[Tensor, ""]

    def to(self, values: Float[Tensor, "*batch feature"]) -> Float[Tensor, "*batch feature"]:
        return (values - self.mean) / self.deviation

    def back(self, values: Float[Tensor, "*batch feature"]) -> Float[Tensor, "*batch feature"]:
        return values * self.deviation + self.mean


@dataclass(frozen=True)
class Probe:
    """Reads the constant term d of a recurrence off the residual stream before a layer, at positions i >= 2k."""

    read: nn.Module
    features: Standard
    labels: Standard
    hook: str

    @torch.no_grad()
    def errors(self, intact: Intact) -> Float[Tensor, "recurrence row=2"]:
        """Mean squared error, and that of saying the mean d whatever is seen: rows of an explained share, which is R^2."""
        found = self.labels.back(self.read(self.features.to(_scored(intact[self.hook], intact.recurrences))))
        d = intact.recurrences.offset[:, None]
        errors = torch.stack(
            [(guess - d).square().mean((1, 2)) for guess in (found, self.labels.mean.expand_as(found))], dim=-1
        )
        require_finite(**{"the errors of a probe": errors})
        return errors


def constant_probe(model: Model, *, layer: int, kind: Kind, shuffled: bool = False) -> Probe:
    """A probe for d, trained once for a model.

    Args:
        kind: "linear", by least squares, or the notebook's "MLP": d_model -> 4 d_model -> d_model -> m, ReLU, Adam.
        shuffled: each recurrence gets the d of another: what is then found is no knowledge of d.
    """
    return model.once(("probe", layer, kind, shuffled), lambda: _trained(model, layer, kind, shuffled))


def _trained(model: Model, layer: int, kind: Kind, shuffled: bool) -> Probe:
    hook = f"blocks.{layer}.hook_resid_pre"
    seen, drawn = model.once(("training set of probes", layer), lambda: _training_set(model, hook))
    features = _scored(seen, drawn)
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
        return torch.cat([model.activations(part, hook)[hook] for part in torch.split(drawn.inputs, BATCH)]), drawn


def _scored(residual: Float[Tensor, "recurrence position d_model"], drawn: Recurrences) -> Tensor:
    return residual[:, 2 * drawn.order :]


def _linear(features: Float[Tensor, "sample d_model"], labels: Float[Tensor, "sample dim"]) -> nn.Module:
    read = nn.Linear(features.shape[1], labels.shape[1], bias=False, device=features.device).requires_grad_(False)
    # By the pseudoinverse: centred residual streams have no part along the all-ones vector, so the rank may not be full.
    read.weight.copy_((torch.linalg.pinv(features.double(), rtol=1e-6) @ labels.double()).T)
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
