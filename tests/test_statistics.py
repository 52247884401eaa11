"""Statistics of weights and activations against slow, obvious versions and planted truths."""

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from recint.statistics.attention import (
    attention_by_parity,
    attention_over_uniform,
    output_against_input,
    previous_token_attention,
)
from recint.statistics.errors import prediction_errors
from recint.statistics.lines import line_fit, signed_line_r2
from recint.statistics.residual import outside_embedding, outside_embedding_by_chance
from recint.statistics.weights import (
    composition_chance,
    composition_scores,
    effective_rank,
    eigenvalue_score,
    input_matrices,
)

RNG = np.random.default_rng(0)
OV = RNG.standard_normal((2, 3, 12, 12))
QK = RNG.standard_normal((2, 3, 12, 12))


def test_planted_previous_token_heads_score_one_and_uniform_ones_their_share():
    planted = torch.zeros(5, 5)
    planted[0, 0] = 1
    for query in range(1, 5):
        planted[query, query - 1] = 1
    uniform = torch.ones(5, 5).tril() / torch.arange(1, 6)[:, None]
    pattern = torch.stack([planted, uniform])[None]
    expected = [1, np.mean([1 / 2, 1 / 3, 1 / 4, 1 / 5])]
    assert previous_token_attention(pattern)[0].tolist() == pytest.approx(expected)


def test_negative_copying_heads_write_the_opposite_of_what_they_read():
    generator = torch.Generator().manual_seed(0)
    residual = torch.randn(2, 5, 6, generator=generator)
    pattern = torch.rand(2, 3, 5, 5, generator=generator).tril()
    z = torch.einsum("rhqk,rkm->rqhm", pattern, residual)
    signs = torch.tensor([-1.0, 1.0, -0.1])
    W_O = signs[:, None, None] * torch.eye(6)
    found = output_against_input(z, pattern, residual, W_O=W_O, W_U=torch.randn(6, 4, generator=generator), first=2)
    assert torch.allclose(found, torch.tensor([-1.0, 1.0, -1.0]), atol=1e-5)


def test_output_against_input_agrees_with_loops():
    generator = torch.Generator().manual_seed(1)
    z, pattern = torch.randn(2, 4, 3, 5, generator=generator), torch.rand(2, 3, 4, 4, generator=generator).tril()
    residual, W_O = torch.randn(2, 4, 6, generator=generator), torch.randn(3, 5, 6, generator=generator)
    W_U = torch.randn(6, 7, generator=generator)
    found = output_against_input(z, pattern, residual, W_O=W_O, W_U=W_U, first=2)
    for r in range(2):
        for h in range(3):
            cosines = []
            for q in (2, 3):
                written = z[r, q, h] @ W_O[h] @ W_U
                attended = sum(pattern[r, h, q, k] * residual[r, k] for k in range(4)) @ W_U
                cosines.append((written @ attended / written.norm() / attended.norm()).item())
            assert found[r, h].item() == pytest.approx(np.mean(cosines), abs=1e-5)


def test_line_fit_agrees_with_scipy():
    from scipy.stats import linregress

    x, y = RNG.standard_normal((2, 40))
    expected = linregress(x, y)
    r2, slope = line_fit(torch.tensor(x), torch.tensor(y))
    assert r2.item() == pytest.approx(expected.rvalue**2)
    assert slope.item() == pytest.approx(expected.slope)


def test_a_line_with_negative_slope_is_on_the_wrong_side():
    x = torch.arange(4.0)
    assert signed_line_r2(x, -2 * x).item() == pytest.approx(-1)


def test_errors_leave_out_the_first_2k_positions():
    prediction, target = torch.ones(1, 5, 2), torch.zeros(1, 5, 2)
    prediction[:, :2] = 100
    assert prediction_errors(prediction, target, order=1).tolist() == [1]


