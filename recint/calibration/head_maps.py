"""The maps of all heads of a planted model: from a term that a head reads to what the head writes.

These maps do not yet have a place in the residual stream; `planted` gives them one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import optimize

from recint.calibration.composition import expected_composition, squared_singular_values
from recint.calibration.roles import Array, Heads, Roles, each_head
from recint.calibration.rotations import half_projections, orthonormal, random_source, rotation, rotation_cosine
from recint.calibration.term_statistics import COPIED, term_statistics
from recint.checkpoint import ModelConfig
from recint.statistics.weights import effective_rank

# Factor of layer 0 on the all-ones vector of R^m. With 1, 38 of 40 directions would have exactly 95 % of the energy.
_MEAN_GAIN = 0.8


@dataclass(frozen=True)
class HeadMaps:
    """Maps of all heads, without the scale of LayerNorm.

    Attributes:
        along: unit vector (embedding, second) along which layer 0 writes.
        gain: how much layer 0 writes, relative to a term.
        readout: factors with which the unembedding reads (embedding, second).
        layer_0: maps of the heads from term to term. Their sum has a norm of about 1.
        layer_1: for each head, the directions that it reads (orthonormal rows), and the steering direction that it writes for each.
        layer_2: maps of the heads to (embedding, second).
    """

    along: tuple[float, float]
    gain: float
    readout: tuple[float, float]
    layer_0: Float[NDArray, "head dim dim"]
    layer_1: tuple[tuple[Float[NDArray, "rank dim"], Float[NDArray, "rank rank"]], ...]
    layer_2: Float[NDArray, "head dim place_dim"]

    @property
    def ranks(self) -> list[int]:
        return [len(read) for read, _ in self.layer_1]


def head_maps(roles: Roles, *, seed: int, config: ModelConfig, heads: Heads) -> HeadMaps:
    """The maps that play these roles.

    Solves for the share of layer 0's output that later layers read as values.

    Raises:
        ValueError: the shape has no room for a role.
    """

    def v_ratio(share: float) -> float:
        return _v_composition(_maps(roles, share, seed=seed, config=config, heads=heads), config.d_model)

    if roles.v_composition == 0:
        share = 0.0
    elif (highest := v_ratio(1.0)) < roles.v_composition:
        raise ValueError(
            f"v_composition={roles.v_composition!r} must be at most {highest:.3g} "
            f"at d_model={config.d_model!r}, d_vocab={config.d_vocab!r}"
        )
    else:
        share = optimize.brentq(lambda share: v_ratio(share) - roles.v_composition, 0.0, 1.0, xtol=1e-6)
    return _maps(roles, share, seed=seed, config=config, heads=heads)


def _maps(roles: Roles, share: float, *, seed: int, config: ModelConfig, heads: Heads) -> HeadMaps:
    """All maps, if layer 0 writes the given share of its energy into the embedding."""
    dim, n_heads = config.d_vocab, config.n_heads
    terms = term_statistics(dim)
    # Regression removes the mean. So layer 0 turns vectors orthogonal to the all-ones vector, which is the last row.
    basis = orthonormal(dim, rng=random_source(seed, "planes"))[::-1]
    line = rotation_cosine(roles.ov_line, dim=dim - 1, power=2)
    moved = rotation(basis[:-1], line, rest=line) + _MEAN_GAIN * basis[-1:].T @ basis[-1:]
    parts = half_projections(basis, n_heads=n_heads) if heads == "split" else np.eye(dim)[None] / n_heads
    layer_0 = np.broadcast_to(parts @ moved, (n_heads, dim, dim))

    readout = (COPIED, 2 * terms.before)
    along = (share**0.5, (1 - share) ** 0.5)
    # Large enough for the unembedding to read `before` times the previous term, and too small to change LayerNorm's scale.
    gain = min(terms.before / abs(np.dot(readout, along)), 1.0)

    # Maps from the term at position 0 to what layer 2 reads there, and to what the unembedding would read there.
    content = np.eye(dim) + gain * along[0] * moved
    visible = readout[0] * content + readout[1] * gain * along[1] * moved
    layer_2 = np.stack(
        [
            _correction(basis, np.linalg.solve(content, visible), score=score, cosine=cosine, readout=readout)
            for score, cosine in zip(
                each_head(roles.negative_copying, n_heads), each_head(roles.subtracts, n_heads), strict=True
            )
        ]
    )
    amounts = random_source(seed, "shares").uniform(0.5, 1.5, n_heads) if heads == "split" else np.ones(n_heads)
    layer_2 = layer_2 * (amounts / amounts.sum())[:, None, None]
    return HeadMaps(
        along=along,
        gain=gain,
        readout=readout,
        layer_0=layer_0,
        layer_1=_steering(roles, np.concatenate([layer_0, layer_2], axis=-1), seed=seed, heads=heads),
        layer_2=layer_2,
    )


def _correction(
    basis: Float[NDArray, "dim dim"],
    visible: Float[NDArray, "dim dim"],
    *,
    score: float,
    cosine: float,
    readout: tuple[float, float],
) -> Float[NDArray, "dim place_dim"]:
    """A head of layer 2: a map to (embedding, second) with this eigenvalue score and this cosine with what is visible.

    The eigenvalues depend only on the part that writes into the embedding, where the head reads. The part that writes into the
    second subspace is chosen so that the unembedding reads the visible vector, turned by the wanted angle.
    """
    dim = len(basis)
    copied = rotation(basis, score, rest=0.0)
    turn = rotation_cosine(cosine, dim=dim, power=1)
    seen = visible @ rotation(basis, turn, rest=turn)
    return np.concatenate([copied, (seen - readout[0] * copied) / readout[1]], axis=1)


def _steering(
    roles: Roles, others: Float[NDArray, "head dim columns"], *, seed: int, heads: Heads
) -> tuple[tuple[Array, Array], ...]:
    """The heads of layer 1. Their ranks are relative to those of layers 0 and 2, whose maps are joined in `others`."""
    n_heads, dim, _ = others.shape
    mean = (effective_rank(others[:, :, :dim]) + effective_rank(others[:, :, dim:])).mean() / 2
    total = round(n_heads * mean * (1 - roles.low_rank))
    ranks = [_flat_rank(total // n_heads + (head < total % n_heads)) for head in range(n_heads)]
    if not 1 <= min(ranks) <= max(ranks) <= dim:
        raise ValueError(
            f"low_rank={roles.low_rank!r} must be so that layer 1 has rank 1 to d_vocab={dim!r}, "
            f"but other layers have rank {mean:g}"
        )
    return tuple(
        (
            orthonormal(dim, rng=random_source(seed, "reads", head if heads == "split" else 0))[:rank],
            orthonormal(rank, rng=random_source(seed, "writes", head)) if heads == "split" else np.eye(rank),
        )
        for head, rank in enumerate(ranks)
    )


def _flat_rank(wanted: int) -> int:
    """How many equal singular values have effective rank `wanted`, at 95 % of the energy.

    Multiples of 20 are left out. A whole number of their values has exactly 95 % of the energy, so rounding would decide.
    """
    return next((count for count in range(wanted, 2 * wanted) if count % 20 and -(-count * 19 // 20) == wanted), wanted)


def _v_composition(maps: HeadMaps, d_model: int) -> float:
    """The larger mean V-composition of layer 0 with layers 1 and 2, divided by chance.

    Layer 1 with layer 2 is zero: no values are read where layer 1 writes.
    """
    written = maps.along[0] * maps.layer_0
    ratios = []
    for later in ([read.T for read, _ in maps.layer_1], list(maps.layer_2)):
        scores = [
            [np.linalg.norm(out @ into) / np.linalg.norm(whole) / np.linalg.norm(into) for into in later]
            for out, whole in zip(written, maps.layer_0, strict=True)
        ]
        levels = [
            [
                expected_composition(squared_singular_values(out), squared_singular_values(into), d_model)
                for into in later
            ]
            for out in maps.layer_0
        ]
        ratios.append(np.mean(scores) / np.mean(levels))
    return float(max(ratios))
