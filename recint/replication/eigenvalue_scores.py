"""Numbers of the notebook about eigenvalue scores, and about the stand-ins that it derived from them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial

import numpy as np

from recint.model.interventions import attention_replaced, qk_replaced, uniform_pattern
from recint.model.stand_ins import STAND_INS, qk_identity
from recint.recurrence import REFERENCE
from recint.replication.data import Data
from recint.replication.ov_circuit import OV
from recint.replication.rows import Answer, Measured, Numbers, mean, number, ratio
from recint.statistics.weights import eigenvalue_score
from recint.system.seeds import derive_seed

NUMBERS = Numbers()


RANDOM_HEADS = 50


def _scored_head(data: Data, layer: int, head: int) -> tuple[Measured, str]:
    """Eigenvalue score of a head's OV, and a sentence with its range for the same singular values in random orientation."""
    matrix = data.model.W_OV[layer, head].double().cpu().numpy()
    spectrum = np.linalg.svd(matrix, compute_uv=False)[: data.model.config.d_head]
    rng = np.random.default_rng(derive_seed(data.seed, "replication", "random heads"))
    rotations, triangles = np.linalg.qr(rng.standard_normal((RANDOM_HEADS, *matrix.shape)))
    rotations *= np.sign(np.diagonal(triangles, axis1=-2, axis2=-1))[
        :, None
    ]  # QR does not fix signs; without this the rotations would not be uniform
    # U S V^T Q has the eigenvalues of S V^T Q U, and zeros. If Q is a random rotation, V^T Q U is a block of a random rotation.
    random = eigenvalue_score(spectrum[:, None] * rotations[:, : len(spectrum), : len(spectrum)])
    chance = (
        f"heads of the same singular values in random orientation score {random.mean():.2f} ± {2 * random.std():.2f}"
    )
    return Measured(float(eigenvalue_score(matrix))), chance


@NUMBERS.declare(
    "Eigenvalue score of OV, layer 1, head 2",
    where="Eigenvalue Score Calculation", notebook="-0.478", layers=(1,), heads=(2,), weights=True,
)  # fmt: skip
def _score(data: Data) -> Answer:
    score, chance = _scored_head(data, 1, 2)
    return score, score, f"Nothing is flawed, but the level of chance was not given: {chance}."


@NUMBERS.declare(
    "Largest eigenvalue score of OV over the heads of layer 2",
    where=OV, notebook="all heads copy negatively", layers=(2,), weights=True,
)  # fmt: skip
def _largest_score(data: Data) -> Answer:
    scores = eigenvalue_score(data.model.W_OV[2].cpu().numpy())
    score, chance = _scored_head(data, 2, int(scores.argmax()))
    return score, score, f"Nothing is flawed, but the level of chance was not given: {chance}."


@NUMBERS.declare("MSE over all coefficients", where="Eigenvalue Score Calculation", notebook="about 0.0001")
def _mse(data: Data) -> Answer:
    why = "The run over 1000 recurrences was broken off: the number follows from what an ablation is said to cost."
    return Measured(float(data.errors.mean()), n=data.draws), mean(data.errors), why


@NUMBERS.declare(
    "MSE with a random low-rank identity for the QK of heads 0-4 of layer 2, over MSE",
    where="Eigenvalue Score Calculation", notebook="accuracy maintained", layers=(2,), heads=(4,),
)  # fmt: skip
def _qk_identity(data: Data) -> Answer:
    model, heads = data.model, range(5)

    def stand_in(which: int) -> AbstractContextManager[object]:
        W_Q, W_K = qk_identity(model, heads=len(heads), number=which)
        return qk_replaced(model, layer=2, heads=heads, W_Q=W_Q, W_K=W_K)

    errors = np.stack([data.errors_with(partial(stand_in, which), layer=2) for which in range(STAND_INS)])
    even = uniform_pattern(REFERENCE.length - 1)
    uniform = data.errors_with(lambda: attention_replaced(model, layer=2, heads=heads, pattern=even), layer=2)
    sound = ratio(errors.mean(0), data.errors)
    costs = number(uniform.mean() / data.errors.mean())
    why = (
        f"One random stand-in, on other recurrences than the intact model, and nothing to compare with: here {STAND_INS} of them, "
        f"on the same recurrences, beside even attention in these heads, which costs {costs} ×."
    )
    return Measured(float(errors[0].mean() / data.errors.mean()), "× intact", n=data.draws), sound, why
