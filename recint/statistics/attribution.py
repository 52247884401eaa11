"""Direct logit attribution: how much each part of the residual stream adds to the prediction along the true next term.

The method is that of Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
"""

from __future__ import annotations

import einops
import torch
from jaxtyping import Float
from torch import Tensor

from recint.judging.finite import finite


@finite
def direct_logit_attribution(
    z: Float[Tensor, "recurrence position head d_head"],
    *,
    W_O: Float[Tensor, "head d_head d_model"],
    direction: Float[Tensor, "recurrence position d_model"],
) -> Float[Tensor, "recurrence position head"]:
    """What each head adds to the dot product of prediction and true next term.

    The output of a head is z W_O, so this is z W_O direction^T. W_O is multiplied with the direction first, which takes less
    memory than the outputs of all heads.

    Args:
        direction: from `attribution_direction`.
    """
    read = einops.einsum(
        W_O, direction, "head d_head d_model, recurrence position d_model -> recurrence position head d_head"
    )
    return einops.einsum(
        z, read, "recurrence position head d_head, recurrence position head d_head -> recurrence position head"
    )


@finite
def attribution_direction(
    residual: Float[Tensor, "recurrence position d_model"],
    *,
    W_U: Float[Tensor, "d_model dim"],
    target: Float[Tensor, "recurrence position dim"],
    eps: float,
) -> Float[Tensor, "recurrence position d_model"]:
    """The direction v for which residual v^T is the dot product of the prediction (without its bias) and the target.

    v is W_U target^T / (LayerNorm scale). The residual stream must have mean 0, as it has with folded weights: then LayerNorm only
    divides by its scale.

    Args:
        residual: the whole residual stream after the last layer, which determines the scale.
        target: the true next term.
        eps: that of LayerNorm.
    """
    scale = (residual.square().mean(-1, keepdim=True) + eps).sqrt()
    return einops.einsum(W_U, target, "d_model dim, recurrence position dim -> recurrence position d_model") / scale


@finite
def shares_of_layer(
    heads: Float[Tensor, "recurrence position layer head"], *, layer: int
) -> Float[Tensor, "recurrence row=2 component"]:
    """Mean attribution over positions: in the first row of the heads of one layer (0 for other heads), in the second of all.

    The sums of their absolute means have the share of the layer as ratio.

    Args:
        heads: from `recint.model.attribution.Attribution`.
    """
    mean = heads.mean(1)
    own = torch.zeros_like(mean)
    own[:, layer] = mean[:, layer]
    return torch.stack([own.flatten(1), mean.flatten(1)], dim=1)
