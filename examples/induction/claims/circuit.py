"""What the claims measure: attention along a repeated block, losses, ablations, and the circuits in the weights.

Which heads a claim is about is found on sequences of its own (`CHOSEN_ON`), and never on those that the claim is judged on.
"""

from __future__ import annotations

from math import log

import numpy as np
import torch
from einops import einsum, rearrange, reduce
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from recint.bridged import Bridged
from recint.judging.finite import finite
from recint.statistics.weights import composition_chance, eigenvalue_score, input_matrices, pair_scores
from recint.system.seeds import derive_seed

from .sequences import VOCABULARY, Condition, Sequences

CHOSEN_ON = Condition(batch=256, seed=derive_seed(0, "heads"))
GUESSING = log(VOCABULARY)  # the loss of a model that knows nothing, in nats
PATTERN, Z, RESIDUAL = "attn.hook_pattern", "attn.hook_z", "hook_resid_post"
# A head of layer 1 counts as an induction head if it attends at least half as much to the token after the last occurrence as the
# strongest one.
HALF = 0.5
COUNTS = (("share of the strongest head's attention from which a head is an induction head", HALF),)


# --- Attention --------------------------------------------------------------------------------------------------------


@finite
def mean_where(values: Float[Tensor, "draw *rest position"], where: Bool[Tensor, "draw position"]) -> Tensor:
    """The mean of each draw over the positions where `where` is true.

    >>> mean_where(torch.tensor([[1.0, 2.0, 6.0]]), torch.tensor([[False, True, True]]))
    tensor([4.])
    """
    chosen = where.to(values.dtype).reshape(len(where), *[1] * (values.ndim - 2), -1)
    return (values * chosen).sum(-1) / chosen.sum(-1)


def at_keys(
    pattern: Float[Tensor, "draw head query key"], keys: Int[Tensor, "draw query"]
) -> Float[Tensor, "draw head query"]:
    """The attention of each query to the key that is named for it."""
    named = keys[:, None, :, None].expand(-1, pattern.shape[1], -1, 1)
    return pattern.gather(-1, named)[..., 0]


def attention_to_previous(model: Bridged, at: object) -> Float[Tensor, "draw head"]:
    """Attention of each head of layer 0 to the token before, mean over all queries but the first."""
    pattern = model.intact(at)[f"blocks.0.{PATTERN}"]
    return pattern.diagonal(-1, -2, -1).mean(-1)


def attention_after_last(pattern: Float[Tensor, "draw head query key"], draws: Sequences) -> Float[Tensor, "draw head"]:
    """Attention to the token after the last occurrence of the present one, mean over the repeated part."""
    return mean_where(at_keys(pattern, draws.after_last), draws.repeated)


def attention_after_any(pattern: Float[Tensor, "draw head query key"], draws: Sequences) -> Float[Tensor, "draw head"]:
    """Attention to the tokens after all earlier occurrences of the present one, summed; mean over the repeated part."""
    before = draws.inputs.roll(1, -1)
    before[:, 0] = -1  # no token comes before the first
    follows = draws.inputs[:, :, None] == before[:, None, :]  # draw query key
    return mean_where(
        reduce(pattern * follows[:, None], "draw head query key -> draw head query", "sum"), draws.repeated
    )


# --- Heads ------------------------------------------------------------------------------------------------------------


def previous_token_head(model: Bridged) -> int:
    """The head of layer 0 that attends most to the token before."""
    return model.once("previous-token head", lambda: int(attention_to_previous(model, CHOSEN_ON).mean(0).argmax()))


def induction_heads(model: Bridged) -> tuple[int, ...]:
    """The heads of layer 1 that attend to the token after the last occurrence, the strongest first; see HALF."""

    def found() -> tuple[int, ...]:
        intact = model.intact(CHOSEN_ON)
        scores = attention_after_last(intact[f"blocks.1.{PATTERN}"], intact.draws).mean(0)
        order = scores.argsort(descending=True).tolist()
        return tuple(head for head in order if scores[head] >= HALF * scores[order[0]])

    return model.once("induction heads", found)


# --- Losses and ablations ---------------------------------------------------------------------------------------------


def losses(logits: Float[Tensor, "draw position token"], draws: Sequences) -> Float[Tensor, "draw position"]:
    """The loss at each position, in nats; 0 at the last position, which has no next token."""
    rows = rearrange(logits[:, :-1], "draw position token -> draw token position")
    lost = torch.nn.functional.cross_entropy(rows, draws.inputs[:, 1:], reduction="none")
    return torch.nn.functional.pad(lost, (0, 1))


