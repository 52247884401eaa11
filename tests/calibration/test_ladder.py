"""Models around the threshold of a claim."""

import pytest

from recint.calibration.ladder import ladder
from recint.calibration.roles import ROLES, Roles
from recint.calibration.truth import truth

from .plants import BARS, DECIDED_BY, WEIGHTS, Bar


class TestLadder:
    def test_three_rungs_around_each_threshold(self):
        rungs = ladder(BARS)
        assert len(rungs) == 3 * (len(ROLES) + 2)
        graded = {(rung.claim, rung.strength): rung for rung in rungs}
        assert graded["l0.previous-token", "weak"].roles == Roles(previous_token=0.6)
        assert graded["l0.previous-token", "near miss"].roles == Roles(previous_token=0.4)
        assert graded["l2.ov-negative-copying", "weak"].roles == Roles(negative_copying=-0.6)
        assert graded["composition.no-v", "weak"].roles.v_composition == pytest.approx(0.96)
        assert graded["model.predicts-next-term", "near miss"].mse == pytest.approx(2.4e-4)
        for rung in rungs:
            if rung.roles:
                assert truth(rung.roles, BARS)[rung.claim] == rung.holds == (rung.strength != "near miss")

    @pytest.mark.parametrize("claim", ["l1.low-effective-rank", "composition.no-v", "composition.k-l1-l2"])
    @pytest.mark.parametrize("heads", ["share", "split"])
    def test_weights_lie_on_the_side_of_the_threshold_that_is_planted(self, claim, heads):
        bar = next(bar for bar in BARS if bar.id == claim)
        for rung in ladder([bar]):
            value = WEIGHTS[DECIDED_BY[claim]](rung.model(heads=heads))
            assert (value >= bar.threshold if bar.relation == ">=" else value <= bar.threshold) == rung.holds

    def test_a_claim_that_is_not_settled_has_no_rung(self):
        assert ladder([Bar("l2.checkerboard", ">=", 1.5)]) == ()
        assert truth(Roles(), [Bar("l2.checkerboard", ">=", 1.5)]) == {}
