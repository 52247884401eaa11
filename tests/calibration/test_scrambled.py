"""Scrambled checkpoints keep their numbers and lose their circuit."""

import torch

from recint.calibration.scrambled import scrambled
from recint.model import Model

from .mutated import PROPERTIES, base, measured


class TestScrambled:
    def test_keeps_the_numbers_of_every_tensor_and_not_their_places(self):
        before, after = base("affine-a"), scrambled(base("affine-a"), seed=0)
        for name, tensor in before.tensors.items():
            assert after.tensors[name].shape == tensor.shape
            assert torch.equal(after.tensors[name].flatten().sort().values, tensor.flatten().sort().values)
            assert not torch.equal(after.tensors[name], tensor)

    def test_is_no_circuit(self):
        chaos = Model(scrambled(base("planted"), seed=0))
        for claim in ("l0.previous-token", "l1.second-position", "l2.ov-negative-copying", "composition.k-l1-l2"):
            prop = PROPERTIES[claim]
            assert not prop.claim.holds(measured(prop, chaos)), claim

    def test_a_seed_is_an_order(self):
        first, again, other = (scrambled(base("planted"), seed=seed) for seed in (0, 0, 1))
        assert first.sha256 == again.sha256 != other.sha256
        assert first.name == "planted-0:scrambled-0"
