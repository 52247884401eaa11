"""Statistics of the terms of reference recurrences."""

from dataclasses import replace

import pytest

from recint.calibration.term_statistics import COPIED, term_statistics
from recint.recurrence import REFERENCE


def test_they_are_those_of_other_recurrences_too():
    found = term_statistics(8)
    terms = replace(REFERENCE, dim=8).sample(4000, seed=1).terms.double()
    assert terms[:, :-1].square().sum(-1).mean().item() == pytest.approx(found.energy, rel=0.05)

    def error(before):
        return (terms[:, 3:] - COPIED * terms[:, 2:-1] - before * terms[:, 1:-2]).square().mean().item()

    assert error(found.before) < min(error(found.before - 0.2), error(found.before + 0.2))
