"""The spectral radius is what it should be."""

import torch

from recint.families.matrix import matrices

from .test_family import usual


def test_the_spectral_radius_is_1():
    made = matrices(torch.tensor([0.0, 0.3, 1.0]), order=2, dim=7, seed=0)
    radius = torch.linalg.eigvals(made).abs().amax(-1)
    torch.testing.assert_close(radius, torch.ones(3, 2, dtype=torch.float64))
    first = made[0, 0]
    torch.testing.assert_close(first, first.mT)  # with nothing above the diagonal, eigenvectors are at right angles
    assert not torch.allclose(made[2, 0], made[2, 0].mT)


def test_the_first_scored_term_is_determined_by_those_before():
    of = usual("matrix", dim=3)
    assert of.first == 4
    drawn = of.sample(1, seed=0).terms[0].double()
    # a_(j+1) = A a_j + d has 3 * 3 + 3 unknowns: four steps of three coordinates
    known = torch.cat([drawn[:4], torch.ones(4, 1, dtype=torch.float64)], dim=1)
    solved = torch.linalg.solve(known, drawn[1:5])
    ahead = torch.cat([drawn[4], torch.ones(1, dtype=torch.float64)]) @ solved
    torch.testing.assert_close(ahead, drawn[5], atol=1e-3, rtol=1e-3)
