"""What each edit of the weights breaks, and what it leaves."""

import pytest
import torch

from recint.calibration.mutants import MUTANTS, folded, mutate
from recint.calibration.roles import SMALL
from recint.calibration.weight_edits import FoldedWeights
from recint.checkpoint import ModelConfig
from recint.statistics.attention import attention_over_uniform
from recint.statistics.errors import prediction_errors
from recint.statistics.weights import effective_rank

from .mutated import BY_NAME, PROPERTIES, at_random, base, model


def spectra(of, product, layer):
    return torch.linalg.svdvals(getattr(of, product)[layer].double())


def test_what_is_made_for_an_edit_lies_on_the_device_of_the_tensors():
    """The device that holds no numbers stands for a GPU: a tensor elsewhere could not meet those of the model."""
    model = FoldedWeights(SMALL, {"embed.W_E": torch.empty(5, 16, device="meta")}, torch.Generator())
    made = (model.normal(3, 2), model.ones, model.basis(model.ones), model.rotations(2))
    assert {tensor.device.type for tensor in made} == {"meta"}


class TestHow:
    """What the roles' sentences say."""

    def pattern(self, layer, mutant):
        hook = f"blocks.{layer}.attn.hook_pattern"
        return model("planted", mutant).activations(at_random(SMALL).inputs, hook)[hook]

    def test_layer_0_attends_one_token_further_back(self):
        pattern = self.pattern(0, "l0-attends-to-the-token-before-last")
        assert pattern.diagonal(-2, -2, -1).min() > 0.8  # 0.9, less what a query with one key more spreads
        assert pattern[:, :, 1].sub(0.5)[..., :2].abs().max() < 0.01  # position 0 has none to seek

    def test_layer_0_attends_to_the_query_itself(self):
        pattern = self.pattern(0, "l0-attends-to-the-token-itself")
        assert pattern.diagonal(0, -2, -1)[..., 2:].min() > 0.85
        assert pattern[:, :, 1].sub(0.5)[..., :2].abs().max() < 0.05  # keys 0 and 1 look alike

    @pytest.mark.parametrize("layer", [0, 1, 2])
    @pytest.mark.parametrize("mutant", ["l{}-attends-uniformly", "attends-uniformly"])
    def test_attention_is_uniform(self, mutant, layer):
        pattern = self.pattern(layer, mutant.format(layer))
        even = torch.ones(13, 13).tril() / torch.arange(1, 14)[:, None]
        assert (pattern - even).abs().max() < 1e-4

    def test_layer_1_exchanges_positions_0_and_1(self):
        before, after = (self.pattern(1, mutant) for mutant in (None, "l1-attends-to-position-0"))
        assert (after[..., 3:, :2] - before[..., 3:, :2].flip(-1)).abs().max() < 0.02

    def test_layer_1_of_a_trained_model_turns_from_position_1_to_0(self):
        inputs, hook = at_random(ModelConfig(), batch=64).inputs, "blocks.1.attn.hook_pattern"
        before, after = (
            {key: attention_over_uniform(pattern, key=key, first=3).mean(0) for key in (0, 1)}
            for mutant in (None, "l1-attends-to-position-0")
            for pattern in [model("affine-a", mutant).activations(inputs, hook)[hook]]
        )
        assert (after[1] < before[1]).sum() > 4
        assert after[0].mean() > before[0].mean()
        assert after[1].mean() < before[1].mean()

    @pytest.mark.parametrize("name", ["planted", "affine-a"])
    @pytest.mark.parametrize(
        ("mutant", "product", "layer"),
        [
            ("l0-ov-rotated", "W_OV", 0),
            ("l0-ov-negated", "W_OV", 0),
            ("l1-output-rotated", "W_OV", 1),
            ("l2-ov-rotated", "W_OV", 2),
            ("l2-v-reads-l1", "W_OV", 2),
            ("l2-qk-randomised", "W_QK", 2),
        ],
    )
    def test_a_turn_keeps_the_spectrum(self, mutant, product, layer, name):
        before, after = (spectra(model(name, which), product, layer) for which in (None, mutant))
        assert torch.allclose(before, after, atol=1e-5 * float(before.max()))

    @pytest.mark.parametrize("name", ["planted", "affine-a"])
    def test_a_raised_rank_is_as_high_as_can_be_and_keeps_the_norm(self, name):
        before, after = (spectra(model(name, which), "W_OV", 1) for which in (None, "l1-rank-raised"))
        d_head = base(name).config.d_head
        assert torch.allclose(after.norm(dim=-1), before.norm(dim=-1))
        assert torch.allclose(after[:, :d_head], after[:, :1].expand(-1, d_head))
        ranks = effective_rank(model(name, "l1-rank-raised").W_OV.numpy())
        assert ranks[1].min() >= max(ranks[0].max(), ranks[2].max())

    @pytest.mark.parametrize("layer", [0, 1])
    @pytest.mark.parametrize("name", ["planted", "affine-a"])
    def test_what_is_written_into_the_embedding_lies_there_and_keeps_its_norm(self, name, layer):
        before, after = (model(name, which) for which in (None, f"l{layer}-writes-into-the-embedding"))
        inside = torch.linalg.qr(after.bridge.W_E.T).Q
        for written in (after.W_OV[layer], after.bridge.b_O[layer][None]):
            assert (written - written @ inside @ inside.T).abs().max() < 1e-5 * max(1, float(written.abs().max()))
        assert torch.allclose(after.W_OV[layer].norm(dim=(1, 2)), before.W_OV[layer].norm(dim=(1, 2)), rtol=1e-4)
        assert torch.allclose(after.bridge.b_O[layer].norm(), before.bridge.b_O[layer].norm(), atol=1e-4)

    @pytest.mark.parametrize(("mutant", "layer", "factor"), [("l0-not-read-directly", 0, 0.0), ("l1-loud", 1, 4.0)])
    def test_what_is_written_is_scaled_where_it_is_read_and_nowhere_else(self, mutant, layer, factor):
        before, after = (model("affine-a", which).W_OV[layer] for which in (None, mutant))
        W_U = model("affine-a").bridge.W_U
        read = torch.linalg.qr(W_U).Q
        assert torch.allclose(after @ W_U, factor * before @ W_U, atol=1e-5)
        assert torch.allclose(after - after @ read @ read.T, before - before @ read @ read.T, atol=1e-5)

    @pytest.mark.parametrize("mutant", [mutant.name for mutant in MUTANTS if mutant.trained_only])
    def test_of_nothing_no_more_can_be_made(self, mutant):
        inputs = at_random(SMALL).inputs
        assert torch.allclose(model("planted", mutant)(inputs), model("planted")(inputs), atol=1e-5)

    def test_only_head_0_falls_silent(self):
        before, after = (model("affine-a", which).W_OV[0] for which in (None, "l0-one-head-silent"))
        assert after[0].norm() < 1e-5 * before[0].norm()
        assert torch.allclose(after[1:], before[1:], atol=1e-6)

    def test_layer_2_has_the_ov_of_layer_0(self):
        after = model("affine-a", "l2-ov-of-layer-0").W_OV
        assert torch.equal(after[2], after[0])
        assert not torch.equal(after[2], after[1])

    def test_hidden_coordinates_make_no_difference(self):
        inputs = at_random(ModelConfig()).inputs
        without = inputs.clone()
        without[..., 1::2] = 0
        half = model("affine-a", "every-other-coordinate-hidden")
        assert (half(inputs) - half(without)).abs().max() < 1e-4
        assert (half(inputs) - model("affine-a")(without)).abs().max() < 1e-4

    def test_only_head_0_turns_positive(self):
        of = PROPERTIES["l2.ov-negative-copying"]
        before, after = (of.measure(model("planted", which)).per_head for which in (None, "l2-ov-one-head-positive"))
        assert after[0] == pytest.approx(-before[0])
        assert after[1:] == pytest.approx(before[1:])

    def test_layers_change_places(self):
        before, after = (
            folded(base("planted")).tensors,
            mutate(base("planted"), BY_NAME["layers-0-and-2-swapped"]).tensors,
        )
        for name, tensor in after.items():
            parts = name.split(".")
            if parts[0] == "blocks":
                parts[1] = str(2 - int(parts[1]))
            assert torch.equal(tensor, before[".".join(parts)])

    def test_predictions_move_by_a_hundredth_in_mse(self):
        drawn = at_random(ModelConfig(), batch=250)
        before, after = (
            prediction_errors(model("affine-a", which)(drawn.inputs), drawn.targets, first=2).mean()
            for which in (None, "predictions-shifted")
        )
        assert after - before == pytest.approx(0.01, rel=0.02)
