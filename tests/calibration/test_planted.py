"""Planted models measure as they were built: the statistics of the claims, computed on them, are the roles' own numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recint.calibration.planted import plant
from recint.calibration.roles import ABSENT, ROLES, SMALL, Roles, combinations
from recint.calibration.solver import Solver
from recint.calibration.truth import truth
from recint.catalogue import properties
from recint.checkpoint import ModelConfig
from recint.domain import Domain
from recint.model.preconditions import unmet
from recint.statistics.attention import output_against_input, previous_token_attention
from recint.statistics.errors import prediction_errors
from recint.statistics.lines import signed_line_r2

from .plants import BARS, DECIDED_BY, EXTREMES, WEIGHTS, bar_of, drawn, planted

GRADED = Roles(
    previous_token=0.6,
    ov_line=0.6,
    second_position=2.4,
    low_rank=0.25,
    negative_copying=-0.6,
    subtracts=-0.36,
    k_composition=1.44,
    q_composition=0.96,
    v_composition=1.44,
    qk_similarity=0.6,
)


def unit(vectors):
    return vectors / vectors.norm(dim=-1, keepdim=True)


def line_r2(model, x):
    moved = model.unembed(unit(x) @ model.bridge.W_E @ model.W_OV[0].sum(0))
    return float(signed_line_r2(unit(x), moved).mean())


def on_recurrences(model, recurrences):
    """The statistics of activations, one number per head."""
    first, second, third = (f"blocks.{layer}.attn.hook_pattern" for layer in range(3))
    z, residual = "blocks.2.attn.hook_z", "blocks.2.hook_resid_pre"
    seen = model.run(recurrences.inputs, keep=[first, second, third, z, residual]).activations
    on_1 = seen[second][:, :, 3:, 1]
    subtracts = output_against_input(
        seen[z], seen[third], seen[residual], W_O=model.bridge.W_O[2], W_U=model.bridge.W_U, first=2
    )
    return {
        "previous_token": previous_token_attention(seen[first]).mean(0),
        "second_position": (on_1 * torch.arange(4, 4 + on_1.shape[-1])).mean((0, 2)),
        "subtracts": subtracts.mean(0),
        "ov_line": line_r2(model, recurrences.terms),
    }


def on_weights(model):
    return {role: statistic(model) for role, statistic in WEIGHTS.items()}


# How far a measurement may be off: LayerNorm's scale moves with the terms (attention), R^m less the all-ones vector has
# an odd dimension, so that R^2 varies from vector to vector (line), ranks are whole numbers, and the level of chance is
# drawn (composition).
TOLERANCE = {
    "previous_token": 0.01,
    "second_position": 0.03,
    "subtracts": 0.005,
    "ov_line": 0.025,
    "low_rank": 0.5 / 8 / 5.75 + 1e-6,
    "negative_copying": 1e-3,
    "k_composition": 0.03,
    "q_composition": 0.03,
    "v_composition": 0.03,
    "qk_similarity": 1e-3,
}


def assert_plays(measured, roles, context=""):
    for name, value in measured.items():
        off = np.abs(np.asarray(value) - np.asarray(getattr(roles, name))).max()
        assert off < TOLERANCE[name], f"{name}: {value}, but planted was {getattr(roles, name)} {context}"


@pytest.mark.parametrize("heads", ["share", "split"])
@pytest.mark.parametrize("roles", [Roles(), ABSENT, GRADED], ids=["present", "absent", "graded"])
class TestStatisticsAreTheRoles:
    def test_on_recurrences_at_every_extreme(self, roles, heads):
        for seed, (c, length) in enumerate([(None, 14), *EXTREMES]):
            model = planted(roles, seed % 2, heads, folded=seed % 2 == 0)
            assert_plays(on_recurrences(model, drawn(model, c=c, length=length)), roles, f"[c={c}, length={length}]")

    @pytest.mark.parametrize(("seed", "folded"), [(0, True), (1, False)])
    def test_on_weights(self, roles, heads, seed, folded):
        assert_plays(on_weights(planted(roles, seed, heads, folded)), roles)

    @pytest.mark.parametrize(("seed", "folded"), [(0, True), (1, False), (2, True)])
    def test_on_uniform_vectors(self, roles, heads, seed, folded):
        x = torch.rand(512, 8, generator=torch.Generator().manual_seed(0))
        assert line_r2(planted(roles, seed, heads, folded), x) == pytest.approx(roles.ov_line, abs=TOLERANCE["ov_line"])

    def test_the_same_function_unfolded(self, roles, heads):
        folded, unfolded = (planted(roles, 0, heads, fold) for fold in (True, False))
        inputs = drawn(folded).inputs
        assert (folded(inputs) - unfolded(inputs)).abs().max() < 1e-4
        assert any((folded.checkpoint.tensors[name] - unfolded.checkpoint.tensors[name]).abs().max() > 0.1
                   for name in ("blocks.0.ln1.w", "blocks.1.ln1.b", "blocks.2.attn.W_V", "unembed.b_U"))  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_a_role_left_out_leaves_the_others_alone(role):
    roles = replace(Roles(), **{role: getattr(ABSENT, role)})
    model = planted(roles, seed=3)
    assert_plays(on_recurrences(model, drawn(model)) | on_weights(model), roles)
    wrong = {claim for claim, holds in truth(roles, BARS).items() if not holds and DECIDED_BY.get(claim)}
    assert wrong == {bar_of(role).id}


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(n_heads=3, d_model=192, d_head=64, d_mlp=1, n_ctx=14, d_vocab=40),
        ModelConfig(n_heads=5, d_model=64, d_head=16, d_mlp=2, n_ctx=15, d_vocab=9),
    ],
    ids=["reference dimension", "odd dimension"],
)
def test_other_shapes(config):
    roles = replace(GRADED, k_composition=1.44)
    model = planted(roles, config=config)
    measured = on_recurrences(model, drawn(model)) | on_weights(model)
    # Few heads make coarse ranks, and fewer draws of the level of chance.
    wider = {"low_rank": 0.5 / config.n_heads / 6.5, "subtracts": 0.01} | dict.fromkeys(
        ("k_composition", "q_composition", "v_composition"), 0.06
    )
    for name, value in measured.items():
        tolerance = wider.get(name, TOLERANCE[name])
        assert np.abs(np.asarray(value) - getattr(roles, name)).max() < tolerance, name


# What claims measure on every planted model, and how far it may be off.
SETTLED = {
    "l0.leads-attribution": (1.0, 0.02),
    "l0.heads-necessary": (1.0, 0.2),
    "l0.heads-necessary.mean": (1.0, 0.2),
    "l0.heads-necessary.resample": (1.0, 0.3),
    "l0.one-head-dominates": (1.0, 0.15),
    "l0.one-head-dominates.mean": (1.0, 0.15),
    "l0.one-head-dominates.resample": (1.0, 0.15),
    "l1.small-attribution": (0.0, 1e-6),
    "l1.necessary": (1.0, 1e-4),
    "l1.necessary.zero": (1.0, 1e-4),
    "l1.necessary.resample": (1.0, 1e-4),
    "l2.corrects-layer-0": (0.0, 0.02),
    "composition.l1-steers-l2": (1.0, 1e-4),
    "circuit.minimal": (1.0, 0.05),
}
CONTRASTED = ("l2.qk-identity", "l2.ov-negative-identity")
OUTSIDE = ("l0.writes-outside-embedding", "l1.writes-outside-embedding")
PROPERTIES = {prop.claim.id: prop for prop in properties()}


@pytest.mark.parametrize("heads", ["share", "split"])
@pytest.mark.parametrize(
    "name", ["all present", "all absent", "only ov_line", "without v_composition", "previous_token in too few heads"]
)
class TestStatisticsOfOtherClaims:
    def seen(self, claim, name, heads):
        model = planted(dict(combinations())[name], 2, heads, folded=heads == "share")
        prop = PROPERTIES[claim]
        return (
            None
            if unmet(prop.claim, model)
            else prop.measure(model, Domain().reference(ModelConfig(), batch=200, seed=0))
        )

    def test_are_alike_in_all(self, name, heads):
        held = truth(Roles(), [PROPERTIES[claim].claim for claim in SETTLED])
        for claim, (value, tolerance) in SETTLED.items():
            if seen := self.seen(claim, name, heads):
                assert seen.value == pytest.approx(value, abs=tolerance), claim
                assert PROPERTIES[claim].claim.holds(seen.value) == held[claim]

    def test_lose_their_contrasts_where_layer_2_says_little(self, name, heads):
        for claim in CONTRASTED:
            if seen := self.seen(claim, name, heads):
                for contrast in PROPERTIES[claim].claim.contrasts:
                    above, below = seen.contrasts[contrast.name].mean(0)
                    assert above / below == pytest.approx(1, abs=0.05)
                    assert above / below < contrast.threshold

    def test_follow_from_v_composition(self, name, heads):
        roles = dict(combinations())[name]
        held = truth(roles, [PROPERTIES[claim].claim for claim in OUTSIDE])
        for claim, written_there in zip(OUTSIDE, (roles.v_composition, 0.0), strict=True):
            seen = self.seen(claim, name, heads).value
            # A random vector has an eighth of its square in the embedding: 8 of 64 directions.
            assert seen == pytest.approx((1 - written_there**2 / 8) ** 0.5 - (7 / 8) ** 0.5, abs=0.012)
            assert PROPERTIES[claim].claim.holds(seen) == held[claim]


def test_heads_may_differ():
    mixed = Roles(
        previous_token=(0.9,) * 5 + (0.1,) * 3,
        second_position=(1.0,) * 4 + (3.5,) * 4,
        negative_copying=(-0.95,) * 7 + (0.5,),
        subtracts=(-0.9, 0.9) * 4,
    )
    model = planted(mixed)
    assert_plays(on_recurrences(model, drawn(model)) | on_weights(model), mixed)
    held = truth(mixed, BARS)
    assert held["l0.previous-token"]  # 5 of 8
    assert not held["l1.second-position"]  # 4 of 8
    assert not held["l2.ov-negative-copying"]  # every head has to
    assert not held["l2.subtracts-what-it-attends-to"]  # 4 of 8


def test_the_previous_term_helps_to_predict():
    for heads in ("share", "split"):
        model = planted(Roles(), 0, heads)
        recurrences = drawn(model, batch=1000)
        errors, repeating = (
            prediction_errors(prediction, recurrences.targets, first=2).mean()
            for prediction in (model(recurrences.inputs), recurrences.inputs)
        )
        assert 2e-3 < errors < repeating / 2  # better than predicting a_i, and far from knowing


def test_a_seed_is_a_model():
    same, again, other = (plant(Roles(), seed=seed).sha256 for seed in (0, 0, 1))
    assert same == again != other


class TestWhatCannotBe:
    @pytest.mark.parametrize(
        ("role", "value", "message"),
        [
            ("k_composition", 5.0, r"k_composition=5.0 must be at most .* at d_model=64 and rank 4 of layer 1"),
            ("q_composition", 5.0, r"q_composition=5.0 must be at most"),
            ("v_composition", 4.0, r"v_composition=4.0 must be at most .* at d_model=64, d_vocab=8"),
            (
                "qk_similarity",
                -0.9,
                r"qk_similarity=-0.9 must lie between -0.\d* and 1 where layer 2's keys and queries",
            ),
            ("low_rank", -0.5, r"low_rank=-0.5 must be so that layer 1 has rank 1 to d_vocab=8"),
            ("low_rank", 0.99, r"low_rank=0.99 must be so that layer 1 has rank 1 to d_vocab=8"),
            ("subtracts", (-0.9, 0.0), r"subtracts=\(-0.9, 0.0\) must have one number for each of n_heads=8"),
        ],
    )
    def test_in_this_shape(self, role, value, message):
        with pytest.raises(ValueError, match=message):
            plant(Roles(**{role: value}))

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("n_layers", 2, r"n_layers=2 must be 3"),
            ("order", 2, r"order=2 must be 1"),
            ("d_vocab", 2, r"d_vocab=2 must be at least 3"),
            ("n_ctx", 3, r"n_ctx=3 must be at least 4"),
            ("d_head", 11, r"d_head=11 must be at least 12"),
            ("d_model", 32, r"d_model=32 must be at least 38"),
        ],
    )
    def test_shapes(self, field, value, message):
        with pytest.raises(ValueError, match=message):
            plant(Roles(k_composition=1.0, q_composition=1.0), config=replace(SMALL, **{field: value}))

    def test_options(self):
        with pytest.raises(ValueError, match="heads='each' must be share or split"):
            plant(Roles(), heads="each")
        with pytest.raises(ValueError, match="mse=-1 must be at least 0"):
            Solver(mse=-1)
        with pytest.raises(ValueError, match="order=2 must be 1"):
            Solver(config=replace(SMALL, order=2))
