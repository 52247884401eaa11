"""Products of weights that stand in the place of those of a head."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recint.model.stand_ins import low_rank_identity, negative_identity, qk_identity
from recint.recurrence import REFERENCE

from ..conftest import SMALL
from ..passes import biased

LAYERS, HEADS, D_MODEL, D_HEAD = 3, 3, 16, 8
BATCH, POSITIONS = 4, 9


@pytest.fixture(scope="module")
def model():
    return biased(replace(SMALL, n_layers=LAYERS, n_heads=HEADS))


class TestStandIns:
    def test_a_low_rank_identity_projects_on_d_head_directions(self):
        first, second = low_rank_identity(heads=2, d_model=16, d_head=8, generator=torch.Generator().manual_seed(0))
        assert first.min() >= 0
        assert first.max() <= 1
        for head in range(2):
            product = first[head].double() @ second[head].double()
            assert torch.allclose(product @ product, product, atol=1e-4)
            assert torch.allclose(product, product.T, atol=1e-4)
            assert product.trace().item() == pytest.approx(8, abs=1e-3)

    def test_qk_of_a_stand_in_is_such_a_projection_another_for_every_number(self, model):
        W_Q, W_K = qk_identity(model, heads=2, number=0)
        for head in range(2):
            product = (W_Q[head] @ W_K[head].T).double()
            assert torch.allclose(product @ product, product, atol=1e-4)
            assert product.trace().item() == pytest.approx(D_HEAD, abs=1e-3)
        assert torch.equal(qk_identity(biased(), heads=2, number=0)[0], W_Q)
        assert not torch.allclose(qk_identity(model, heads=2, number=1)[0], W_Q)

    def test_a_negative_identity_has_the_size_that_comes_nearest_to_what_a_head_writes(self, model):
        layer, hooks = 2, [f"blocks.2.{name}" for name in ("attn.hook_pattern", "attn.q.hook_in", "attn.hook_z")]
        W_V, W_O = negative_identity(model, layer=layer, number=0)
        inverse = torch.linalg.pinv(W_V.double())
        seen = model.activations(replace(REFERENCE, dim=5).sample(500, seed=7).inputs, *hooks)
        pattern, read, z = (seen[hook] for hook in hooks)
        scales = []
        for head in range(HEADS):
            identity = W_V[head].double() @ inverse[head]
            product = W_V[head].double() @ W_O[head].double()
            scale = -product.trace() / identity.trace()
            assert torch.allclose(product, -scale * identity, atol=1e-4)
            assert scale >= 0
            fit = -(pattern[:, head].double() @ read.double() @ identity)
            written = z[:, :, head].double() @ model.bridge.W_O[layer, head].double()
            best = np.linalg.lstsq(fit.reshape(-1, 1).numpy(), written.flatten().numpy(), rcond=None)[0][0]
            assert scale.item() == pytest.approx(max(best, 0.0), abs=0.06)  # fitted on 200 others
            scales.append(scale.item())
        assert max(scales) > 0.1

    def test_a_head_that_copies_has_no_negative_identity(self, model):
        copying = biased(model.config)
        copying.bridge.blocks[2].attn.o.weight.copy_(-copying.bridge.blocks[2].attn.o.weight)
        writes, opposite = (negative_identity(one, layer=2, number=0)[1].abs().amax((1, 2)) for one in (model, copying))
        assert ((writes > 0) != (opposite > 0)).all()
