"""Statistics of weights and activations against slow, obvious versions and planted truths."""

import numpy as np
import pytest
import torch
from scipy.stats import linregress, ortho_group, spearmanr

from recint.judging.reductions import REDUCTIONS
from recint.recurrence import REFERENCE, Distribution
from recint.statistics.attention import (
    attention_by_parity,
    attention_over_uniform,
    attention_to_similar,
    most_similar_key,
    output_against_input,
    previous_token_attention,
)
from recint.statistics.attribution import attribution_direction, direct_logit_attribution, shares_of_layer
from recint.statistics.errors import prediction_errors
from recint.statistics.lines import line_fit, mix_fit, signed_line_r2
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
    prediction[:, :4] = 100
    assert prediction_errors(prediction, target, order=2).tolist() == [1]


def test_eigenvalue_scores_of_known_matrices():
    assert eigenvalue_score(np.eye(4)) == pytest.approx(1)
    assert eigenvalue_score(-np.eye(4)) == pytest.approx(-1)
    assert eigenvalue_score(np.array([[0, 1], [-1, 0]])) == pytest.approx(0)  # a rotation by a right angle


def test_eigenvalue_score_agrees_with_traces():
    for matrix in OV[0]:
        roots = np.roots(np.poly(matrix))  # of the characteristic polynomial
        assert eigenvalue_score(matrix) == pytest.approx(np.trace(matrix) / np.abs(roots).sum(), rel=1e-6)


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


@pytest.mark.parametrize("order", [1, 2, 3])
def test_attention_on_the_previous_terms_agrees_with_loops(order):
    pattern = random_patterns()
    found = previous_token_attention(pattern, order=order)
    for r in range(2):
        for h in range(3):
            sums = [sum(pattern[r, h, q, q - back].item() for back in range(1, order + 1)) for q in range(order, 7)]
            assert found[r, h].item() == pytest.approx(np.mean(sums), rel=1e-5)


def test_heads_that_look_back_two_terms_are_previous_token_heads_of_order_2_alone():
    two_back = torch.eye(6)[[0, 0, 0, 1, 2, 3]][None, None]
    assert previous_token_attention(two_back, order=2).item() == 1
    assert previous_token_attention(two_back, order=1).item() == pytest.approx(1 / 5)  # query 1 has no other


class TestSimilarity:
    def test_agrees_with_loops_over_queries(self):
        pattern = random_patterns()
        pattern[:, :, :, 2] = pattern[:, :, :, 1]  # keys that tie
        residual = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(4))
        found = attention_to_similar(pattern, residual, first=3)
        for r in range(2):
            for h in range(3):
                correlations = []
                for q in range(3, 7):
                    cosines = [
                        torch.cosine_similarity(residual[r, q], residual[r, k], dim=0).item() for k in range(q + 1)
                    ]
                    correlations.append(spearmanr(pattern[r, h, q, : q + 1].numpy(), cosines).statistic)
                assert found[r, h].item() == pytest.approx(np.mean(correlations), abs=1e-6)

    def test_softmax_of_cosines_follows_them_and_of_their_negatives_shuns_them(self):
        residual = torch.randn(4, 8, 6, generator=torch.Generator().manual_seed(5))
        unit = residual / residual.norm(dim=-1, keepdim=True)
        scores = torch.stack([sign * 3 * unit @ unit.mT for sign in (1, -1)], dim=1)
        pattern = scores.masked_fill(~torch.ones(8, 8, dtype=torch.bool).tril(), -torch.inf).softmax(-1)
        found = attention_to_similar(pattern, residual, first=4)
        assert found.flatten().tolist() == pytest.approx([1, -1] * 4)

    def test_it_is_a_matter_of_direction_not_of_length(self):
        pattern, residual = random_patterns(), torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(6))
        stretched = residual * torch.tensor([0.01, 3, 1, 200, 0.5, 7, 1])[:, None]
        first, second = (attention_to_similar(pattern, stream, first=3) for stream in (residual, stretched))
        assert torch.allclose(first, second)

    def test_even_attention_and_streams_all_alike_follow_nothing(self):
        even = (torch.ones(7, 7).tril() / torch.arange(1, 8)[:, None]).expand(2, 3, -1, -1)
        residual = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(7))
        assert attention_to_similar(even, residual, first=4).tolist() == [[0] * 3] * 2
        alike = torch.tensor([3.0, 4.0]).expand(2, 7, -1)  # of length 5: cosines of exactly 1
        assert attention_to_similar(random_patterns(), alike, first=4).tolist() == [[0] * 3] * 2

    def test_the_most_similar_key_agrees_with_loops(self):
        residual = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(8))
        found = most_similar_key(residual)
        assert found[:, 0].tolist() == [0, 0, 0]
        for r in range(3):
            for q in range(1, 7):
                cosines = [torch.cosine_similarity(residual[r, q], residual[r, k], dim=0).item() for k in range(q)]
                assert found[r, q].item() == int(np.argmax(cosines))

    def test_of_terms_that_alternate_the_one_before_last_is_most_similar(self):
        residual = torch.tensor([[1.0, 0], [0, 1], [2, 0.1], [0.1, 3], [5, 0.2]])[None]
        assert most_similar_key(residual)[0, 2:].tolist() == [0, 1, 2]


