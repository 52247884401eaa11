"""The data of a replication: recurrences of the kinds that the notebook used, and the model's passes and errors on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property

import einops
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from recint.domain import reference_of
from recint.judging.subject import CHUNK
from recint.model import Model
from recint.model.attribution import attribution
from recint.model.intact import Intact
from recint.model.interventions import ablated
from recint.recurrence import Distribution, Recurrences
from recint.system.seeds import derive_seed

ONE_C = -1.5  # the coefficient of the single recurrence that the notebook uses most


class Data:
    """Recurrences of the kinds that the notebook used, and the model's passes over them. Everything is computed on first use.

    Attributes:
        draws: number of recurrences of each kind.
        reference: the distribution of the model's training data.
        probed: the distribution on which the notebook trained its probe.
    """

    def __init__(self, model: Model, *, draws: int, seed: int) -> None:
        self.model, self.draws, self.seed = model, draws, seed
        self.reference = reference_of(model.config)
        self.probed = replace(self.reference, c=(-2.0, 0.0))

    @cached_property
    def usual(self) -> list[Intact]:
        """Passes over recurrences of the reference distribution."""
        return self._passes(self.reference, "usual")

    @cached_property
    def at_one_c(self) -> list[Intact]:
        """Passes over recurrences at c = -1.5."""
        return self._passes(self.reference.at(c=ONE_C), "one c")

    @cached_property
    def one(self) -> Intact:
        """A single recurrence at c = -1.5. The notebook's attributions and its mean ablation use only one."""
        return Intact(self.model, _only(self.at_one_c[0].recurrences, 0))

    def draw(self, distribution: Distribution, label: str) -> list[Recurrences]:
        """Draw recurrences in chunks. The label makes the draws of one kind independent of those of another."""
        sizes = [min(CHUNK, self.draws - start) for start in range(0, self.draws, CHUNK)]
        return [
            distribution.sample(size, seed=derive_seed(self.seed, "replication", label, index))
            for index, size in enumerate(sizes)
        ]

    def _passes(self, distribution: Distribution, label: str) -> list[Intact]:
        passes = [Intact(self.model, drawn) for drawn in self.draw(distribution, label)]
        for intact in passes:
            _ = intact.prediction  # runs the whole pass at once; otherwise a part of it would run twice
        return passes

    @cached_property
    def errors(self) -> Float[NDArray, recurrence]:
        """MSE of each usual recurrence."""
        return over(self.usual, lambda intact: intact.errors)

    def errors_with(
        self, change: Callable[[], AbstractContextManager[object]], *, layer: int
    ) -> Float[NDArray, recurrence]:
        """MSE of each usual recurrence when the model is changed from `layer` on."""

        def changed(intact: Intact) -> Tensor:
            with change():
                return intact.errors_from(layer)

        return over(self.usual, changed)

    def errors_zeroed(self, heads: Sequence[int]) -> Float[NDArray, recurrence]:
        """MSE of each usual recurrence when the outputs of these heads of layer 0 are zero.

        This is the same as zero OV matrices, because folded weights have no value biases.
        """
        return self.errors_with(lambda: ablated(self.model, layer=0, heads=heads, kind="zero"), layer=0)

    @cached_property
    def errors_accumulated(self) -> Float[NDArray, recurrence]:
        """MSE when all heads of layer 0 but the last are zero. The notebook's loop measures the model in this state."""
        return self.errors_zeroed(range(self.model.config.n_heads - 1))

    @cached_property
    def head_attribution(self) -> Float[NDArray, "recurrence layer head"]:
        """Direct logit attribution of heads, mean over positions."""
        return over(self.usual, lambda intact: attribution(self.model, intact).heads.mean(1))

    @cached_property
    def mlp_attribution(self) -> Float[NDArray, "recurrence layer"]:
        """Direct logit attribution of MLPs, mean over positions."""
        mlps = [f"MLP {layer}" for layer in range(self.model.config.n_layers)]
        return over(
            self.usual,
            lambda intact: torch.stack([attribution(self.model, intact).others[mlp].mean(-1) for mlp in mlps], dim=-1),
        )


def over(passes: Sequence[Intact], measure: Callable[[Intact], Tensor]) -> Float[NDArray, "recurrence ..."]:
    """A statistic of each recurrence, from several passes."""
    return np.concatenate([measure(intact).double().cpu().numpy() for intact in passes])


def _only(drawn: Recurrences, index: int) -> Recurrences:
    return drawn.taken(slice(index, index + 1))


def normalised_attribution(model: Model, intact: Intact) -> tuple[Float[Tensor, "layer head"], Float[Tensor, layer]]:
    """Attribution of heads and MLPs in the notebook's way.

    It uses the last position of one recurrence, applies LayerNorm to every component by itself, and adds the output bias of the
    whole layer to every head.
    """
    bridge, target = model.bridge, intact.recurrences.targets[0, -1]
    heads, mlps = [], []
    for layer in range(model.config.n_layers):
        z = intact[f"blocks.{layer}.attn.hook_z"][0, -1]
        written = einops.einsum(z, bridge.W_O[layer], "head d_head, head d_head d_model -> head d_model")
        heads.append(model.unembed(written + bridge.b_O[layer]) @ target)
        mlps.append(model.unembed(intact[f"blocks.{layer}.hook_mlp_out"][0, -1]) @ target)
    return torch.stack(heads), torch.stack(mlps)
