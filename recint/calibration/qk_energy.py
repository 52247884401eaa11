"""How much of the energy of layer 2's QK matrix reads positions, and how much reads what layer 1 writes.

The energy of a matrix is the sum of its squared singular values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import optimize

from recint.calibration.composition import expected_composition, squared_singular_values
from recint.calibration.roles import Array, Roles
from recint.checkpoint import ModelConfig


@dataclass(frozen=True)
class QKEnergy:
    """Shares of the energy of layer 2's QK matrix. Energy that does not read steering directions reads positions.

    Attributes:
        keys, queries: shares of the energy whose keys, or queries, read steering directions.
        both: amplitude of the part in which keys and queries both read steering directions. Its square is a part of both
            shares. If it is positive, equal directions attract each other.
        width: number of steering directions that are read.
    """

    keys: float
    queries: float
    both: float
    width: int

    @property
    def positions(self) -> float:
        return 1 - self.keys - self.queries + self.both**2

    @property
    def block(self) -> Float[NDArray, "query=2 key=2"]:
        """The QK matrix over (idle, steering) for each direction that is read; the norm of the whole QK matrix is 1."""
        alone = (self.queries - self.both**2) ** 0.5, (self.keys - self.both**2) ** 0.5
        block: Array = np.array([[0.0, alone[1]], [alone[0], self.both]]) / self.width**0.5
        return block

    def similarity(self, n_ctx: int) -> float:
        """The eigenvalue score of the QK matrix, in which queries at all n_ctx positions look for the same one position."""
        values = np.append(self.width * np.linalg.eigvals(self.block), (self.positions / n_ctx) ** 0.5)
        return float(values.sum().real / np.abs(values).sum())


def qk_energy(roles: Roles, ranks: Sequence[int], config: ModelConfig) -> QKEnergy:
    """The energy shares that give K- and Q-composition their ratio to chance, and QK its eigenvalue score.

    A head of layer 1 writes r directions evenly. So a share f of QK's energy in these directions gives the score sqrt(f / r).
    The level of chance depends a little on the shares, so the solution is iterated.

    Args:
        ranks: of the heads of layer 1.

    Raises:
        ValueError: no shares give these scores.
    """
    width = min(4, min(ranks), (config.d_head - 1) // 2)
    per_share = np.mean(np.array(ranks, dtype=np.float64) ** -0.5)
    level = config.d_model**-0.5
    for _ in range(20):
        shares = {name: (getattr(roles, name) * level / per_share) ** 2 for name in ("k_composition", "q_composition")}
        for name, share in shares.items():
            if not share <= 0.95:
                raise ValueError(
                    f"{name}={getattr(roles, name)!r} must be at most {0.95**0.5 * per_share / level:.3g} "
                    f"at d_model={config.d_model!r} and rank {np.mean(ranks):g} of layer 1"
                )
        reading = _answering(roles.qk_similarity, *shares.values(), width=width, n_ctx=config.n_ctx)
        spectrum = np.append(np.tile(squared_singular_values(reading.block), width), reading.positions)
        level = float(np.mean([expected_composition(np.ones(rank), spectrum, config.d_model) for rank in ranks]))
    return reading


def _answering(similarity: float, keys: float, queries: float, *, width: int, n_ctx: int) -> QKEnergy:
    """The energy with these shares and this eigenvalue score. The score rises with `both`."""

    def reading(both: float) -> QKEnergy:
        return QKEnergy(keys, queries, both, width)

    most = min(keys, queries) ** 0.5
    least = -most
    if (spare := keys + queries - 0.95) > 0:  # at least 5 % are left for positions
        least = spare**0.5
    lowest, highest = (reading(both).similarity(n_ctx) for both in (least, most))
    if not lowest <= similarity <= highest:
        raise ValueError(
            f"qk_similarity={similarity!r} must lie between {lowest:.3g} and {highest:.3g} "
            f"where layer 2's keys and queries read {keys:.2g} and {queries:.2g} from layer 1"
        )
    return reading(optimize.brentq(lambda both: reading(both).similarity(n_ctx) - similarity, least, most))
