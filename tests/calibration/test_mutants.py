"""Mutants are killed by the claims that they were made for, and leave what is not about their role as it was."""

from dataclasses import replace

import pytest
import torch

from recint.calibration.mutants import MUTANTS, folded, mutate
from recint.calibration.planted import plant
from recint.calibration.roles import SMALL, Roles
from recint.checkpoint import ModelConfig
from recint.model import Model
from recint.model.untrained import untrained

from .mutated import BY_NAME, PROPERTIES, at_random, base, biased, model, statistic

# Claims that are false of every planted model, which does not predict, and whose layers 1 and 2 have no say in what it does;
# and one that holds of it whatever is made of what layer 1 writes where the unembedding reads: that is nothing.
ON_AFFINE_A = {
    "l0.heads-necessary",
    "l0.heads-necessary.mean",
    "l0.heads-necessary.resample",
    "l1.necessary",
    "l1.necessary.zero",
    "l1.necessary.resample",
    "l1.small-attribution",
    "l2.checkerboard",
    "l2.corrects-layer-0",
    "l2.ov-not-a-line",
    "model.predicts-next-term",
    "model.predicts-every-recurrence",
    "model.degrades-outside-training-range",
}
ON_WEIGHTS = (
    "l0.ov-line",
    "l1.low-effective-rank",
    "l2.ov-negative-copying",
    "composition.k-l1-l2",
    "composition.q-l1-l2",
    "composition.no-v",
    "l2.qk-similarity",
    "l2.ov-not-a-line",
)
ON_ACTIVATIONS = (
    "l0.previous-token",
    "l0.leads-attribution",
    "l0.writes-outside-embedding",
    "l1.second-position",
    "l1.small-attribution",
    "l1.writes-outside-embedding",
    "l2.subtracts-what-it-attends-to",
)
# What else moves, since it speaks of the same tensors.
STEERED = {"composition.k-l1-l2", "composition.q-l1-l2"}
SUBTRACTED = {"l2.subtracts-what-it-attends-to"}  # what layer 2 attends to holds what layer 0 wrote
LED = {"l0.leads-attribution"}  # layer 2 says more where it attends to more than position 0
ALSO_MOVES = {
    "l0-ov-rotated": {"composition.no-v", "l0.writes-outside-embedding", *SUBTRACTED},
    "l0-ov-negated": SUBTRACTED,
    # What is left of the output lies in the embedding, but for what rounding adds to the faint rest.
    "l0-not-read-directly": {"l0.ov-line", "l0.writes-outside-embedding", "composition.no-v", *SUBTRACTED},
    "l0-writes-into-the-embedding": {"l0.ov-line", "l1.low-effective-rank", "composition.no-v", *LED, *SUBTRACTED},
    "l1-rank-raised": {"composition.no-v", *STEERED},
    "l1-writes-into-the-embedding": {"composition.no-v", *STEERED},
    "l1-output-rotated": {"composition.no-v", "l1.writes-outside-embedding"},
    "l2-ov-rotated": {"l2.ov-not-a-line"},
    "l2-ov-of-layer-0": {"l2.ov-negative-copying", *LED, *SUBTRACTED},
    "l2-qk-randomised": {*LED, *SUBTRACTED},
    "l2-attends-uniformly": {*LED, *SUBTRACTED},
    "l2-v-reads-l1": {"l2.ov-negative-copying", "l2.ov-not-a-line"},  # from -0.95 to -0.957, and from 0.976 to 0.954
    "layers-0-and-2-swapped": {
        "composition.no-v", "l0.writes-outside-embedding", "l2.qk-similarity", "l2.ov-not-a-line", *LED, *STEERED,
    },
    "attends-uniformly": {"l0.previous-token", "l1.second-position", *LED, *SUBTRACTED},
    "every-other-coordinate-hidden": {"l0.ov-line", "l2.ov-not-a-line"},
}  # fmt: skip
RANDOM = {
    "l0-ov-rotated",
    "l0-writes-into-the-embedding",
    "l1-rank-raised",
    "l1-writes-into-the-embedding",
    "l1-output-rotated",
    "l2-ov-rotated",
    "l2-qk-randomised",
}
# Tensors of the attention, by layer, and others.
TOUCHED = {
    "l0-attends-to-the-token-before-last": "0.W_Q",
    "l0-attends-to-the-token-itself": "0.W_K",
    "l0-attends-uniformly": "0.W_Q 0.b_Q",
    "l0-ov-rotated": "0.W_O",
    "l0-ov-negated": "0.W_O",
    "l0-one-head-silent": "0.W_O",
    "l0-not-read-directly": "0.W_O",
    "l0-writes-into-the-embedding": "0.W_O 0.b_O",
    "l1-attends-to-position-0": "1.W_K",
    "l1-attends-uniformly": "1.W_Q 1.b_Q",
    "l1-rank-raised": "1.W_V 1.W_O",
    "l1-writes-into-the-embedding": "1.W_O 1.b_O",
    "l1-output-rotated": "1.W_O",
    "l1-silent": "1.W_O",
    "l1-loud": "1.W_O",
    "l2-ov-negated": "2.W_O",
    "l2-ov-one-head-positive": "2.W_O",
    "l2-ov-rotated": "2.W_O",
    "l2-ov-of-layer-0": "2.W_V 2.W_O",
    "l2-qk-randomised": "2.W_Q 2.W_K",
    "l2-attends-uniformly": "2.W_Q 2.b_Q",
    "l2-silent": "2.W_O",
    "l2-v-reads-l1": "2.W_V",
    "attends-uniformly": "0.W_Q 0.b_Q 1.W_Q 1.b_Q 2.W_Q 2.b_Q",
    "every-other-coordinate-hidden": "embed.W_E",
    "predictions-shifted": "unembed.b_U",
}


