"""What lies outside the embedding."""

import pytest
import torch

from recint.statistics.residual import outside_embedding, outside_embedding_by_chance


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
