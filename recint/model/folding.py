"""Folded weights: other weights that compute the same function. Claims about weights speak of these.

In folded weights every LayerNorm weight is 1, and every LayerNorm bias and value bias is 0. TransformerLens can fold too, but
where d_mlp or d_vocab equals d_model its result silently computes another function. So recint folds by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import einops
import torch
from torch import Tensor

from recint.checkpoint import ModelConfig

_WRITING = (".W_E", ".W_pos", ".W_O", ".b_O", ".W_out", ".b_out")


def fold(tensors: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Fold the weights of a model of any shape, in float64.

    - LayerNorm weights and biases go into the weights that read its output.
    - Value biases go into the output biases.
    - Weights that read or write lose their part along the all-ones vector, which has no effect: LayerNorm removes it.
    - The outputs of the unembedding are not centred: they are predicted values, and centring would change them.

    Args:
        tensors: names and shapes as in `config.shapes`.

    Returns:
        The same names and shapes, in float64.
    """
    folded = {name: tensor.double() for name, tensor in tensors.items()}

    def fold_norm(norm: str, *readers: tuple[str, str]) -> None:
        weight, bias = folded[f"{norm}.w"], folded[f"{norm}.b"]
        for matrix, offset in readers:  # (..., d_model, read) and (..., read)
            folded[offset] = folded[offset] + bias @ folded[matrix]
            scaled = weight[:, None] * folded[matrix]
            folded[matrix] = scaled - scaled.mean(-2, keepdim=True)
        folded[f"{norm}.w"], folded[f"{norm}.b"] = torch.ones_like(weight), torch.zeros_like(bias)

    for layer in range(config.n_layers):
        block = f"blocks.{layer}"
        fold_norm(f"{block}.ln1", *((f"{block}.attn.W_{letter}", f"{block}.attn.b_{letter}") for letter in "QKV"))
        fold_norm(f"{block}.ln2", (f"{block}.mlp.W_in", f"{block}.mlp.b_in"))
        # Attention sums to 1, so a head adds its value bias as it is.
        values, W_O = folded[f"{block}.attn.b_V"], folded[f"{block}.attn.W_O"]
        added = einops.einsum(values, W_O, "head d_head, head d_head d_model -> d_model")
        folded[f"{block}.attn.b_O"] = folded[f"{block}.attn.b_O"] + added
        folded[f"{block}.attn.b_V"] = torch.zeros_like(values)
    fold_norm("ln_final", ("unembed.W_U", "unembed.b_U"))
    for name, tensor in folded.items():
        if name.endswith(_WRITING):
            folded[name] = tensor - tensor.mean(-1, keepdim=True)
    return folded
