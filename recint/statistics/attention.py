"""Statistics of attention patterns; every one keeps recurrences and heads apart."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def previous_token_attention(
    pattern: Float[Tensor, "recurrence head query key"],
) -> Float[Tensor, "recurrence head"]:
    """Attention on the key before the query, mean over queries i >= 1.

    >>> previous_token_attention(torch.eye(3)[None, None].roll(1, dims=2))
    tensor([[1.]])
    """
    return pattern.diagonal(offset=-1, dim1=-2, dim2=-1).mean(-1)


def output_against_input(
    z: Float[Tensor, "recurrence query head d_head"],
    pattern: Float[Tensor, "recurrence head query key"],
    residual: Float[Tensor, "recurrence key d_model"],
    *,
    W_O: Float[Tensor, "head d_head d_model"],
    W_U: Float[Tensor, "d_model dim"],
    first: int,
) -> Float[Tensor, "recurrence head"]:
    """Cosine between what a head writes and what it attended to, both read through W_U; mean over queries i >= `first`.

    What it attended to is the attention-weighted residual stream, without LayerNorm.
    """
    written = torch.einsum("rqhd,hdm,mu->rhqu", z[:, first:], W_O, W_U)
    attended = torch.einsum("rhqk,rku->rhqu", pattern[:, :, first:], residual @ W_U)
    return torch.cosine_similarity(written, attended, dim=-1).mean(-1)