class TestMix:
    @pytest.mark.parametrize("parts", [1, 2, 3])
    def test_agrees_with_least_squares_with_a_constant(self, parts):
        x, y = RNG.standard_normal((4, 3, 40, parts)), RNG.standard_normal((4, 3, 40))
        r2, coefficients = mix_fit(torch.tensor(x), torch.tensor(y))
        assert r2.shape == (4, 3)
        assert coefficients.shape == (4, 3, parts)
        for index in np.ndindex(4, 3):
            design = np.column_stack([x[index], np.ones(40)])
            solution = np.linalg.lstsq(design, y[index], rcond=None)[0]
            left = ((y[index] - design @ solution) ** 2).sum() / ((y[index] - y[index].mean()) ** 2).sum()
            assert r2[index].item() == pytest.approx(1 - left)
            assert coefficients[index].tolist() == pytest.approx(solution[:parts])

    def test_of_one_part_it_is_the_line(self):
        x, y = RNG.standard_normal((2, 40))
        r2, coefficients = mix_fit(torch.tensor(x)[:, None], torch.tensor(y))
        expected = linregress(x, y)
        assert (r2.item(), coefficients.item()) == pytest.approx((expected.rvalue**2, expected.slope))

    def test_the_notebook_s_formula_is_found_in_terms_of_recurrences(self):
        terms = REFERENCE.sample(50, seed=0).terms
        parts = torch.stack([terms[:, 1:], terms[:, :-1]], dim=-1)
        r2, coefficients = mix_fit(parts, parts @ torch.tensor([1.0, 2.3]) + 0.7)
        assert r2.mean() > 0.999
        assert r2.min() > 0.9
        # Where terms have settled or explode, a_i is nearly a multiple of a_(i-1) and the two share; not elsewhere.
        told_apart = torch.linalg.svdvals(parts - parts.mean(-2, keepdim=True))
        told_apart = told_apart[..., 1] > 0.05 * told_apart[..., 0]
        assert told_apart.float().mean() > 0.2
        assert torch.allclose(coefficients[told_apart], torch.tensor([1.0, 2.3], dtype=torch.float64), atol=1e-2)

    def test_of_parts_that_are_multiples_the_smallest_coefficients_are_taken(self):
        x = torch.tensor(RNG.standard_normal(40)).float()
        r2, coefficients = mix_fit(torch.stack([x, 2 * x], dim=-1), 10 * x)
        assert r2.item() == pytest.approx(1)
        assert coefficients.tolist() == pytest.approx([2, 4], rel=1e-5)  # not [10, 0]

    @pytest.mark.parametrize("order", [1, 2, 3])
    def test_a_recurrence_that_has_settled_is_shared_out_evenly(self, order):
        settles = Distribution(c=(0.0, 0.0), order=order, length=14).sample(5, seed=1).terms
        parts = settles.unfold(1, order + 1, 1)[:, -1]
        r2, coefficients = mix_fit(parts, (order + 1) * settles[:, -1])
        assert r2.min() > 1 - 1e-6
        assert torch.allclose(coefficients, torch.ones((), dtype=torch.float64), atol=1e-2)

    def test_noise_does_not_decide_the_signs_of_terms_that_have_nearly_settled(self):
        generator = torch.Generator().manual_seed(10)
        parts = Distribution(c=(-0.2, -0.2), length=8).sample(100, seed=2).terms[:, -2:].mT  # a_6 and a_7
        noise = 0.05 * torch.randn(100, 40, generator=generator) * parts[..., 1].std(-1, keepdim=True)
        r2, coefficients = mix_fit(parts, parts @ torch.tensor([2.3, 1.0]) + noise)
        assert r2.min() > 0.99
        assert coefficients.min() > 0

    def test_parts_that_do_not_vary_explain_nothing(self):
        y = torch.tensor(RNG.standard_normal(40))
        r2, coefficients = mix_fit(torch.full((40, 2), 0.5), y)
        assert r2.item() == pytest.approx(0)
        assert coefficients.tolist() == [0, 0]

    def test_of_a_whole_that_does_not_vary_nothing_is_explained(self):
        r2, coefficients = mix_fit(torch.tensor(RNG.standard_normal((2, 40, 2))), torch.full((2, 40), 0.5))
        assert coefficients.tolist() == [[0, 0]] * 2
        assert r2.tolist() == [0, 0]


