"""Direct logit attribution of a model's prediction to all its components, which together are the prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from recint.judging.finite import require_finite
from recint.model.intact import Intact
from recint.model.transformer import Model
from recint.statistics.attribution import attribution_direction, direct_logit_attribution


@dataclass(frozen=True)
class Attribution:
    """What every component adds to the prediction, dotted with the next term; at positions i >= 2k, where it is determined.

    Attributes:
        heads: by layer and head.
        others: "embedding", "positions", "attention bias 0", "MLP 0", ..., "unembedding bias".
    """

    heads: Float[Tensor, "recurrence position layer head"]
    others: Mapping[str, Float[Tensor, "recurrence position"]]

    @property
    def total(self) -> Float[Tensor, "recurrence position"]:
        return self.heads.sum((-2, -1)) + torch.stack(list(self.others.values())).sum(0)


def attribution(model: Model, intact: Intact) -> Attribution:
    """Attribute a pass to its components.

    Raises:
        NotFinite: what the model computes is not a number.
        RuntimeError: the components do not add up to the prediction: what was computed is then no decomposition of it.
    """
    return intact.once("attribution", lambda: _attribution(model, intact))


def _attribution(model: Model, intact: Intact) -> Attribution:
    bridge, drawn = model.bridge, intact.recurrences
    first, layers = 2 * drawn.order, range(model.config.n_layers)
    prediction, target = intact.prediction[:, first:], drawn.targets[:, first:]
    direction = attribution_direction(
        intact[f"blocks.{layers[-1]}.hook_resid_post"][:, first:],
        W_U=bridge.W_U,
        target=target,
        eps=model.config.layer_norm_eps,
    )
    heads = [
        direct_logit_attribution(
            intact[f"blocks.{layer}.attn.hook_z"][:, first:], W_O=bridge.W_O[layer], direction=direction
        )
        for layer in layers
    ]

    def along(written: Tensor) -> Tensor:
        return (written * direction).sum(-1)

    others = {
        "embedding": along(drawn.inputs[:, first:] @ bridge.W_E),
        "positions": along(bridge.W_pos[first : drawn.inputs.shape[1]]),
    }
    for layer in layers:
        others[f"attention bias {layer}"] = along(bridge.b_O[layer])
        others[f"MLP {layer}"] = along(intact[f"blocks.{layer}.hook_mlp_out"][:, first:])
    others["unembedding bias"] = (target * bridge.b_U).sum(-1)
    found = Attribution(torch.stack(heads, dim=-2), others)
    whole = (prediction * target).sum(-1)
    require_finite(prediction=whole, attribution=found.total)
    if (gap := float((found.total - whole).abs().max())) > 1e-3 * float(whole.abs().max().clamp_min(1)):
        raise RuntimeError(
            f"{model.checkpoint.name}: the attributions of all components miss the prediction by {gap:.2g}, "
            f"but should add up to it"
        )
    return found