def share_right(model: Bridged, at: object) -> Float[Tensor, draw]:
    """The share of the repeated tokens that the model predicts before all others."""
    intact = model.intact(at)
    right = intact.logits[:, :-1].argmax(-1) == intact.draws.inputs[:, 1:]
    return mean_where(torch.nn.functional.pad(right, (0, 1)).float(), intact.draws.repeated)


def without(
    model: Bridged, at: object, *, layer: int, heads: tuple[int, ...], keep: str = ""
) -> tuple[Tensor, Tensor, float]:
    """A pass in which the outputs of some heads are replaced by their means over CHOSEN_ON, at each position.

    Returns:
        The logits, the activation of the hook `keep` (the logits again, if it is empty), and the largest change of an output.
    """
    hook = f"blocks.{layer}.{Z}"
    means = model.once(("mean", hook), lambda: model.intact(CHOSEN_ON)[hook].mean(0))
    intact = model.intact(at)
    changed = (intact[hook] - means)[..., heads, :].abs().max().item()

    def ablated(z: Float[Tensor, "draw position head d_head"]) -> Float[Tensor, "draw position head d_head"]:
        z = z.clone()
        z[..., heads, :] = means[..., heads, :]
        return z

    run = model.run(intact.draws.inputs, keep=[keep] if keep else [], edits={hook: ablated})
    return run.logits, run.activations[keep] if keep else run.logits, changed


def margins_of(model: Bridged, at: object, heads: tuple[int, ...]) -> Float[Tensor, "draw two"]:
    """How far the true next token's logit lies above the mean logit: what heads of layer 1 write directly, and the whole model.

    Both are means over the repeated part.
    """
    intact, bridge = model.intact(at), model.bridge
    residual = intact[f"blocks.1.{RESIDUAL}"]
    scale = (residual.var(-1, correction=0) + bridge.cfg.eps).sqrt()
    written = einsum(
        intact[f"blocks.1.{Z}"][..., heads, :],
        bridge.W_O[1, list(heads)],
        "draw position head d_head, head d_head d_model -> draw position d_model",
    )
    centred = written - written.mean(-1, keepdim=True)
    logits = centred / scale[..., None] * bridge.ln_final.weight @ bridge.W_U
    targets = torch.nn.functional.pad(intact.draws.inputs[:, 1:], (0, 1))[..., None]
    both = [each.gather(-1, targets)[..., 0] - each.mean(-1) for each in (logits, intact.logits)]
    return torch.stack([mean_where(margin, intact.draws.repeated) for margin in both], -1)


# --- Weights ----------------------------------------------------------------------------------------------------------


def _centring(model: Bridged) -> Tensor:
    size = model.config.d_model
    return torch.eye(size, device=model.device) - 1 / size


def _read(model: Bridged, layer: int, letter: str) -> Float[Tensor, "head d_model d_head"]:
    """W_Q, W_K or W_V of a layer, with the centring and the weights of the LayerNorm before it."""
    through = _centring(model) * model.bridge.blocks[layer].ln1.weight[None, :]
    return through @ getattr(model.bridge, f"W_{letter}")[layer]


def _numpy(matrix: Tensor) -> NDArray:
    return matrix.detach().cpu().double().numpy()


def ov(model: Bridged, layer: int) -> Float[NDArray, "head d_model d_model"]:
    """The OV matrices of a layer. Vectors are rows."""
    return _numpy(_read(model, layer, "V") @ model.bridge.W_O[layer])


def qk(model: Bridged, layer: int) -> Float[NDArray, "head d_model d_model"]:
    """The QK matrices of a layer: queries from the left, keys from the right."""
    return _numpy(
        _read(model, layer, "Q") @ rearrange(_read(model, layer, "K"), "head d_model d_head -> head d_head d_model")
    )


def copying_scores(model: Bridged) -> Float[NDArray, head]:
    """The eigenvalue score of each head of layer 1, from the token that it attends to, to the logits that it writes."""
    bridge = model.bridge
    out = _numpy(_centring(model) * bridge.ln_final.weight[None, :] @ bridge.W_U)
    return eigenvalue_score(_numpy(bridge.W_E) @ ov(model, 1) @ out)


def key_composition(model: Bridged) -> tuple[Float[NDArray, "head other"], Float[NDArray, "head other"]]:
    """K-composition of each head of layer 0 with each head of layer 1, and that of random heads with the same singular values."""
    written, reader = ov(model, 0), input_matrices(ov(model, 1), qk(model, 1), "k")
    rng = np.random.default_rng(derive_seed(0, "composition"))
    return pair_scores(written, reader), composition_chance(written, reader, rng=rng)
