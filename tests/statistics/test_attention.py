"""Statistics of attention, against planted heads and loops over recurrences, heads and queries."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from recint.statistics.attention import (
    attention_by_parity,
    attention_over_uniform,
    attention_to_similar,
    most_similar_key,
    output_against_input,
    previous_token_attention,
)


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
