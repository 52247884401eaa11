"""Folded weights: the same function with LayerNorm weights 1 and LayerNorm and value biases 0: what claims call weights.

TransformerLens folds too, but silently another function where d_mlp or d_vocab equals d_model; so it is done here.
"""

from __future__ import annotations

from collections.abc import Mapping

import einops
import torch
from torch import Tensor

from recint.checkpoint import ModelConfig

_WRITING = (".W_E", ".W_pos", ".W_O", ".b_O", ".W_out", ".b_out")


def fold(tensors: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Fold LayerNorm into the weights that read, value biases into output biases, and centre what writes; in float64.

    What LayerNorm did is done by the weights that read; what reads or writes along the all-ones vector, to no effect, is taken
    out. The unembedding's outputs are not centred: they are a regression. Of any shape.
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
