"""Statistics of attention patterns. Each gives one value for every recurrence, and most for every head."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Integer
from scipy import stats
from torch import Tensor

from recint.judging.finite import finite, require_finite


@finite
def previous_token_attention(
    pattern: Float[Tensor, "recurrence head query key"], *, order: int = 1
) -> Float[Tensor, "recurrence head"]:
    """Attention on the `order` keys before the query, summed; mean over the queries that have so many keys before them.

    >>> previous_token_attention(torch.eye(3)[None, None].roll(1, dims=2))
    tensor([[1.]])
    """
    back = [pattern.diagonal(offset=-step, dim1=-2, dim2=-1)[..., order - step :] for step in range(1, order + 1)]
    return torch.stack(back).sum(0).mean(-1)


@finite
def attention_over_uniform(
    pattern: Float[Tensor, "recurrence head query key"], *, key: int, first: int
) -> Float[Tensor, "recurrence head"]:
    """Attention on one key, divided by the 1/(i+1) of uniform attention; mean over queries i >= `first`.

    >>> attention_over_uniform(torch.ones(1, 1, 4, 4).tril() / torch.arange(1, 5)[:, None], key=1, first=3)
    tensor([[1.]])
    """
    queries = torch.arange(first, pattern.shape[-2], device=pattern.device)
    return (pattern[:, :, first:, key] * (queries + 1)).mean(-1)


@finite
def attention_by_parity(
    pattern: Float[Tensor, "recurrence head query key"],
) -> Float[Tensor, "recurrence parity head"]:
    """Mean attention on keys of the same parity as the query (first) and of the other parity (second).

    The keys are 1 ... i-1. The queries are i >= 3, which have keys of both parities.

    >>> attention_by_parity(torch.eye(4)[None, None].roll(2, dims=-2))[0, :, 0]       # each query on the key before last
    tensor([1., 0.])
    """
    query, key = torch.meshgrid(
        *(torch.arange(size, device=pattern.device) for size in pattern.shape[-2:]), indexing="ij"
    )
    between = (key >= 1) & (key < query) & (query >= 3)
    same = (query - key) % 2 == 0
    return torch.stack([pattern[..., between & same].mean(-1), pattern[..., between & ~same].mean(-1)], dim=1)


@finite
def attention_to_similar(
    pattern: Float[Tensor, "recurrence head query key"],
    residual: Float[Tensor, "recurrence key d_model"],
    *,
    first: int,
) -> Float[Tensor, "recurrence head"]:
    """Spearman correlation between attention and the cosine of the residual streams of query and key.

    The correlation is over the keys 0 ... i of a query i, the result its mean over queries i >= `first`. The correlation counts
    as 0 where all keys get the same attention: such attention does not follow similarity.

    Raises:
        NotFinite: a residual stream is zero or too large for floats.
    """
    cosines = _cosines(residual).cpu().numpy()
    attention = pattern.cpu().numpy()
    correlations = []
    for query in range(first, pattern.shape[-2]):
        similar = stats.rankdata(cosines[:, None, query, : query + 1], axis=-1)
        attended = stats.rankdata(attention[:, :, query, : query + 1], axis=-1)
        similar, attended = (ranks - (query + 2) / 2 for ranks in (similar, attended))
        spread = np.sqrt(np.square(similar).sum(-1) * np.square(attended).sum(-1))
        correlations.append((similar * attended).sum(-1) / np.where(spread > 0, spread, 1.0))
    return torch.from_numpy(np.mean(correlations, axis=0))


@finite
def most_similar_key(residual: Float[Tensor, "recurrence position d_model"]) -> Integer[Tensor, "recurrence query"]:
    """The position before the query whose residual stream has the largest cosine with that of the query.

    The first query has no earlier position; its result is 0.

    Raises:
        NotFinite: a residual stream is zero or too large for floats.
    """
    cosines = _cosines(residual)
    earlier = torch.ones_like(cosines, dtype=torch.bool).tril(-1)
    return cosines.masked_fill(~earlier, -torch.inf).argmax(-1)


def _cosines(
    residual: Float[Tensor, "recurrence position d_model"],
) -> Float[Tensor, "recurrence position position"]:
    """Cosine of every two positions.

    Raises:
        NotFinite: a residual stream is zero, so that it has no direction, or its norm is too large for floats.
    """
    norm = residual.norm(dim=-1, keepdim=True)
    unit = residual / norm
    require_finite(norm=norm, cosine=unit)
    return unit @ unit.mT


@finite
def output_against_input(
    z: Float[Tensor, "recurrence query head d_head"],
    pattern: Float[Tensor, "recurrence head query key"],
    residual: Float[Tensor, "recurrence key d_model"],
    *,
    W_O: Float[Tensor, "head d_head d_model"],
    W_U: Float[Tensor, "d_model dim"],
    first: int,
) -> Float[Tensor, "recurrence head"]:
    """Cosine between the output of a head and its input, both multiplied by W_U; mean over queries i >= `first`.

    The output is z W_O. The input is the mean of the residual stream, weighted by attention, without LayerNorm.
    """
    written = torch.einsum("rqhd,hdm,mu->rhqu", z[:, first:], W_O, W_U)
    attended = torch.einsum("rhqk,rku->rhqu", pattern[:, :, first:], residual @ W_U)
    # A head that writes almost nothing may have a norm below torch's default eps of 1e-8, which would then change its cosine.
    return torch.cosine_similarity(written, attended, dim=-1, eps=1e-30).mean(-1)
