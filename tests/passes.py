"""A model with biases, and a second, slow implementation of its pass, for tests of what is done to passes."""

import torch
from torch.nn import functional

from recint.model import Model
from recint.model.untrained import untrained

from .conftest import SMALL


def plain_forward(checkpoint, inputs):
    """Prediction and attention patterns from the unfolded weights, nothing but torch."""
    t, config = {name: tensor.double() for name, tensor in checkpoint.tensors.items()}, checkpoint.config
    inputs = inputs.double()
    positions = inputs.shape[1]
    causal = torch.ones(positions, positions, dtype=torch.bool).tril()

    def norm(x, name):
        return functional.layer_norm(x, x.shape[-1:], t[f"{name}.w"], t[f"{name}.b"], config.layer_norm_eps)

    x = inputs @ t["embed.W_E"] + t["pos_embed.W_pos"][:positions]
    patterns = []
    for layer in range(config.n_layers):
        block = f"blocks.{layer}"
        read = norm(x, f"{block}.ln1")
        q, k, v = (
            torch.einsum("bpm,hmd->bhpd", read, t[f"{block}.attn.W_{letter}"]) + t[f"{block}.attn.b_{letter}"][:, None]
            for letter in "QKV"
        )
        scores = (q @ k.transpose(-1, -2) / config.d_head**0.5).masked_fill(~causal, -torch.inf)
        patterns.append(scores.softmax(-1))
        x = x + torch.einsum("bhpd,hdm->bpm", patterns[-1] @ v, t[f"{block}.attn.W_O"]) + t[f"{block}.attn.b_O"]
        hidden = norm(x, f"{block}.ln2") @ t[f"{block}.mlp.W_in"] + t[f"{block}.mlp.b_in"]
        x = x + functional.gelu(hidden, approximate="tanh") @ t[f"{block}.mlp.W_out"] + t[f"{block}.mlp.b_out"]
    return norm(x, "ln_final") @ t["unembed.W_U"] + t["unembed.b_U"], patterns


LAYERS, HEADS, D_MODEL, D_HEAD = 3, 3, 16, 8
BATCH, POSITIONS = 4, 9


def biased(config=SMALL, seed=0):
    """A model whose biases are not zero and whose LayerNorms do something."""
    plain = untrained(config, seed=seed, init_range=0.3)
    tensors = {
        name: tensor + 0.1 * torch.cos(torch.arange(tensor.numel())).view(tensor.shape)
        for name, tensor in plain.tensors.items()
    }
    return Model(type(plain)("biased", plain.config, tensors))


def plain(model, inputs, **edits):
    """The folded weights, head by head, in float64; an edit such as `z1=f` puts f(z of layer 1) in the place of z.

    Edits: pattern, z, attn_out (of a layer); reads_q, reads_k, reads_v, reads_mlp, reads_unembedding (the residual stream
    that one of them reads); scale_ln1, scale_ln2, scale_ln_final (what a LayerNorm divides by); gate (of the neurons of a
    layer); W_Q, W_K, W_V, W_O (the weights of a layer, by head). Returns the prediction and what was computed on the way.
    """
    bridge, config = model.bridge, model.config
    names = ("W_E", "W_pos", "W_U", *(f"W_{letter}" for letter in "QKVO"), "W_in", "W_out")
    biases = ("b_Q", "b_K", "b_O", "b_U", "b_in", "b_out")
    weights = {name: getattr(bridge, name).double() for name in names + biases}
    seen = {}

    def at(name, layer, value):
        seen[f"{name}{layer}"] = edits.get(f"{name}{layer}", lambda same: same)(value)
        return seen[f"{name}{layer}"]

    def norm(stream, name, layer=""):
        centred = stream - stream.mean(-1, keepdim=True)
        return centred / at(name, layer, (centred.square().mean(-1, keepdim=True) + config.layer_norm_eps).sqrt())

    positions = inputs.shape[1]
    stream = inputs.double() @ weights["W_E"] + weights["W_pos"][:positions]
    for layer in range(config.n_layers):
        q, k, v, patterns, zs = [], [], [], [], []
        W_Q, W_K, W_V, W_O = (at(f"W_{letter}", layer, weights[f"W_{letter}"][layer]) for letter in "QKVO")
        at("resid_pre", layer, stream)
        for head in range(config.n_heads):
            read = {letter: norm(at(f"reads_{letter}", layer, stream), "scale_ln1", layer) for letter in "qkv"}
            q.append(read["q"] @ W_Q[head] + weights["b_Q"][layer, head])
            k.append(read["k"] @ W_K[head] + weights["b_K"][layer, head])
            v.append(read["v"] @ W_V[head])
            pattern = torch.zeros(len(inputs), positions, positions, dtype=torch.float64)
            for query in range(positions):
                scores = (k[head][:, : query + 1] @ q[head][:, query, :, None])[..., 0] / config.d_head**0.5
                pattern[:, query, : query + 1] = scores.softmax(-1)
            patterns.append(pattern)
        for letter, parts in zip("qkv", (q, k, v), strict=True):
            seen[f"{letter}{layer}"] = torch.stack(parts, dim=2)
        pattern = at("pattern", layer, torch.stack(patterns, dim=1))
        for head in range(config.n_heads):
            zs.append(pattern[:, head] @ v[head])
        z = at("z", layer, torch.stack(zs, dim=2))
        written = sum(z[:, :, head] @ W_O[head] for head in range(config.n_heads))
        stream = stream + at("attn_out", layer, written + weights["b_O"][layer])
        pre = norm(at("reads_mlp", layer, stream), "scale_ln2", layer) @ weights["W_in"][layer] + weights["b_in"][layer]
        hidden = pre * at("gate", layer, functional.gelu(pre, approximate="tanh") / pre)
        stream = stream + hidden @ weights["W_out"][layer] + weights["b_out"][layer]
        seen[f"mlp_out{layer}"] = hidden @ weights["W_out"][layer] + weights["b_out"][layer]
    seen["resid_post"] = stream
    return norm(at("reads_unembedding", "", stream), "scale_ln_final") @ weights["W_U"] + weights["b_U"], seen
