"""The replication table: against loops, and against an independent measurement."""

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from benchmarks.notebook_way import LOOPS
from recint.model import Model
from recint.model.untrained import untrained
from recint.replication.table import NUMBERS, replicate

from ..conftest import ORACLE
from .conftest import DEPENDENT, DRAWS, starting


class TestLoops:
    """Both columns of every number against a literal loop over recurrences, positions and heads."""

    def test_there_is_a_loop_for_every_number_that_depends_on_recurrences(self):
        assert set(LOOPS) == set(DEPENDENT)

    def test_numbers_of_the_weights_agree_with_loops(self, deep, rows):
        ov, qk = deep.W_OV.double().numpy(), deep.W_QK.double().numpy()
        size = ov.shape[-1]
        found = {name: row.notebook_way.value for name, row in rows.items() if name not in DEPENDENT}

        large = sum(abs(ov[1, 0, i, j]) > 0.05 for i, j in product(range(size), range(size)))
        assert found["Share of entries of the OV matrix beyond ±0.05, layer 1, head 0"] == large / size**2

        def score(matrix):
            eigenvalues = np.linalg.eigvals(matrix)
            return sum(eigenvalues).real / sum(abs(eigenvalue) for eigenvalue in eigenvalues)

        assert found["Eigenvalue score of OV, layer 1, head 2"] == pytest.approx(score(ov[1, 2]))
        expected = max(score(ov[2, head]) for head in range(8))
        assert found["Largest eigenvalue score of OV over the heads of layer 2"] == pytest.approx(expected)

        def composition(early, late, reader):
            pairs = product(range(8), range(8))
            norm = np.linalg.norm
            scores = [
                norm(ov[early, o] @ reader[late, i]) / norm(ov[early, o]) / norm(reader[late, i]) for o, i in pairs
            ]
            return np.mean(scores)

        readers = {"Q": qk, "K": qk.swapaxes(-1, -2)}
        for letter, reader in readers.items():
            expected = composition(1, 2, reader)
            assert found[f"{letter}-composition of layers 1 and 2, mean score"] == pytest.approx(expected, rel=1e-5)
        expected = max(composition(early, late, ov) for early, late in ((0, 1), (0, 2), (1, 2)))
        assert found["V-composition of any two layers, largest mean score"] == pytest.approx(expected, rel=1e-5)

        def rank(matrix):
            squares = np.linalg.svd(matrix, compute_uv=False) ** 2
            return next(count for count in range(1, size + 1) if squares[:count].sum() >= 0.95 * squares.sum())

        first, second, third = (np.mean([rank(ov[layer, head]) for head in range(8)]) for layer in range(3))
        others = (first + third) / 2
        lower = "Effective rank of OV in layer 1, below the mean of layers 0 and 2"
        assert found[lower] == pytest.approx(others - second)
        assert found["The same, as a share of that mean"] == pytest.approx(100 * (1 - second / others))


# Attribution of each layer's heads, with their signs, and of these and the MLPs without.
HEADS = [sum(ORACLE[f"l{layer}.dla_heads"]) for layer in range(3)]
OF_HEADS, OF_MLPS = (
    np.array([np.abs(ORACLE[f"l{layer}.{name}"]).sum() for layer in range(3)]) for name in ("dla_heads", "dla_mlp")
)
RANKS = [np.mean(ORACLE[f"l{layer}.ov_effective_rank_95"]) for layer in range(3)]
LOWER = (RANKS[0] + RANKS[2]) / 2 - RANKS[1]


class TestOracle:
    """Numbers of an independent implementation in float64, from the data that tests/model/test_transformer.py reads."""

    @pytest.mark.parametrize(
        ("start", "expected"),
        [
            ("Effective rank of OV in layer 1", LOWER),
            ("The same, as a share", 100 * LOWER / ((RANKS[0] + RANKS[2]) / 2)),
            ("Eigenvalue score of OV, layer 1, head 2", ORACLE["l1.ov_eigenvalue_score"][2]),
            ("Largest eigenvalue score of OV over the heads of layer 2", max(ORACLE["l2.ov_eigenvalue_score"])),
        ],
    )
    def test_numbers_of_the_weights(self, affine_rows, start, expected):
        assert starting(affine_rows, start).notebook_way.value == pytest.approx(expected, rel=1e-3)

    @pytest.mark.parametrize(
        ("start", "expected"),
        [
            ("MSE over all coefficients", ORACLE["mse"]),
            ("MSE at c = -1.5", ORACLE["mse_c-1.5"]),
            ("R^2 of the line on which layer 0", ORACLE["l0.ov_line_r2_recurrence_vectors"]),
            ("R^2 of that line for layer 2", ORACLE["l2.ov_line_r2_recurrence_vectors"]),
            ("Share of layer 0's output", ORACLE["l0.outside_embedding_fraction_block"] - (1 - 40 / 128) ** 0.5),
            ("MSE with head 0 of layer 0 zeroed", ORACLE["l0.zero_ablate_head_mse_ratio"][0]),
            ("MSE with head 7 of layer 0 zeroed", ORACLE["l0.zero_ablate_head_mse_ratio"][7]),
            ("MSE with the heads of layer 1 mean-ablated", ORACLE["l1.mean_ablate_layer_mse_ratio"]),
            ("Layer 0's share of the heads' direct attribution", OF_HEADS[0] / OF_HEADS.sum()),
            ("Direct attribution of layer 2's heads over", HEADS[2] / HEADS[0]),
            ("The MLPs' share", OF_MLPS.sum() / (OF_MLPS.sum() + OF_HEADS.sum())),
        ],
    )
    def test_sound_numbers_lie_within_sampling_error(self, affine_rows, start, expected):
        found = starting(affine_rows, start).sound_way
        # Twice the interval: the oracle is a sample too, and does not say of how many recurrences.
        assert abs(found.value - expected) < (found.high - found.low) + 0.02 * abs(expected), (found, found.interval)

    def test_the_line_on_uniform_vectors(self, affine_rows):
        found = starting(affine_rows, "R^2 of the line on which layer 0").notebook_way
        assert found.value == pytest.approx(ORACLE["l0.ov_line_r2_uniform_vectors"], rel=0.02)
        assert found.n == 150 * 13


