"""Direct logit attribution: splits a prediction into the parts that the components of the model add to it.

The parts add up to the prediction. The method is that of Elhage et al. 2021, "A Mathematical Framework for Transformer
Circuits"; here the direction is the true next term, because the outputs are vectors and not logits.
"""

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
    """What every component adds to the prediction, as a dot product with the true next term.

    Only positions i >= 2k are kept (k is the order): the terms before do not determine the next term.

    Attributes:
        heads: the part of each head.
        others: the parts of all other components: "embedding", "positions", "attention bias 0", "MLP 0", ...,
            "unembedding bias".
    """

    heads: Float[Tensor, "recurrence position layer head"]
    others: Mapping[str, Float[Tensor, "recurrence position"]]

    @property
    def total(self) -> Float[Tensor, "recurrence position"]:
        """The sum of all parts: the dot product of prediction and true next term."""
        return self.heads.sum((-2, -1)) + torch.stack(list(self.others.values())).sum(0)


def attribution(model: Model, intact: Intact) -> Attribution:
    """Split the predictions of a forward pass into the parts of all components.

    Raises:
        NotFinite: the prediction or a part is infinite or nan.
        RuntimeError: the parts do not add up to the prediction. They are then no decomposition of it.
    """
    return intact.once("attribution", lambda: _attribution(model, intact))


def _attribution(model: Model, intact: Intact) -> Attribution:
    bridge, drawn = model.bridge, intact.recurrences
    first, layers = drawn.first, range(model.config.n_layers)
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
    parts = Attribution(torch.stack(heads, dim=-2), others)
    whole = (prediction * target).sum(-1)
    require_finite(prediction=whole, attribution=parts.total)
    if (gap := float((parts.total - whole).abs().max())) > 1e-3 * float(whole.abs().max().clamp_min(1)):
        raise RuntimeError(
            f"{model.checkpoint.name}: the attributions of all components miss the prediction by {gap:.2g}, "
            f"but should add up to it"
        )
    return parts
