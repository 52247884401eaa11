"""Shares of the prediction, against loops over components."""

import numpy as np
import pytest
import torch

from recint.judging.reductions import REDUCTIONS
from recint.statistics.attribution import attribution_direction, direct_logit_attribution, shares_of_layer


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