@pytest.mark.parametrize(
    ("mutant", "claim"),
    [(mutant.name, claim) for mutant in MUTANTS for claim in mutant.killed_by if claim != "l2.qk-identity"],
)
def test_a_mutant_crosses_the_threshold_of_the_claim_it_was_made_for(mutant, claim):
    judge = PROPERTIES[claim].claim
    name = "affine-a" if claim in ON_AFFINE_A else "planted"
    assert judge.holds(statistic(claim, name))
    assert not judge.holds(statistic(claim, name, mutant))


def test_a_silent_layer_2_loses_the_contrast_of_the_stand_in():
    claim = PROPERTIES["l2.qk-identity"].claim
    contrast = next(contrast for contrast in claim.contrasts if "flipped" in contrast.name)
    found = []
    for mutant in (None, "l2-silent"):
        seen = PROPERTIES[claim.id].measure(
            model("affine-a", mutant), claim.domain.reference(ModelConfig(), batch=32, seed=0)
        )
        with_flipped, with_stand_in = seen.contrasts[contrast.name].mean(0)
        found.append(with_flipped / with_stand_in)
    assert found[0] >= contrast.threshold > found[1] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("mutant", BY_NAME)
def test_claims_about_other_roles_see_no_difference(mutant):
    moves = {*BY_NAME[mutant].killed_by, *ALSO_MOVES.get(mutant, ())}
    for claims, tolerance in ((ON_WEIGHTS, 1e-4), (ON_ACTIVATIONS, 0.02)):
        for claim in set(claims) - moves:
            before, after = statistic(claim, "planted"), statistic(claim, "planted", mutant)
            assert after == pytest.approx(before, abs=tolerance), claim


@pytest.mark.parametrize("mutant", TOUCHED)
def test_only_what_is_broken_is_touched(mutant):
    before, after = folded(base("biased")).tensors, mutate(base("biased"), BY_NAME[mutant]).tensors
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    named = (name.split(".") for name in TOUCHED[mutant].split())
    assert changed == {f"blocks.{where}.attn.{last}" if where.isdigit() else f"{where}.{last}" for where, last in named}


