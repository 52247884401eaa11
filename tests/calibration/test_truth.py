"""What is true of a planted model follows from its roles."""

import pytest

from recint.calibration.roles import ABSENT, Roles
from recint.calibration.truth import truth
from recint.catalogue import properties

from .plants import BARS, Bar


def test_all_is_true_where_all_is_planted_and_nothing_where_nothing_is():
    decided = [bar for bar in BARS if not bar.id.startswith("model.")]
    assert set(truth(Roles(), decided).values()) == {True}
    assert set(truth(ABSENT, decided).values()) == {False}


@pytest.mark.parametrize(
    ("few", "holds"), [((0.9,) * 4 + (0.1,) * 4, False), ((0.9,) * 5 + (0.1,) * 3, True), ((0.5,) * 8, True)]
)
def test_a_claim_about_most_heads_is_true_of_more_than_half(few, holds):
    bar = Bar("l0.previous-token", ">=", 0.5)
    assert truth(Roles(previous_token=few), [bar]) == {"l0.previous-token": holds}


def test_what_the_construction_does_not_settle_is_left_out():
    assert truth(Roles(), [Bar("l0.nobody-knows", ">=", 0.5)]) == {}
    assert truth(Roles(), [Bar("l0.nobody-knows", ">=", 0.5, loss_share=True)]) == {}
    shipped = [prop.claim for prop in properties()]
    assert 20 < len(truth(Roles(), shipped)) < len(shipped)
