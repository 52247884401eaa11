"""The folded bridge against a forward pass in plain torch and against an independent measurement in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recint.judging.intervals import estimate
from recint.model.interventions import ablated
from recint.model.transformer import Model, property_tensors, raw_bridge, resolve_device
from recint.recurrence import REFERENCE
from recint.statistics.attention import attention_by_parity, previous_token_attention
from recint.statistics.errors import prediction_errors
from recint.statistics.lines import line_fit
from recint.statistics.residual import outside_embedding
from recint.statistics.weights import composition_scores, effective_rank, eigenvalue_score, input_matrices

from ..conftest import ORACLE
from ..passes import plain_forward

PATTERNS = [f"blocks.{layer}.attn.hook_pattern" for layer in range(3)]


def test_outputs_and_patterns_agree_with_plain_torch(affine_a):
    inputs = REFERENCE.sample(16, seed=0).inputs
    prediction, patterns = plain_forward(affine_a.checkpoint, inputs)
    run = affine_a.run(inputs, keep=PATTERNS)
    assert (run.prediction - prediction).abs().max() < 5e-6
    for layer in range(3):
        # Scores reach some tens, so float32 leaves some 1e-5 of them to the softmax (3e-5 in layer 2).
        assert (run.pattern(layer) - patterns[layer]).abs().max() < 1e-4


def test_a_pass_that_ends_early_sees_the_same(affine_a):
    inputs = REFERENCE.sample(8, seed=0).inputs
    full = affine_a.run(inputs, keep=PATTERNS)
    for layer, name in enumerate(PATTERNS):
        assert torch.equal(affine_a.activations(inputs, name)[name], full.pattern(layer))


def test_the_embedding_is_visible_to_hooks(affine_a):
    inputs = REFERENCE.sample(2, seed=0).inputs
    seen = affine_a.run(inputs, keep=["hook_embed"]).activations["hook_embed"]
    assert torch.equal(seen, inputs @ affine_a.bridge.W_E)


def test_property_tensors_invert_the_conversion(small):
    back = property_tensors(raw_bridge(small.config, small.tensors), small.config)
    assert all(torch.equal(back[name], tensor) for name, tensor in small.tensors.items())


def of_the_oracle(values, expected):
    """Whether a mean over recurrences is the oracle's: within 2 % and four standard errors of both samples.

    The oracle does not say how many recurrences it drew; 500 is assumed.
    """
    values, expected = torch.as_tensor(values), torch.tensor(expected)
    error = values.std(0) * (1 / len(values) + 1 / 500) ** 0.5
    return bool(((values.mean(0) - expected).abs() < 0.02 * expected.abs() + 4 * error).all())


class TestOracle:
    """Figures of an independent implementation in float64; sampled ones agree within 2 % or 0.01, or as `of_the_oracle` says."""

    @pytest.mark.parametrize("c", [None, -1.5, -1.0, 0.0, 0.5, 1.0, 1.5])
    def test_mse(self, affine_a, c):
        distribution = REFERENCE if c is None else REFERENCE.at(c=c)
        parts = [distribution.sample(250, seed=seed) for seed in range(8)]
        errors = torch.cat([prediction_errors(affine_a(drawn.inputs), drawn.targets, first=2) for drawn in parts])
        assert of_the_oracle(errors, ORACLE["mse" if c is None else f"mse_c{c:+}"])

    def test_attention_on_the_previous_term(self, affine_a):
        run = affine_a.run(REFERENCE.sample(500, seed=0).inputs, keep=PATTERNS)
        for layer in range(3):
            found = previous_token_attention(run.pattern(layer)).mean(0)
            assert np.allclose(found, ORACLE[f"l{layer}.attention_previous"], atol=0.01)

    def test_eigenvalue_scores_and_ranks(self, affine_a):
        for layer in range(3):
            ov, qk = affine_a.W_OV[layer].numpy(), affine_a.W_QK[layer].numpy()
            assert np.allclose(eigenvalue_score(ov), ORACLE[f"l{layer}.ov_eigenvalue_score"], atol=1e-3)
            assert np.allclose(eigenvalue_score(qk), ORACLE[f"l{layer}.qk_eigenvalue_score"], atol=1e-3)
            assert effective_rank(ov).tolist() == ORACLE[f"l{layer}.ov_effective_rank_95"]

    def test_composition(self, affine_a):
        ov, qk = affine_a.W_OV.numpy(), affine_a.W_QK.numpy()
        for kind in ("q", "k", "v"):
            scores = composition_scores(ov, input_matrices(ov, qk, kind))
            for early, late in ((0, 1), (0, 2), (1, 2)):
                expected = ORACLE[f"composition_{kind}_{early}to{late}_mean"]
                assert scores[early, :, late].mean() == pytest.approx(expected, rel=1e-3)

    def test_attention_on_the_first_positions(self, affine_a):
        run = affine_a.run(REFERENCE.sample(500, seed=0).inputs, keep=PATTERNS)
        for layer in range(3):
            found = run.pattern(layer)[:, :, 3:, :3].mean(2)
            assert of_the_oracle(found, ORACLE[f"l{layer}.attention_positions_0_1_2_from_queries_3_up"])

    def test_attention_by_parity(self, affine_a):
        # The oracle says c = -1, but its numbers are those of coefficients around it; at c = -1 alone heads differ by up to 0.04.
        run = affine_a.run(replace(REFERENCE, c=(-1.2, -0.8)).sample(500, seed=0).inputs, keep=PATTERNS)
        found = attention_by_parity(run.pattern(2)).mean(0)
        expected = [ORACLE[f"l2.checkerboard_{parity}_parity_mean_c-1"] for parity in ("same", "other")]
        assert np.allclose(found, expected, atol=0.01)

    def test_outside_the_embedding(self, affine_a):
        for layer in range(3):
            before, between, after = (
                f"blocks.{layer}.hook_{name}" for name in ("resid_pre", "resid_mid", "resid_post")
            )
            seen = affine_a.run(REFERENCE.sample(500, seed=0).inputs, keep=[before, between, after]).activations
            for part, ending in (("attention", between), ("block", after)):
                found = outside_embedding(seen[ending] - seen[before], affine_a.bridge.W_E).mean()
                assert found == pytest.approx(ORACLE[f"l{layer}.outside_embedding_fraction_{part}"], abs=0.01)

    @pytest.mark.parametrize("layer", range(3))
    def test_ablations(self, affine_a, layer):
        drawn = REFERENCE.sample(500, seed=0)

        def errors():
            return prediction_errors(affine_a(drawn.inputs), drawn.targets, first=2)

        def close_to(expected):
            pairs = np.stack([errors(), intact], axis=-1)
            found = estimate(pairs, reduction="ratio of means", relation=">=", threshold=1)
            # Twice the interval: the oracle is a sample too, and does not say of how many recurrences.
            return abs(found.value - expected) < (found.high - found.low) + 0.02 * expected

        intact = errors()
        for head, expected in enumerate(ORACLE[f"l{layer}.zero_ablate_head_mse_ratio"]):
            with ablated(affine_a, layer=layer, heads=[head], kind="zero"):
                assert close_to(expected), head
        with ablated(affine_a, layer=layer, kind="mean"):
            assert close_to(ORACLE[f"l{layer}.mean_ablate_layer_mse_ratio"])

    def test_the_line_of_layer_0(self, affine_a):
        x = torch.rand(2000, 40, generator=torch.Generator().manual_seed(0))
        x = x / x.norm(dim=-1, keepdim=True)
        r2, slope = line_fit(x, affine_a.unembed(x @ affine_a.bridge.W_E @ affine_a.W_OV[0].sum(0)))
        assert r2.mean() == pytest.approx(ORACLE["l0.ov_line_r2_uniform_vectors"], rel=0.02)
        assert slope.mean() == pytest.approx(ORACLE["l0.ov_line_slope_uniform_vectors"], rel=0.02)

    def test_the_lines_of_all_layers(self, affine_a):
        uniform = torch.rand(2000, 40, generator=torch.Generator().manual_seed(0))
        uniform = uniform / uniform.norm(dim=-1, keepdim=True)
        terms = REFERENCE.sample(500, seed=0).inputs
        for layer in range(3):
            ov = affine_a.W_OV[layer].sum(0)
            r2, slope = line_fit(uniform, affine_a.unembed(uniform @ affine_a.bridge.W_E @ ov))
            on_terms, _ = line_fit(*affine_a.moved(terms, ov))
            for found, name in ((r2, "r2_uniform"), (slope, "slope_uniform"), (on_terms.mean(-1), "r2_recurrence")):
                assert of_the_oracle(found, ORACLE[f"l{layer}.ov_line_{name}_vectors"]), name


def test_what_the_model_cannot_take_is_refused(small):
    model = Model(small)
    with pytest.raises(ValueError, match="length=18 needs 17 positions, but untrained-0 has n_ctx=16"):
        model(torch.zeros(1, 17, 5))
    with pytest.raises(ValueError, match="recurrences have dimension 4, but untrained-0 has d_vocab=5"):
        model(torch.zeros(1, 3, 4))
    with pytest.raises(ValueError, match="device='tpu' must be one of auto, cpu, cuda"):
        resolve_device("tpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu(affine_a):
    inputs = REFERENCE.sample(64, seed=0).inputs
    cuda = Model(affine_a.checkpoint, device=resolve_device("cuda"))
    assert (cuda(inputs).cpu() - affine_a(inputs)).abs().max() < 1e-5
