"""Interventions, as context managers: inside the block the model is changed, after the block it is as before.

Every intervention yields a `Change`, which says how much it changed the activation that it acts on. If it changed nothing, its
effect says nothing about the model. Edits use `hook_z` and `hook_pattern`, which are exact on a native bridge of
TransformerLens. Its `hook_attn_scores` comes after the softmax, and the bridge ignores edits there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

import einops
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from recint.model.transformer import Model, layer_norm
from recint.system.seeds import derive_seed


@dataclass
class Change:
    """How much an intervention changes the activation that it acts on.

    Attributes:
        seen: largest absolute change of an entry of the activation so far, over all passes in the block.
        parts: the changes of the interventions that this one consists of.
        combined: how theirs become one.
    """

    seen: float = 0.0
    parts: Sequence[Change] = ()
    combined: Callable[[Iterable[float]], float] = min

    @property
    def largest(self) -> float:
        """The largest change so far; of several interventions, that of the one that changed least (or most)."""
        return self.combined(part.largest for part in self.parts) if self.parts else self.seen


def largest_change(old: Tensor, new: Tensor) -> float:
    """The largest absolute change of an entry. nan counts as an infinite change, so that it never looks like "nothing changed"."""
    return float((new - old).abs().nan_to_num(torch.inf).max())


@contextmanager
def edited(model: Model, hook: str, edit: Callable[[Tensor], Tensor]) -> Iterator[Change]:
    """Inside the block every pass replaces the activation x of a hook by `edit(x)`.

    >>> with edited(model, "blocks.1.attn.hook_z", torch.zeros_like) as change:
    ...     broken = model(REFERENCE.sample(64, seed=0).inputs)
    >>> broken.shape, change.largest > 0
    (torch.Size([64, 13, 40]), True)
    """
    change = Change()

    def replace(activation: Tensor) -> Tensor:
        new = edit(activation)
        change.seen = max(change.seen, largest_change(activation, new))
        return new

    with model.editing(hook, replace):
        yield change


Ablation = Literal["zero", "mean", "resample"]
ABLATIONS: tuple[Ablation, ...] = ("zero", "mean", "resample")


def ablation(
    model: Model, *, layer: int, heads: Sequence[int] | None = None, kind: Ablation, seed: int = 0
) -> Callable[[Float[Tensor, "recurrence position head d_head"]], Tensor]:
    """An edit that removes the output z of some heads of a layer.

    - zero: z becomes 0, a value that the layers above may never have seen in training.
    - mean: z becomes its mean over reference recurrences, for each position by itself. A mean over all positions would also
      remove what z says about the position.
    - resample: z becomes that of a reference recurrence chosen at random by `seed`. Its values are typical, but they say nothing
      about the present recurrence.

    Args:
        heads: numbers of the heads; None means all heads of the layer.
    """
    hook = f"blocks.{layer}.attn.hook_z"
    mean = model.reference_mean(hook) if kind == "mean" else None
    others = model.reference_activation(hook) if kind == "resample" else None
    chosen = slice(None) if heads is None else list(heads)

    def edit(z: Float[Tensor, "recurrence position head d_head"]) -> Tensor:
        new = z.clone()
        if mean is not None:
            new[:, :, chosen] = mean[: z.shape[1], chosen]
        elif others is not None:
            generator = torch.Generator().manual_seed(derive_seed(seed, "resample"))
            picked = torch.randint(len(others), (len(z),), generator=generator)
            new[:, :, chosen] = others[picked, : z.shape[1]][:, :, chosen]
        else:
            new[:, :, chosen] = 0.0
        return new

    return edit


def ablated(
    model: Model, *, layer: int, heads: Sequence[int] | None = None, kind: Ablation, seed: int = 0
) -> AbstractContextManager[Change]:
    """The model without the output of some heads of a layer. `ablation` explains the arguments."""
    edit = ablation(model, layer=layer, heads=heads, kind=kind, seed=seed)
    return edited(model, f"blocks.{layer}.attn.hook_z", edit)


def attention_replaced(
    model: Model,
    *,
    layer: int,
    pattern: Float[Tensor, "query key"] | Float[Tensor, "recurrence query key"],
    heads: Sequence[int] | None = None,
) -> AbstractContextManager[Change]:
    """The model with another attention pattern in some heads of a layer.

    `uniform_pattern`, `previous_token_pattern` and `key_pattern` make patterns.

    Args:
        pattern: one for all recurrences, or one for each. It may be longer than the sequences: it is cut to their length.
        heads: numbers of the heads; None means all heads of the layer.
    """
    chosen = slice(None) if heads is None else list(heads)

    def edit(attention: Float[Tensor, "recurrence head query key"]) -> Tensor:
        queries, keys = attention.shape[-2:]
        cut = pattern[..., :queries, :keys].to(attention)
        new = attention.clone()
        new[:, chosen] = cut if cut.ndim == 2 else cut[:, None]
        return new

    return edited(model, f"blocks.{layer}.attn.hook_pattern", edit)


def attention_cut(
    model: Model, *, layer: int, keys: Bool[Tensor, "recurrence query key"]
) -> AbstractContextManager[Change]:
    """The model whose heads of one layer cannot attend to some keys.

    The attention of the remaining keys is scaled so that it sums to 1 again. A query that attends to removed keys only keeps its
    attention.

    Args:
        keys: true where the attention from this query to this key is removed.
    """

    def edit(attention: Float[Tensor, "recurrence head query key"]) -> Tensor:
        left = attention.masked_fill(keys.to(attention.device)[:, None], 0.0)
        total = left.sum(-1, keepdim=True)
        return torch.where(total > 0, left / total.where(total > 0, 1.0), attention)

    return edited(model, f"blocks.{layer}.attn.hook_pattern", edit)


def uniform_pattern(queries: int) -> Float[Tensor, "query key"]:
    """Attention of the same size on every position up to the query, and on the query itself."""
    seen = torch.ones(queries, queries).tril()
    return seen / seen.sum(-1, keepdim=True)


def previous_token_pattern(queries: int, *, order: int = 1) -> Float[Tensor, "query key"]:
    """Every query attends to the `order` terms before it, to each alike. Early queries have fewer; the first attends to itself."""
    back = torch.arange(queries)[:, None] - torch.arange(queries)
    seen = ((back >= 1) & (back <= order)).float()
    seen[0, 0] = 1
    return seen / seen.sum(-1, keepdim=True)


def key_pattern(keys: Integer[Tensor, "*recurrence query"]) -> Float[Tensor, "*recurrence query key"]:
    """Query i attends to the key keys[i] only. It attends to itself where keys[i] lies after it."""
    queries = keys.shape[-1]
    return torch.nn.functional.one_hot(torch.minimum(keys, torch.arange(queries)), queries).float()


def recalling(model: Model, hook: str, last: list[Tensor]) -> AbstractContextManager[None]:
    """Inside the block `last` holds the activation of a hook from the present pass, so that later edits can read it."""
    return model.editing(hook, remembering(last))


def remembering(last: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """An edit that changes nothing: `last` then holds the activation of the present pass."""

    def remember(activation: Tensor) -> Tensor:
        last[:] = [activation]
        return activation

    return remember


@contextmanager
def qk_replaced(
    model: Model,
    *,
    layer: int,
    heads: Sequence[int],
    W_Q: Float[Tensor, "head d_model d_head"],
    W_K: Float[Tensor, "head d_model d_head"],
) -> Iterator[Change]:
    """The model with other folded query and key weights in some heads. The biases stay, as in the notebook."""
    attention, chosen = f"blocks.{layer}.attn", list(heads)
    read: list[Tensor] = []

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
        recalling(model, f"{attention}.q.hook_in", read),
        edited(model, f"{attention}.hook_q", with_weights(W_Q, bridge.b_Q[layer])) as change,
        edited(model, f"{attention}.hook_k", with_weights(W_K, bridge.b_K[layer])) as change_of_keys,
    ):
        yield Change(parts=(change, change_of_keys), combined=max)


@contextmanager
def ov_replaced(
    model: Model,
    *,
    layer: int,
    W_V: Float[Tensor, "head d_model d_head"],
    W_O: Float[Tensor, "head d_head d_model"],
) -> Iterator[Change]:
    """The model with other folded value and output weights in all heads of a layer. Attention and output bias stay."""
    attention = f"blocks.{layer}.attn"
    read: list[Tensor] = []
    patterns: list[Tensor] = []

    def output(old: Float[Tensor, "recurrence query d_model"]) -> Tensor:
        return model.bridge.b_O[layer] + einops.reduce(
            head_outputs(patterns[0], read[0], W_V=W_V, W_O=W_O),
            "recurrence query head d_model -> recurrence query d_model",
            "sum",
        )

    with (
        recalling(model, f"{attention}.q.hook_in", read),
        recalling(model, f"{attention}.hook_pattern", patterns),
        edited(model, f"blocks.{layer}.hook_attn_out", output) as change,
    ):
        yield change


def head_outputs(
    pattern: Float[Tensor, "recurrence head query key"],
    read: Float[Tensor, "recurrence key d_model"],
    *,
    W_V: Float[Tensor, "head d_model d_head"],
    W_O: Float[Tensor, "head d_head d_model"],
) -> Float[Tensor, "recurrence query head d_model"]:
    """What each head with these weights writes to the residual stream.

    Args:
        pattern: the attention of the heads.
        read: the residual stream after LayerNorm, which the heads read.
    """
    values = einops.einsum(read, W_V, "recurrence key d_model, head d_model d_head -> recurrence key head d_head")
    z = einops.einsum(
        pattern, values, "recurrence head query key, recurrence key head d_head -> recurrence query head d_head"
    )
    return einops.einsum(z, W_O, "recurrence query head d_head, head d_head d_model -> recurrence query head d_model")


@contextmanager
def path_removed(
    model: Model, *, layer: int, letters: str, removed: Float[Tensor, "recurrence position d_model"]
) -> Iterator[Change]:
    """The model in which the queries, keys or values of a layer do not read a part of the residual stream.

    Everything else still reads this part (compare path patching: Wang et al. 2022, "Interpretability in the Wild").

    Args:
        letters: some of the letters q, k and v, e.g. "qk".
        removed: the part, e.g. the output of an earlier layer in the same pass.
    """
    attention = f"blocks.{layer}.attn"
    residual: list[Tensor] = []

    def without(letter: str) -> Callable[[Tensor], Tensor]:
        W = getattr(model.bridge, f"W_{letter.upper()}")[layer]

        def edit(old: Float[Tensor, "recurrence position head d_head"]) -> Tensor:
            left, whole = (
                layer_norm(read, eps=model.config.layer_norm_eps) for read in (residual[0] - removed, residual[0])
            )
            return old + einops.einsum(
                left - whole, W, "recurrence position d_model, head d_model d_head -> recurrence position head d_head"
            )

        return edit

    with ExitStack() as stack:
        stack.enter_context(recalling(model, f"blocks.{layer}.hook_resid_pre", residual))
        changes = [
            stack.enter_context(edited(model, f"{attention}.hook_{letter}", without(letter))) for letter in letters
        ]
        yield Change(parts=changes, combined=max)


@contextmanager
def all_of(*interventions: AbstractContextManager[Change]) -> Iterator[Change]:
    """Several interventions at once. The change is the smallest of theirs, so that it is 0 if one of them does nothing."""
    with ExitStack() as stack:
        changes = [stack.enter_context(intervention) for intervention in interventions]
        yield Change(parts=changes)