def test_what_the_notebook_s_way_cannot_tell_it_does_not(rows):
    assert rows["MSE with the heads of layer 1 mean-ablated, over MSE"].notebook_way.value == pytest.approx(1, abs=1e-5)
    same = rows["MSE between the residual stream after layer 0 and before layer 1"]
    assert same.notebook_way.value == 0
    assert same.sound_way is None
    zeroed = [row.notebook_way for name, row in rows.items() if "zeroed" in name]
    assert len(zeroed) == 2
    assert zeroed[0] == zeroed[1]


def test_random_heads_score_zero_on_average(affine_rows):
    mean, spread = re.search(
        r"score (-?[\d.]+) ± (\d\.\d+)", affine_rows["Eigenvalue score of OV, layer 1, head 2"].why
    ).groups()
    assert abs(float(mean)) < 0.03
    assert 0 < float(spread) < 0.2


def test_the_same_seed_gives_the_same_table(deep, rows):
    assert replicate(deep, draws=DRAWS, seed=3) == tuple(rows.values())
    other = {row.name: row for row in replicate(deep, draws=DRAWS, seed=4, weights=False)}
    assert list(other) == DEPENDENT
    assert other["MSE over all coefficients"] != rows["MSE over all coefficients"]


def test_intervals_are_over_recurrences_and_hold_the_number(rows):
    for row in rows.values():
        sound = row.sound_way
        if sound and row.name in DEPENDENT:
            assert sound.low <= sound.value <= sound.high
            assert sound.n == DRAWS
        elif sound:
            assert sound.n is None


class TestNotApplicable:
    def test_layers_and_heads_that_are_not_there(self, small):
        rows = {row.name: row for row in replicate(Model(small), draws=3)}
        assert list(rows) == [number.name for number in NUMBERS]
        for number in NUMBERS:
            missing = max((*number.layers, *number.heads), default=0) > 1
            assert rows[number.name].applies is not missing, number.name
        slope = rows["Slope of that line for layer 2's OV"]
        assert slope.why == "Not applicable: it speaks of layer 2, but the model has 2 of them."
        assert slope.sound_way is None
        head = rows["MSE with head 7 of layer 0 zeroed, over MSE"]
        assert head.why == "Not applicable: it speaks of head 7, but the model has 2 of them."

    @pytest.mark.filterwarnings("ignore:invalid value")
    def test_a_model_of_zeros(self, small):
        rows = replicate(Model(untrained(replace(small.config, n_layers=3), seed=0, init_range=0.0)), draws=3)
        idle = {row.name: row.why for row in rows if not row.applies}
        scores = "Largest eigenvalue score of OV over the heads of layer 2"
        assert idle[scores] == "Not applicable: it divides by something that is zero in this model."
        assert not any("nan" in f"{row.notebook_way} {row.sound_way}" for row in rows)

    def test_a_model_whose_predictions_overflow(self, small):
        b_O = torch.full_like(small.tensors["blocks.0.attn.b_O"], 3e38)
        b_O[::2] *= -1
        rows = replicate(Model(replace(small, tensors=dict(small.tensors) | {"blocks.0.attn.b_O": b_O})), draws=3)
        idle = {row.name: row.why for row in rows if not row.applies}
        assert idle["MSE at c = -1.5"] == "Not applicable: 195 of the 195 values of prediction are NaN or infinite."
        assert not any("zero" in why for why in idle.values())
        assert not any("nan" in f"{row.notebook_way} {row.sound_way}" for row in rows)

    def test_what_goes_wrong_is_not_taken_for_it(self, small, monkeypatch):
        monkeypatch.setattr(
            "recint.replication.ov_circuit.outside_embedding", lambda *_, **__: np.zeros(2) @ np.zeros(3)
        )
        with pytest.raises(ValueError, match="mismatch in its core dimension"):
            replicate(Model(small), draws=3)

    def test_recurrences_of_another_order(self, small):
        model = Model(untrained(replace(small.config, order=2), seed=0, init_range=0.2))
        idle = {row.name: row.why for row in replicate(model, draws=3, weights=False) if not row.applies}
        formula = "Multiple m in a_i + m a_(i-1), as which the residual stream reads after layer 0"
        assert "it speaks of recurrences of order 1, but the model's have order 2" in idle[formula]
        assert "leave nothing to predict from position 4 on" in idle["MSE on sequences of 5 terms"]
        assert "MSE over all coefficients" not in idle


def test_what_no_table_can_be_made_of(small):
    with pytest.raises(ValueError, match="draws=1 must be at least 2"):
        replicate(Model(small), draws=1)
    short = Model(untrained(replace(small.config, n_ctx=9), seed=0))
    with pytest.raises(ValueError, match="n_ctx=9 and order=1, but sequences of length=14 need 13 positions"):
        replicate(short)
    large = {name: 1e30 * weight for name, weight in small.tensors.items() if name.startswith("blocks.1.attn.W_")}
    overflowing = Model(replace(small, tensors=dict(small.tensors) | large))
    told = f"{small.name}: its OV matrices, which are products of its weights, must be finite, but overflow: the notebook's"
    with pytest.raises(ValueError, match=told):
        replicate(overflowing)
