"""One forward pass of the unchanged model over the recurrences of one place. All claims about this place share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from recint.judging.subject import CHUNK
from recint.recurrence import Recurrences
from recint.statistics.errors import prediction_errors
from recint.system.memo import Once

# The activations of a layer that claims may read, in the order in which a pass computes them.
_KEPT = ("hook_resid_pre", "attn.hook_pattern", "attn.hook_z", "hook_attn_out", "hook_mlp_out", "hook_resid_post")


class Intact(Once):
    """Recurrences, and the activations and predictions of the unchanged model on them.

    Everything is computed on first use, and only once.

    >>> intact = model.intact(Condition(c=-1.5))
    >>> intact["blocks.0.attn.hook_pattern"].shape, intact.errors.shape
    (torch.Size([64, 8, 13, 13]), torch.Size([64]))

    Attributes:
        recurrences: the inputs and targets, on the model's device.
    """

    def __init__(self, model: Any, recurrences: Recurrences) -> None:
        super().__init__()
        self.recurrences = recurrences.to(model.device)
        self._model = model
        self._activations: dict[str, Tensor] = {}

    def __getitem__(self, hook: str) -> Tensor:
        """The activation of a hook. The same pass also keeps all activations that come before it."""
        if hook not in self._activations:
            with self._model.unedited():
                self._activations |= _joined(
                    [self._model.activations(part, *self._hooks(upto=hook)) for part in self._parts()]
                )
        return self._activations[hook]

    @cached_property
    def prediction(self) -> Float[Tensor, "recurrence position dim"]:
        """The predicted next term at every position."""
        with self._model.unedited():
            runs = [self._model.run(part, keep=self._hooks()) for part in self._parts()]
        self._activations |= _joined([run.activations for run in runs])
        return torch.cat([run.prediction for run in runs])

    @cached_property
    def errors(self) -> Float[Tensor, recurrence]:
        """MSE of the model for each recurrence."""
        return self.errors_of(self.prediction)

    def errors_of(self, prediction: Float[Tensor, "recurrence position dim"]) -> Float[Tensor, recurrence]:
        """MSE of another prediction for each recurrence."""
        return prediction_errors(prediction, self.recurrences.targets, first=self.recurrences.first)

    def errors_from(self, layer: int) -> Float[Tensor, recurrence]:
        """MSE of each recurrence for the model with its present edits. No edit may lie before `layer`."""
        return self.errors_of(self._model.resume(self[f"blocks.{layer}.hook_resid_pre"], layer=layer))

    def errors_with(
        self, instead: Sequence[Float[Tensor, "recurrence position head d_head"]], *, layer: int
    ) -> Float[Tensor, "recurrence which"]:
        """MSE of each recurrence when the outputs z of the heads of `layer` are replaced, once for each tensor in `instead`.

        The replacements run together in passes of CHUNK sequences: a pass over few sequences costs little more than its hooks.
        """
        residual = self[f"blocks.{layer}.hook_resid_pre"].repeat(len(instead), 1, 1)
        parts = (torch.split(stacked, CHUNK) for stacked in (residual, torch.cat(list(instead))))
        prediction = torch.cat([self._model.resume(before, layer=layer, z=z) for before, z in zip(*parts, strict=True)])
        return torch.stack([self.errors_of(each) for each in prediction.chunk(len(instead))], dim=-1)

    def _parts(self) -> Sequence[Tensor]:
        """The inputs in passes of at most CHUNK recurrences, because the neurons of one large pass take much memory."""
        return torch.split(self.recurrences.inputs, CHUNK)

    def _hooks(self, *, upto: str | None = None) -> list[str]:
        names = [f"blocks.{layer}.{name}" for layer in range(self._model.config.n_layers) for name in _KEPT]
        return names if upto is None else names[: names.index(upto) + 1]


def _joined(parts: Sequence[Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
    """Activations of parts of the recurrences -> those of all of them."""
    return {hook: torch.cat([part[hook] for part in parts]) for hook in parts[0]} if len(parts) > 1 else parts[0]
