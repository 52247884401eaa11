"""Figures of the notebook about eigenvalue scores, and about the stand-ins that it derived from them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial

import numpy as np

from recint.model.interventions import attention_replaced, qk_replaced, uniform_pattern
from recint.model.stand_ins import STAND_INS, qk_identity
from recint.recurrence import REFERENCE
from recint.replication.look import Look
from recint.replication.ov_circuit import OV
from recint.replication.rows import Answer, Figures, Measured, mean, number, ratio
from recint.statistics.weights import eigenvalue_score
from recint.system.seeds import derive_seed

FIGURES = Figures()


RANDOM_HEADS = 50


def _scored_head(look: Look, layer: int, head: int) -> tuple[Measured, str]:
    """Eigenvalue score of a head's OV, and a sentence with its range for the same singular values in random orientation."""
    matrix = look.model.W_OV[layer, head].double().cpu().numpy()
    spectrum = np.linalg.svd(matrix, compute_uv=False)[: look.model.config.d_head]
    rng = np.random.default_rng(derive_seed(look.seed, "replication", "random heads"))
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


@FIGURES.declare(
    "Eigenvalue score of OV, layer 1, head 2",
    where="Eigenvalue Score Calculation", notebook="-0.478", layers=(1,), heads=(2,), weights=True,
)  # fmt: skip
def _score(look: Look) -> Answer:
    score, chance = _scored_head(look, 1, 2)
    return score, score, f"Nothing is flawed, but the level of chance was not given: {chance}."


@FIGURES.declare(
    "Largest eigenvalue score of OV over the heads of layer 2",
    where=OV, notebook="all heads copy negatively", layers=(2,), weights=True,
)  # fmt: skip
def _largest_score(look: Look) -> Answer:
    scores = eigenvalue_score(look.model.W_OV[2].cpu().numpy())
    score, chance = _scored_head(look, 2, int(scores.argmax()))
    return score, score, f"Nothing is flawed, but the level of chance was not given: {chance}."


@FIGURES.declare("MSE over all coefficients", where="Eigenvalue Score Calculation", notebook="about 0.0001")
def _mse(look: Look) -> Answer:
    why = "The run over 1000 recurrences was broken off: the figure follows from what an ablation is said to cost."
    return Measured(float(look.errors.mean()), n=look.draws), mean(look.errors), why


@FIGURES.declare(
    "MSE with a random low-rank identity for the QK of heads 0-4 of layer 2, over MSE",
    where="Eigenvalue Score Calculation", notebook="accuracy maintained", layers=(2,), heads=(4,),
)  # fmt: skip
def _qk_identity(look: Look) -> Answer:
    model, heads = look.model, range(5)

    def stand_in(which: int) -> AbstractContextManager[object]:
        W_Q, W_K = qk_identity(model, heads=len(heads), number=which)
        return qk_replaced(model, layer=2, heads=heads, W_Q=W_Q, W_K=W_K)

    errors = np.stack([look.errors_with(partial(stand_in, which), layer=2) for which in range(STAND_INS)])
    even = uniform_pattern(REFERENCE.length - 1)
    uniform = look.errors_with(lambda: attention_replaced(model, layer=2, heads=heads, pattern=even), layer=2)
    sound = ratio(errors.mean(0), look.errors)
    costs = number(uniform.mean() / look.errors.mean())
    why = (
        f"One random stand-in, on other recurrences than the intact model, and nothing to compare with: here {STAND_INS} of them, "
        f"on the same recurrences, beside even attention in these heads, which costs {costs} ×."
    )
    return Measured(float(errors[0].mean() / look.errors.mean()), "× intact", n=look.draws), sound, why
