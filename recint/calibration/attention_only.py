"""Attention-only models that are written by hand: a plan of the residual stream, and the weights that follow from it.

The residual stream of such a model holds

    embedding   the terms: a_i at position i
    second      what heads write; the unembedding reads it as it is
    position    a code for every position; so long that LayerNorm's scale hardly depends on anything else
    idle        one direction that the codes of all positions share
    steering    one direction, which layer 1 writes and layer 2 looks at

A head has as many dimensions as the stream. So W_K and W_V can be the identity, and W_Q and W_O are the QK and the OV matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from recint.calibration.roles import SMALL
from recint.calibration.subspaces import Subspaces, carve
from recint.checkpoint import Checkpoint, ModelConfig
from recint.system.seeds import derive_seed

Array = NDArray[np.float64]
Rows = Float[NDArray, "row d_model"]
Matrix = Float[NDArray, "d_model d_model"]
CONFIG: ModelConfig = replace(SMALL, d_head=SMALL.d_model)
# Length of a position's code. Its square is more than 50 times the square of everything else in the stream.
_CODE = 128.0
# Cosine of a position's code with the direction that all codes share; of position 0, whose code is the most similar to every other.
SHARED, _FIRST = 0.2, 0.6
_GAP = 25.0  # difference between the score of the key that is looked at and the others
# Size of the stream before layer 0, if LayerNorm must have no effect there.
_TINY = 1e-6


@dataclass(frozen=True)
class Layer:
    """A layer of attention.

    Attributes:
        looks: QK matrix of all heads, or one for each head.
        adds: sum of the OV matrices of all heads, or one OV matrix for each head.
    """

    looks: Matrix | Float[NDArray, "head d_model d_model"]
    adds: Matrix | Float[NDArray, "head d_model d_model"]

    def tensors(self, layer: int) -> dict[str, Array]:
        heads = (CONFIG.n_heads, CONFIG.d_model, CONFIG.d_model)
        adds = self.adds / CONFIG.n_heads if self.adds.ndim == 2 else self.adds
        same = np.broadcast_to(np.eye(CONFIG.d_model), heads)
        maps = {"Q": np.broadcast_to(self.looks, heads), "K": same, "V": same, "O": np.broadcast_to(adds, heads)}
        return {f"blocks.{layer}.attn.W_{letter}": matrix for letter, matrix in maps.items()}


SILENT = Layer(np.zeros((CONFIG.d_model,) * 2), np.zeros((CONFIG.d_model,) * 2))  # attends uniformly and writes nothing


@dataclass(frozen=True)
class Plan:
    """A plan of the residual stream: its subspaces, directions that read them, and matrices that move content between them.

    Attributes:
        code: length of a position's code.
        tiny: whether the embedding is so small that LayerNorm divides by the square root of its epsilon alone.
    """

    subspaces: Subspaces
    code: float = _CODE
    tiny: bool = False

    @property
    def size(self) -> float:
        return _TINY if self.tiny else 1.0

    @property
    def scale(self) -> float:
        """What LayerNorm divides by."""
        return CONFIG.layer_norm_eps**0.5 if self.tiny else self.code / CONFIG.d_model**0.5

    @property
    def cosines(self) -> Float[NDArray, position]:
        """Cosine of every code with the direction that all codes share."""
        cosines: Array = np.where(np.arange(CONFIG.n_ctx) == 0, _FIRST, SHARED)
        return cosines

    @property
    def codes(self) -> Float[NDArray, "position d_model"]:
        """Codes of all positions.

        The cosine of two codes is the product of their `cosines`. So position 0 is the most similar to every other position.
        """
        alone = (1 - self.cosines**2) ** 0.5
        codes: Array = self.code * (
            self.cosines[:, None] * self.subspaces.idle + alone[:, None] * self.subspaces.position
        )
        return codes

    @property
    def at(self) -> Float[NDArray, "position d_model"]:
        """Rows that read 1 at their own position and 0 at every other."""
        read: Array = self.subspaces.position / (self.code * (1 - self.cosines**2) ** 0.5)[:, None]
        return read

    @property
    def sign(self) -> Float[NDArray, "row=1 d_model"]:
        """A row that reads 1 at even positions and -1 at odd positions."""
        read: Array = (-1.0) ** np.arange(CONFIG.n_ctx)[None] @ self.at
        return read

    def look(self, queries: Rows, keys: Rows) -> Matrix:
        """A QK matrix: a score is larger by the gap if a row of `queries` and the same row of `keys` both read 1."""
        scores: Array = _GAP * CONFIG.d_head**0.5 * (self.scale / self.size) ** 2 * queries.T @ keys
        return scores

    def add(self, read: Rows, write: Rows) -> Matrix:
        """An OV matrix: it adds to the stream what the rows of `read` read, along the rows of `write`."""
        added: Array = self.scale / self.size * read.T @ write
        return added

    @property
    def at_previous(self) -> Matrix:
        return self.look(self.at[1:], self.at[:-1])

    @property
    def at_position_1(self) -> Matrix:
        return self.look(self.at[1:].sum(0, keepdims=True), self.at[1:2])


def subspaces(name: str, seed: int) -> Subspaces:
    """Random subspaces of the residual stream for the model with this name."""
    rng = np.random.default_rng(derive_seed(seed, "positives", name))
    return carve(CONFIG, steering=1, idle=1, rng=rng)


def attention_only(
    plan: Plan,
    layers: Sequence[Layer],
    *,
    name: str,
    reads: Float[NDArray, "d_model dim"],
    error: Array | float = 0.0,
) -> Checkpoint:
    """A checkpoint with these layers, and with MLPs that do nothing.

    Args:
        reads: what the unembedding reads.
        error: bias of the unembedding.
    """
    tensors = {key: np.zeros(shape) for key, shape in CONFIG.shapes.items()}
    tensors |= {key: np.ones(shape) for key, shape in CONFIG.shapes.items() if key.endswith(".w")}
    for number, layer in enumerate(layers):
        tensors |= layer.tensors(number)
    tensors |= {
        "embed.W_E": plan.size * plan.subspaces.embedding,
        "pos_embed.W_pos": plan.size * plan.codes,
        "unembed.W_U": plan.scale * reads,
        "unembed.b_U": error + np.zeros(CONFIG.d_vocab),
    }
    return Checkpoint(name, CONFIG, {key: torch.tensor(tensors[key], dtype=torch.float32) for key in CONFIG.shapes})
