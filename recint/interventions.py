"""Interventions, as context managers: inside the block the model is another, after it the model is as it was.

Every one yields a `Change` that tells how much it altered what it acts on: an intervention that alters nothing has no
effect to be read. Edits go through `hook_z` and `hook_pattern`, which are exact on a native bridge; its
`hook_attn_scores` comes after the softmax and drops what is edited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import einops
import torch
from jaxtyping import Float
from torch import Tensor

from recint.model import Model


@dataclass
class Change:
    """How much an intervention alters what it acts on.

    Attributes:
        largest: largest absolute change of an activation so far, over all passes in the block.
    """

    largest: float = 0.0


@contextmanager
def edited(model: Model, hook: str, edit: Callable[[Tensor], Tensor]) -> Iterator[Change]:
    """Replace the activation of a hook by `edit` of it.

    >>> with edited(model, "blocks.1.attn.hook_z", torch.zeros_like) as change:      # doctest: +SKIP
    ...     broken = model(inputs)
    """
    change = Change()

    def replace(activation: Tensor) -> Tensor:
        new = edit(activation)
        # nan counts as a change, which max() would drop: what comes of it is an error then, not "nothing changed".
        change.largest = max(change.largest, float((new - activation).abs().nan_to_num(torch.inf).max()))
        return new

    with model.editing(hook, replace):
        yield change


def mean_ablated(model: Model, *, layer: int) -> AbstractContextManager[Change]:
    """The output z of all heads of a layer replaced by its mean over reference recurrences, position by position.

    A mean over positions too would take out where a head is as well as what it says.
    """
    hook = f"blocks.{layer}.attn.hook_z"
    mean = model.mean(hook)
    return edited(model, hook, lambda z: mean[: z.shape[1]].expand_as(z))


def attention_uniform(model: Model, *, layer: int, heads: Sequence[int]) -> AbstractContextManager[Change]:
    """The attention of some heads spread evenly over the query and what came before it."""

    def edit(pattern: Float[Tensor, "recurrence head query key"]) -> Tensor:
        queries = pattern.shape[-2]
        seen = torch.ones(queries, queries, device=pattern.device).tril()
        spread = pattern.clone()
        spread[:, list(heads)] = seen / seen.sum(-1, keepdim=True)
        return spread

    return edited(model, f"blocks.{layer}.attn.hook_pattern", edit)


@contextmanager
def qk_replaced(
    model: Model,
    *,
    layer: int,
    heads: Sequence[int],
    W_Q: Float[Tensor, "head d_model d_head"],
    W_K: Float[Tensor, "head d_model d_head"],
) -> Iterator[Change]:
    """The folded query and key weights of some heads replaced; their biases stay, as the notebook left them."""
    attention, chosen = f"blocks.{layer}.attn", list(heads)
    read: list[Tensor] = []

    def remember(normalized: Tensor) -> Tensor:
        read[:] = [normalized]
        return normalized

    def with_weights(W: Tensor, bias: Tensor) -> Callable[[Tensor], Tensor]:
        def edit(old: Float[Tensor, "recurrence position head d_head"]) -> Tensor:
            new = old.clone()
            product = einops.einsum(
                read[0], W, "recurrence position d_model, head d_model d_head -> recurrence position head d_head"
            )
            new[:, :, chosen] = product + bias[chosen]
            return new

        return edit

    bridge = model.bridge
    with (
        model.editing(f"{attention}.q.hook_in", remember),
        edited(model, f"{attention}.hook_q", with_weights(W_Q, bridge.b_Q[layer])) as change,
        edited(model, f"{attention}.hook_k", with_weights(W_K, bridge.b_K[layer])) as change_of_keys,
    ):
        yield change
    change.largest = max(change.largest, change_of_keys.largest)


def low_rank_identity(
    *, heads: int, d_model: int, d_head: int, generator: torch.Generator
) -> tuple[Float[Tensor, "head d_model d_head"], Float[Tensor, "head d_model d_head"]]:
    """W_Q ~ U(0, 1) and W_K = pinv(W_Q)^T, so that W_Q W_K^T projects on d_head random directions (the notebook's stand-in)."""
    W_Q = torch.rand(heads, d_model, d_head, generator=generator)
    return W_Q, einops.rearrange(torch.linalg.pinv(W_Q), "head d_head d_model -> head d_model d_head")
