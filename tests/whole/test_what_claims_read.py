"""What claims read off a model before a statistic is made of it, against loops over recurrences, positions and heads."""

import numpy as np
import pytest

from hypotheses.layer_0 import explained_by_terms
from hypotheses.layer_2 import written_against_read
from recint.checkpoint import ModelConfig
from recint.domain import Condition
from recint.model import Model
from recint.model.untrained import untrained

APART = 0.03  # of their largest spread: terms that differ by less are not told apart
AT = Condition(c=0.7, length=10, batch=3)


@pytest.fixture(scope="module", params=[1, 2], ids=["order 1", "order 2"])
def model(request):
    config = ModelConfig(
        n_layers=3, n_heads=2, d_model=32, d_head=8, d_mlp=32, n_ctx=13, d_vocab=12, order=request.param
    )
    return Model(untrained(config, seed=0, init_range=0.3))


def seen(model, name):
    return model.activations(AT.sample(model.config).inputs, name)[name].double()


def test_the_stream_after_layer_0_on_the_terms(model):
    order, terms, stream = (
        model.config.order,
        AT.sample(model.config).inputs.double(),
        seen(model, "blocks.0.hook_resid_post"),
    )
    found = explained_by_terms(model, AT)
    for r in range(len(terms)):
        fits = []
        for i in range(order, terms.shape[1]):
            read = ((stream[r, i] - stream[r, i].mean()) / stream[r, i].std(correction=0)) @ model.bridge.W_U.double()
            columns = np.stack([terms[r, i - back].numpy() for back in range(order + 1)], axis=1)
            columns, read = columns - columns.mean(0), (read - read.mean()).numpy()
            exact, told_apart = (np.linalg.lstsq(columns, read, rcond=rcond)[0] for rcond in (1e-6, APART))
            r2 = 1 - ((read - columns @ exact) ** 2).sum() / (read**2).sum()
            fits.append(r2 if min(told_apart[1:]) > 0 else -r2)
        assert found[r].item() == pytest.approx(np.mean(fits), abs=1e-3)


def test_what_heads_of_layer_2_write_against_what_they_read(model):
    z, pattern, residual = (
        seen(model, f"blocks.2.{name}") for name in ("attn.hook_z", "attn.hook_pattern", "hook_resid_pre")
    )
    W_O, W_U = model.bridge.W_O[2].double(), model.bridge.W_U.double()
    found = written_against_read(model, AT)
    for r in range(len(z)):
        for head in range(model.config.n_heads):
            cosines = []
            for i in range(2 * model.config.order, z.shape[1]):
                written = z[r, i, head] @ W_O[head] @ W_U
                read = sum(pattern[r, head, i, j] * residual[r, j] for j in range(i + 1)) @ W_U
                cosines.append((written @ read / written.norm() / read.norm()).item())
            assert found[r, head].item() == pytest.approx(np.mean(cosines), abs=1e-4)