class TestAttribution:
    GENERATOR = torch.Generator().manual_seed(9)

    def test_agrees_with_loops_over_components(self):
        z, W_O = torch.randn(2, 4, 3, 5, generator=self.GENERATOR), torch.randn(3, 5, 6, generator=self.GENERATOR)
        residual, W_U = torch.randn(2, 4, 6, generator=self.GENERATOR), torch.randn(6, 7, generator=self.GENERATOR)
        target = torch.randn(2, 4, 7, generator=self.GENERATOR)
        direction = attribution_direction(residual, W_U=W_U, target=target, eps=1e-5)
        found = direct_logit_attribution(z, W_O=W_O, direction=direction)
        for r, p, h in np.ndindex(2, 4, 3):
            scale = (sum(value**2 for value in residual[r, p].tolist()) / 6 + 1e-5) ** 0.5
            logits = z[r, p, h] @ W_O[h] / scale @ W_U
            expected = sum((logits[u] * target[r, p, u]).item() for u in range(7))
            assert found[r, p, h].item() == pytest.approx(expected, rel=1e-4, abs=1e-4)

    def test_the_direction_reads_the_centred_stream_as_layer_norm_does(self):
        residual, W_U = torch.randn(2, 4, 6, generator=self.GENERATOR), torch.randn(6, 7, generator=self.GENERATOR)
        residual = residual - residual.mean(-1, keepdim=True)
        target = torch.randn(2, 4, 7, generator=self.GENERATOR)
        read = (residual * attribution_direction(residual, W_U=W_U, target=target, eps=0.1)).sum(-1)
        expected = (torch.nn.functional.layer_norm(residual, (6,), eps=0.1) @ W_U * target).sum(-1)
        assert torch.allclose(read, expected, atol=1e-5)

    def test_shares_of_layers_agree_with_loops_and_add_up(self):
        heads = torch.randn(5, 4, 3, 2, generator=self.GENERATOR)
        shares = []
        for layer in range(3):
            rows = shares_of_layer(heads, layer=layer)
            shares.append(REDUCTIONS["share of absolute means"].value(np.moveaxis(rows.numpy(), 0, -1), ">="))
            sizes = [[abs(heads[:, :, late, head].mean().item()) for head in range(2)] for late in range(3)]
            assert shares[-1] == pytest.approx(sum(sizes[layer]) / sum(map(sum, sizes)), rel=1e-5)
        assert sum(shares) == pytest.approx(1)

    def test_a_head_that_adds_as_often_as_it_takes_away_has_no_share(self):
        heads = torch.zeros(4, 1, 2, 1)
        heads[:, 0, 0, 0] = torch.tensor([1.0, -1.0, 1.0, -1.0])
        heads[:, 0, 1, 0] = -0.1
        rows = np.moveaxis(shares_of_layer(heads, layer=0).numpy(), 0, -1)
        assert REDUCTIONS["share of absolute means"].value(rows, ">=") == 0
