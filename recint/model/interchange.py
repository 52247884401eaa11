"""Interchange of activations: the model runs on one recurrence with activations from another.

Patterns, scales and gates are all that is not linear in this transformer. With patterns, scales and gates from elsewhere the
model is an affine map of its inputs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from itertools import chain
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from recint.checkpoint import ModelConfig
from recint.domain import Place, reference_of
from recint.judging.claim import Unmet
from recint.model.intact import Intact
from recint.model.interventions import Change, all_of, edited, recalling
from recint.model.transformer import Model
from recint.partners import Shared, partners
from recint.system.seeds import derive_seed

Part = Literal["patterns", "scales", "gates"]


def patterns(config: ModelConfig) -> tuple[str, ...]:
    """The hooks of the attention patterns of all layers."""
    return tuple(f"blocks.{layer}.attn.hook_pattern" for layer in range(config.n_layers))


def scales(config: ModelConfig) -> tuple[str, ...]:
    """The hooks of the numbers by which each LayerNorm divides."""
    norms = [f"blocks.{layer}.{norm}" for layer in range(config.n_layers) for norm in ("ln1", "ln2")]
    return tuple(f"{norm}.hook_scale" for norm in (*norms, "ln_final"))


def partner_at(model: Any, at: Place, share: Shared) -> Intact:
    """A partner of each recurrence of a place, with the pass of the unchanged model over it. All claims share it.

    Raises:
        Unmet: -c is asked for, but the task does not have the opposite of every coefficient.
    """
    intact = model.intact(at)
    seed = derive_seed(getattr(at, "seed", 0), "partner")

    reference = reference_of(model.config)
    if share == "-c" and reference.c[0] != -reference.c[1]:
        raise Unmet(f"asks for recurrences of -c, but the task has c from {reference.c[0]:g} to {reference.c[1]:g}")

    def measure() -> Intact:
        return Intact(model, partners(intact.recurrences, share=share, seed=seed, reference=reference))

    partner: Intact = intact.once(("partner", share), measure)
    return partner


def activations_of(
    model: Model, inputs: Float[Tensor, "recurrence position dim"], hooks: Sequence[str]
) -> Mapping[str, Tensor]:
    """Activations of the model without its present edits."""
    with model.unedited():
        return model.activations(inputs, *hooks)


def interchanged(model: Model, partner: Intact, parts: Collection[Part]) -> AbstractContextManager[Change]:
    """The model with some parts of what is not linear in it, taken from the pass of the unchanged model over partners.

    The change is that of the activation that changes least.
    """
    inputs = partner.recurrences.inputs
    hooks = {"patterns": patterns(model.config), "scales": scales(model.config)}
    kept = partner.once("patterns and scales", lambda: activations_of(model, inputs, [*chain(*hooks.values())]))
    chosen = {hook: kept[hook] for part in parts if part in hooks for hook in hooks[part]}
    changes = [activations_replaced(model, chosen)]
    if "gates" in parts:
        changes.append(gates_replaced(model, gates_of(model, inputs)))
    return all_of(*changes)


def activations_replaced(model: Model, values: Mapping[str, Tensor]) -> AbstractContextManager[Change]:
    """The model with given activations. The change is that of the activation that changes least.

    Args:
        values: a hook and what takes the place of its activation.
    """
    return all_of(*(edited(model, hook, partial(_instead, value)) for hook, value in values.items()))


def _instead(value: Tensor, activation: Tensor) -> Tensor:
    return value.to(activation).expand_as(activation)


def gates_of(
    model: Model, inputs: Float[Tensor, "recurrence position dim"]
) -> dict[int, Float[Tensor, "recurrence position d_mlp"]]:
    """The gate of every neuron, gelu(x) / x, by layer. A gate is the factor by which a neuron multiplies what it reads."""
    mlps = [f"blocks.{layer}.mlp" for layer in range(model.config.n_layers)]
    kept = activations_of(model, inputs, [f"{mlp}.{hook}" for mlp in mlps for hook in ("hook_pre", "hook_post")])
    return {layer: _gate(kept[f"{mlp}.hook_pre"], kept[f"{mlp}.hook_post"]) for layer, mlp in enumerate(mlps)}


def _gate(pre: Tensor, post: Tensor) -> Tensor:
    """post / pre. Near zero it is the slope of gelu there, 1/2."""
    near = pre.abs() < 1e-6
    return torch.where(near, 0.5, post / pre.masked_fill(near, 1.0))


@contextmanager
def gates_replaced(model: Model, gates: Mapping[int, Float[Tensor, "recurrence position d_mlp"]]) -> Iterator[Change]:
    """The model whose neurons multiply what they read by given gates. Its MLPs are then affine maps."""
    with ExitStack() as stack:
        changes = []
        for layer, gate in gates.items():
            pre: list[Tensor] = []
            stack.enter_context(recalling(model, f"blocks.{layer}.mlp.hook_pre", pre))
            edit = partial(_gated, gate, pre)
            changes.append(stack.enter_context(edited(model, f"blocks.{layer}.mlp.hook_post", edit)))
        yield Change(parts=changes)


def _gated(gate: Tensor, pre: Sequence[Tensor], post: Tensor) -> Tensor:
    return gate.to(post) * pre[0]