class TestFolded:
    @pytest.mark.parametrize(
        "of",
        [
            lambda: base("affine-a"),
            lambda: plant(Roles(), folded=False),
            lambda: biased(untrained(replace(SMALL, n_layers=2), seed=0, init_range=0.2)),
        ],
        ids=["affine-a", "planted", "biased"],
    )
    def test_is_the_same_function(self, of):
        checkpoint = of()
        inputs = at_random(checkpoint.config).inputs
        fold = folded(checkpoint)
        assert (Model(fold)(inputs) - Model(checkpoint)(inputs)).abs().max() < 1e-5
        for name, tensor in fold.tensors.items():
            if ".ln" in f".{name}":
                assert torch.equal(tensor, torch.full_like(tensor, name.endswith(".w")))
            if name.endswith(("W_E", "W_pos", "W_O", "b_O", "W_out", "b_out")):
                assert tensor.mean(-1).abs().max() < 1e-6
            if name.endswith("b_V"):
                assert not tensor.any()

    def test_an_unfolded_base_gives_the_same_mutants(self):
        # Those of equal singular values are left out: which vectors belong to them is up to rounding.
        for name in ("l0-attends-to-the-token-before-last", "l1-attends-to-position-0", "l2-qk-randomised"):
            pair = [Model(mutate(plant(Roles(), folded=fold), BY_NAME[name])) for fold in (True, False)]
            inputs = at_random(SMALL).inputs
            assert (pair[0](inputs) - pair[1](inputs)).abs().max() < 1e-4


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
class TestEveryMutant:
    def test_depends_on_checkpoint_and_seed_alone(self, mutant):
        first, again, other = (mutate(base("planted"), mutant, seed=seed).sha256 for seed in (0, 0, 1))
        assert first == again
        assert (first != other) == (mutant.name in RANDOM)

    def test_is_a_checkpoint_of_the_same_shape_named_for_both(self, mutant):
        before, after = base("planted"), mutate(base("planted"), mutant)
        assert after.name == f"planted-0:{mutant.name}"
        assert (after.config, after.path) == (before.config, None)
        for name, tensor in after.tensors.items():
            assert (tensor.shape, tensor.dtype) == (before.tensors[name].shape, torch.float32)
            assert torch.isfinite(tensor).all()

    @pytest.mark.parametrize(
        "config",
        [
            ModelConfig(n_layers=4, n_heads=1, d_model=16, d_head=4, d_mlp=8, n_ctx=6, d_vocab=5),
            ModelConfig(n_layers=3, n_heads=3, d_model=8, d_head=12, d_mlp=4, n_ctx=20, d_vocab=9),
        ],
        ids=["one head, four layers", "wide heads, no room"],
    )
    def test_other_shapes(self, mutant, config):
        made = mutate(biased(untrained(config, seed=0, init_range=0.2)), mutant)
        assert {name: tuple(tensor.shape) for name, tensor in made.tensors.items()} == config.shapes
        assert all(torch.isfinite(tensor).all() for tensor in made.tensors.values())

    def test_what_cannot_be_broken_is_refused(self, mutant):
        for name, value in (("n_layers", 2), ("n_ctx", 3)):
            checkpoint = untrained(replace(SMALL, **{name: value}), seed=0, init_range=0.2)
            with pytest.raises(ValueError, match=rf"untrained-0: {name}={value} must be at least {value + 1}"):
                mutate(checkpoint, mutant)

    def test_was_made_for_claims_that_exist(self, mutant):
        assert mutant.killed_by
        assert set(mutant.killed_by) <= PROPERTIES.keys()
        assert mutant.role.endswith(".")


def test_names_are_unique():
    assert len(BY_NAME) == len(MUTANTS)
