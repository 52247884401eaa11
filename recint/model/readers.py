"""A part of the residual stream, hidden from chosen readers: queries, keys, values, MLPs and the unembedding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial

from jaxtyping import Float
from torch import Tensor

from recint.checkpoint import ModelConfig
from recint.model.intact import Intact
from recint.model.interventions import Change, all_of, edited, path_removed
from recint.model.transformer import Model

UNEMBEDDING = "unembedding"


def readers_after_layer_0_attention(config: ModelConfig) -> tuple[str, ...]:
    """All that reads the residual stream after layer 0's attention; ten readers in a model of three layers.

    >>> readers_after_layer_0_attention(ModelConfig(n_layers=2))
    ('0.mlp', '1.q', '1.k', '1.v', '1.mlp', 'unembedding')
    """
    later = [f"{layer}.{part}" for layer in range(1, config.n_layers) for part in ("q", "k", "v", "mlp")]
    return ("0.mlp", *later, UNEMBEDDING)


def hidden_later(model: Model, intact: Intact, hook: str) -> AbstractContextManager[Change]:
    """The model in which nothing after layer 0's attention reads how an activation differs from its mean at each position.

    Args:
        intact: the pass of the unchanged model over the recurrences that are going to be predicted.
        hook: of the activation; it is a part of the residual stream.
    """
    part = intact[hook]
    differs = part - model.reference_mean(hook)[: part.shape[1]]
    return hidden(model, removed=differs, readers=readers_after_layer_0_attention(model.config))


def hidden(
    model: Model, *, removed: Float[Tensor, "recurrence position d_model"], readers: Sequence[str]
) -> AbstractContextManager[Change]:
    """The model in which these readers do not read a part of the residual stream. All others still read it.

    Each reader reads LayerNorm of the stream without this part. The change is that of the reader that changes least.

    Args:
        removed: the part; an activation minus its mean hides only what differs from the mean.
        readers: names such as "1.q", "0.mlp" and "unembedding".

    Raises:
        ValueError: there is no reader of such a name.
    """
    letters: dict[int, str] = defaultdict(str)
    changes: list[AbstractContextManager[Change]] = []
    for reader in readers:
        layer, _, part = reader.partition(".")
        if part in ("q", "k", "v"):
            letters[int(layer)] += part
        elif part == "mlp" or reader == UNEMBEDDING:
            norm = "ln_final" if reader == UNEMBEDDING else f"blocks.{layer}.ln2"
            changes.append(edited(model, f"{norm}.hook_in", partial(_without, removed)))
        else:
            raise ValueError(
                f"reader={reader!r} must be {UNEMBEDDING!r}, or a layer and one of q, k, v and mlp, like '1.q'"
            )
    changes += [path_removed(model, layer=layer, letters=which, removed=removed) for layer, which in letters.items()]
    return all_of(*changes)


def _without(removed: Tensor, residual: Tensor) -> Tensor:
    return residual - removed