def test_eigenvalue_scores_of_known_matrices():
    assert eigenvalue_score(np.eye(4)) == pytest.approx(1)
    assert eigenvalue_score(-np.eye(4)) == pytest.approx(-1)
    assert eigenvalue_score(np.array([[0, 1], [-1, 0]])) == pytest.approx(0)  # a rotation by a right angle


def test_effective_rank_agrees_with_a_loop():
    for matrix in OV[0]:
        squares = np.linalg.svd(matrix, compute_uv=False) ** 2
        needed = next(count for count in range(1, 13) if squares[:count].sum() >= 0.95 * squares.sum())
        assert effective_rank(matrix) == needed


def test_composition_scores_agree_with_loops_and_leave_the_impossible_blank():
    for kind in ("q", "k", "v"):
        scores = composition_scores(OV, input_matrices(OV, QK, kind))
        for early in range(3):
            for late in range(3):
                reader = {"q": QK[1, late], "k": QK[1, late].T, "v": OV[1, late]}[kind]
                norms = np.linalg.norm(OV[0, early]) * np.linalg.norm(reader)
                assert scores[0, early, 1, late] == pytest.approx(np.linalg.norm(OV[0, early] @ reader) / norms)
        assert np.isnan(scores[1]).all()
        assert np.isnan(scores[0, :, 0]).all()


def test_chance_is_that_of_randomly_turned_heads():
    found = composition_chance(OV[0], QK[1], rng=np.random.default_rng(0), draws=400)
    turned = [
        np.linalg.norm(OV[0, 0] @ rotation @ QK[1, 0]) / np.linalg.norm(OV[0, 0]) / np.linalg.norm(QK[1, 0])
        for rotation in ortho_group.rvs(12, size=400, random_state=1)
    ]
    error = np.std(turned) / 20
    assert abs(found[0, 0] - np.mean(turned)) < 4 * error * 2**0.5
    # The mean square is 1/d whatever the spectra.
    assert found.mean() == pytest.approx(12**-0.5, rel=0.05)


def random_patterns(heads=3, queries=7):
    generator = torch.Generator().manual_seed(2)
    scores = torch.randn(2, heads, queries, queries, generator=generator)
    causal = torch.ones(queries, queries, dtype=torch.bool).tril()
    return scores.masked_fill(~causal, -torch.inf).softmax(-1)


def test_attention_over_its_uniform_share_agrees_with_loops():
    pattern = random_patterns()
    found = attention_over_uniform(pattern, key=1, first=3)
    for r in range(2):
        for h in range(3):
            shares = [pattern[r, h, q, 1].item() / (1 / (q + 1)) for q in range(3, 7)]
            assert found[r, h].item() == pytest.approx(np.mean(shares), rel=1e-5)


def test_attention_by_parity_agrees_with_loops():
    pattern = random_patterns()
    found = attention_by_parity(pattern)
    for r in range(2):
        for h in range(3):
            seen = {0: [], 1: []}
            for q in range(3, 7):
                for k in range(1, q):
                    seen[(q - k) % 2].append(pattern[r, h, q, k].item())
            assert found[r, 0, h].item() == pytest.approx(np.mean(seen[0]), rel=1e-5)
            assert found[r, 1, h].item() == pytest.approx(np.mean(seen[1]), rel=1e-5)


def test_a_random_direction_lies_outside_the_embedding_by_chance():
    generator = torch.Generator().manual_seed(3)
    W_E = torch.randn(40, 128, generator=generator)
    written = torch.randn(2000, 1, 128, generator=generator)
    assert outside_embedding(written, W_E).mean() == pytest.approx(outside_embedding_by_chance(W_E), abs=0.004)
    inside = torch.randn(5, 3, 40, generator=generator) @ W_E
    assert outside_embedding(inside, W_E).max() < 1e-5
    # A second way: what a least-squares fit by rows of W_E leaves over.
    vector = written[0, 0]
    left = vector - W_E.T @ torch.linalg.lstsq(W_E.T, vector).solution
    assert outside_embedding(written[:1], W_E).item() == pytest.approx((left.norm() / vector.norm()).item(), rel=1e-4)
