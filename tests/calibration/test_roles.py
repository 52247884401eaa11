"""Roles, by themselves and combined."""

from dataclasses import replace

import pytest

from recint.calibration.planted import plant
from recint.calibration.roles import ROLES, SMALL, Roles, combinations
from recint.calibration.truth import truth

from .plants import BARS, DECIDED_BY, bar_of


class TestCombinations:
    def test_every_role_is_left_out_and_is_alone(self):
        named = dict(combinations())
        assert len(named) == len(combinations()) >= 16
        verdicts = {
            name: {claim for claim, holds in truth(roles, BARS).items() if holds} for name, roles in named.items()
        }
        everything = set(DECIDED_BY)
        assert verdicts["all present"] == everything
        assert verdicts["all absent"] == set()
        for role in ROLES:
            assert verdicts[f"without {role}"] == everything - {bar_of(role).id}
            assert verdicts[f"only {role}"] == {bar_of(role).id}
        assert verdicts["previous_token in a majority of heads"] == everything
        assert verdicts["previous_token in too few heads"] == everything - {"l0.previous-token"}

    @pytest.mark.parametrize("heads", ["share", "split"])
    def test_all_can_be_planted(self, heads):
        for _, roles in combinations():
            plant(roles, heads=heads)

    def test_other_numbers_of_heads(self):
        config = replace(SMALL, n_heads=4)
        for _, roles in combinations(n_heads=4):
            plant(roles, config=config)


@pytest.mark.parametrize(
    ("role", "value", "message"),
    [
        ("previous_token", 1.0, r"previous_token=1.0 must lie between 0 and 1"),
        ("second_position", 4.0, r"second_position=4.0 must lie between 0 and 4"),
        ("second_position", (2.0,) * 7 + (5.0,), r"second_position=\(2.0, .*, 5.0\) must lie between 0 and 4"),
        ("ov_line", float("nan"), r"ov_line=nan must lie between -1 and 1"),
        ("qk_similarity", 1.1, r"qk_similarity=1.1 must lie between -1 and 1"),
        ("negative_copying", -1.1, r"negative_copying=-1.1 must lie between -1 and 1"),
        ("low_rank", 1.0, r"low_rank=1.0 must lie below 1"),
        ("v_composition", -0.1, r"v_composition=-0.1 must be at least 0"),
    ],
)
def test_in_any_model(role, value, message):
    with pytest.raises(ValueError, match=message):
        Roles(**{role: value})
