"""The notebook's family."""

import torch

from recint.recurrence import REFERENCE


def test_the_next_terms_are_those_of_the_equation():
    drawn = REFERENCE.sample(20, seed=0)
    by_hand = drawn.offset[:, None] + drawn.coefficients[:, :, None] * drawn.terms
    torch.testing.assert_close(drawn.next_terms(), by_hand)
    torch.testing.assert_close(drawn.next_terms()[:, :-1], drawn.targets, atol=2e-6, rtol=1e-5)
