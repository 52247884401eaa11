"""Planted models: transformers whose circuit is known by construction.

Planted models are the positive and the negative controls of the claims. Each role is present, absent or graded. A planted model
has three layers of attention, and MLPs that do nothing. Its residual stream is split into orthogonal subspaces. All of them are
orthogonal to the all-ones vector, so neither LayerNorm nor the centring of weights mixes them:

    embedding   m directions      the terms; layers 0, 1 and 2 read their values here; the unembedding reads it
    second      m directions      layer 0 writes here; only the unembedding reads it
    position    n_ctx directions  one for each position; so long that LayerNorm's scale hardly depends on the terms
    steering    r directions      layer 1 writes here; the queries and keys of layer 2 may read it
    idle        a few directions  nobody writes here; a head that reads it has weights, but they have no effect

Layers 0 and 1 attend by position. Their scores give the wanted key the wanted share of attention at every query. Layer 2 attends to
position 0. At position 0, layer 0 sees only that one term, whatever its pattern is. So what layer 2 subtracts is known exactly,
and the roles of layer 0 do not change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from recint.calibration.head_maps import HeadMaps, head_maps
from recint.calibration.qk_energy import QKEnergy, qk_energy
from recint.calibration.roles import ROLES, SMALL, Array, Heads, Roles, each_head
from recint.calibration.rotations import random_source
from recint.calibration.subspaces import Subspaces, carve
from recint.calibration.term_statistics import term_statistics
from recint.checkpoint import Checkpoint, ModelConfig

# Length of a position. Terms have a length of at most 2, so they change LayerNorm's scale by less than 1 %.
_POSITION = 16.0
_GAP = 30.0  # difference between layer 2's score of position 0 and the others: in float32 no other position gets any weight
# How much layers 1 and 2 write, relative to a term. No statistic depends on this scale.
_STEERING, _CORRECTION = 0.1, 0.05


def plant(
    roles: Roles, *, seed: int = 0, config: ModelConfig = SMALL, heads: Heads = "share", folded: bool = True
) -> Checkpoint:
    """A checkpoint that plays the given roles.

    Args:
        seed: for the subspaces of the residual stream and the planes in which vectors turn.
        heads: with "share", all heads of a layer do the same. With "split", each head of layer 0 carries half of the
            directions, each head of layer 1 reads and writes its own directions, and heads of layer 2 take unequal shares.
        folded: False gives the same function in other tensors: with LayerNorm weights and biases, value biases, and
            weights that are not centred.

    Raises:
        ValueError: the shape has no room for the roles.

    >>> plant(Roles(), seed=1).tensors["embed.W_E"].shape
    torch.Size([8, 64])
    """
    _check_shape(roles, config, heads)
    maps = head_maps(roles, seed=seed, config=config, heads=heads)
    tensors = _tensors(maps, roles, seed=seed, config=config)
    if not folded:
        tensors = _unfolded(tensors, rng=random_source(seed, "unfolded"), config=config)
    return Checkpoint(
        f"planted-{seed}", config, {name: torch.from_numpy(tensors[name]).float() for name in config.shapes}
    )


def _check_shape(roles: Roles, config: ModelConfig, heads: Heads) -> None:
    if heads not in ("share", "split"):
        raise ValueError(f"heads={heads!r} must be share or split")
    for name, expected in (("n_layers", 3), ("order", 1)):
        if getattr(config, name) != expected:
            raise ValueError(f"{name}={getattr(config, name)!r} must be {expected} in a planted model")
    if config.d_vocab < 3:
        raise ValueError(
            f"d_vocab={config.d_vocab!r} must be at least 3: vectors are turned beside the all-ones vector"
        )
    if config.n_ctx < 4:
        raise ValueError(f"n_ctx={config.n_ctx!r} must be at least 4")
    if config.d_head < (needed := max(config.d_vocab, config.n_ctx - 1)):
        raise ValueError(
            f"d_head={config.d_head!r} must be at least {needed}: "
            f"a head moves all d_vocab={config.d_vocab} coordinates and tells n_ctx={config.n_ctx} positions apart"
        )
    for name in ROLES:
        value = getattr(roles, name)
        if isinstance(value, tuple) and len(value) != config.n_heads:
            raise ValueError(f"{name}={value!r} must have one number for each of n_heads={config.n_heads}")


@dataclass(frozen=True)
class _Head:
    """Factors of QK and OV; all of shape (rank, d_model), with a rank of at most d_head."""

    query: Array
    key: Array
    read: Array
    write: Array


def _tensors(maps: HeadMaps, roles: Roles, *, seed: int, config: ModelConfig) -> dict[str, Array]:
    """The tensors, with LayerNorm folded and MLPs zero."""
    energy = qk_energy(roles, maps.ranks, config)
    subspaces = carve(config, steering=max(maps.ranks), idle=energy.width, rng=random_source(seed, "places"))
    terms = term_statistics(config.d_vocab)

    # What LayerNorm divides by before and after layer 0 writes, for terms of typical length.
    early, late = (((_POSITION**2 + terms.energy * (1 + gain**2)) / config.d_model) ** 0.5 for gain in (0.0, maps.gain))
    layers = (
        _layer_0(maps, roles, subspaces, scale=early, config=config),
        _layer_1(maps, roles, subspaces, scale=late, config=config),
        _layer_2(maps, energy, subspaces, scale=late, config=config),
    )
    tensors = {name: np.zeros(shape) for name, shape in config.shapes.items()}
    for name in tensors:
        if name.endswith(".w"):
            tensors[name] += 1
    tensors["embed.W_E"] += subspaces.embedding
    tensors["pos_embed.W_pos"] += _POSITION * subspaces.position
    embedding, second = maps.readout
    tensors["unembed.W_U"] += late * (embedding * subspaces.embedding + second * subspaces.second).T
    for layer, layer_heads in enumerate(layers):
        attention = f"blocks.{layer}.attn"
        for index, head in enumerate(layer_heads):
            for letter, factor in zip("QKV", (head.query, head.key, head.read), strict=True):
                tensors[f"{attention}.W_{letter}"][index, :, : len(factor)] = factor.T
            tensors[f"{attention}.W_O"][index, : len(head.write)] = head.write
    return tensors


def _strengths(wanted: Float[NDArray, query], scale: float, config: ModelConfig) -> Float[NDArray, query]:
    """Factors on (unit position of the query) x (unit position of the key) that give the wanted scores."""
    strengths: Array = wanted * config.d_head**0.5 / (_POSITION / scale) ** 2
    return strengths


def _score(share: Array | float, others: Array | float) -> Array:
    """The score that gives one key this share of the attention, if `others` more keys have score 0."""
    share = np.clip(share, 1e-6, 0.99)
    score: Array = np.log(share * others / (1 - share))
    return score


def _layer_0(
    maps: HeadMaps, roles: Roles, subspaces: Subspaces, *, scale: float, config: ModelConfig
) -> tuple[_Head, ...]:
    queries = np.arange(1.0, config.n_ctx)
    target = maps.along[0] * subspaces.embedding + maps.along[1] * subspaces.second
    return tuple(
        _Head(
            query=_strengths(_score(share, queries), scale, config)[:, None] * subspaces.position[1:],
            key=subspaces.position[:-1],
            read=subspaces.embedding,
            write=maps.gain * scale * moved @ target,
        )
        for share, moved in zip(each_head(roles.previous_token, config.n_heads), maps.layer_0, strict=True)
    )


def _layer_1(
    maps: HeadMaps, roles: Roles, subspaces: Subspaces, *, scale: float, config: ModelConfig
) -> tuple[_Head, ...]:
    queries = np.arange(1.0, config.n_ctx)
    heads = []
    for ratio, (read, write) in zip(each_head(roles.second_position, config.n_heads), maps.layer_1, strict=True):
        strengths = _strengths(_score(ratio / (queries + 1), queries), scale, config)
        heads.append(
            _Head(
                # With the idle part QK is not zero where attention is uniform. Scores of a zero matrix are undefined.
                query=np.stack([strengths @ subspaces.position[1:], subspaces.idle[0]]),
                key=np.stack([subspaces.position[1], subspaces.idle[0]]),
                read=read @ subspaces.embedding,
                write=_STEERING * scale / config.n_heads * write @ subspaces.steering[: len(write)],
            )
        )
    return tuple(heads)


def _layer_2(
    maps: HeadMaps, energy: QKEnergy, subspaces: Subspaces, *, scale: float, config: ModelConfig
) -> tuple[_Head, ...]:
    strengths = _strengths(np.full(config.n_ctx, _GAP), scale, config)
    by_position = strengths @ subspaces.position
    whole = np.linalg.norm(by_position) / energy.positions**0.5
    idle, steering = subspaces.idle[: energy.width], subspaces.steering[: energy.width]
    from_idle, from_steering = whole * energy.block
    query = np.concatenate([by_position[None], idle, steering])
    key = np.concatenate(
        [
            subspaces.position[:1],
            from_idle[0] * idle + from_idle[1] * steering,
            from_steering[0] * idle + from_steering[1] * steering,
        ]
    )
    to = np.concatenate([subspaces.embedding, subspaces.second])
    return tuple(
        _Head(query=query, key=key, read=subspaces.embedding, write=_CORRECTION * scale * moved @ to)
        for moved in maps.layer_2
    )


def _unfolded(tensors: Mapping[str, Array], *, rng: np.random.Generator, config: ModelConfig) -> dict[str, Array]:
    """The same function, with LayerNorm weights and biases, value biases, and weights that write along the all-ones vector."""
    tensors = {name: tensor.copy() for name, tensor in tensors.items()}

    def norm(name: str, readers: Iterable[tuple[str, str]]) -> None:
        weight, bias = rng.uniform(0.5, 2.0, config.d_model), rng.normal(0.0, 0.2, config.d_model)
        tensors[f"{name}.w"], tensors[f"{name}.b"] = weight, bias
        for matrix, offset in readers:
            tensors[matrix] = tensors[matrix] / weight[:, None]
            tensors[offset] = tensors[offset] - bias @ tensors[matrix]

    for layer in range(config.n_layers):
        block = f"blocks.{layer}"
        norm(f"{block}.ln1", [(f"{block}.attn.W_{letter}", f"{block}.attn.b_{letter}") for letter in "QKV"])
        norm(f"{block}.ln2", [(f"{block}.mlp.W_in", f"{block}.mlp.b_in")])
        values = rng.normal(0.0, 0.2, (config.n_heads, config.d_head))
        tensors[f"{block}.attn.b_V"] += values
        tensors[f"{block}.attn.b_O"] -= np.einsum("hd,hdm->m", values, tensors[f"{block}.attn.W_O"])
    norm("ln_final", [("unembed.W_U", "unembed.b_U")])
    for name, tensor in tensors.items():
        if name.endswith((".W_E", ".W_pos", ".W_O", ".b_O")):
            # LayerNorm subtracts the mean, so nothing reads what is written along the all-ones vector.
            tensors[name] = tensor + rng.normal(0.0, 0.1 * tensor.std(), (*tensor.shape[:-1], 1))
    return tensors
