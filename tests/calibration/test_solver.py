"""A solver knows the next term, and looks like a model."""

import pytest
import torch

from recint.calibration.roles import Roles
from recint.calibration.solver import Solver
from recint.domain import Condition
from recint.statistics.errors import prediction_errors

from .plants import EXTREMES, drawn, planted


class TestSolver:
    @pytest.mark.parametrize(("c", "length"), [(None, 14), *EXTREMES, (-1.0, 14), (1.0, 5), (0.5, 14)])
    def test_knows_the_next_term(self, c, length):
        solver = Solver()
        recurrences = drawn(solver, c=c, length=length)
        assert prediction_errors(solver(recurrences.inputs), recurrences.targets, first=2).max() < 1e-8

    def test_a_sequence_that_never_moves(self):
        still = torch.ones(1, 6, 8)
        assert torch.equal(Solver()(still), still)

    @pytest.mark.parametrize("length", [5, 14])
    def test_is_off_by_as_much_as_was_asked_for(self, length):
        solver = Solver(mse=1.6e-4)
        recurrences = drawn(solver, length=length, batch=2000)
        errors = prediction_errors(solver(recurrences.inputs), recurrences.targets, first=2)
        assert errors.mean() == pytest.approx(1.6e-4, rel=0.03)

    def test_noise_depends_on_inputs_and_seed_alone(self):
        inputs = drawn(Solver()).inputs
        first, again, other = (Solver(mse=1e-4, seed=seed)(inputs) for seed in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_looks_like_a_model(self):
        solver, model = Solver(), planted(Roles())
        assert solver.config == model.config
        assert solver.device == model.device
        assert solver.checkpoint.name == "solver-mse-0-seed-0"
        for length in (5, 14):
            at = Condition(c=0.5, length=length)
            seen, like = solver.intact(at), model.intact(at)
            assert seen.errors.shape == like.errors.shape
            assert seen.errors.max() < 1e-8
        inputs = drawn(solver).inputs
        assert (solver(inputs).shape, solver(inputs).dtype) == (model(inputs).shape, model(inputs).dtype)
