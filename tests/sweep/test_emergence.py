"""When claims begin to hold, in which order, and in how many networks, on made-up rows."""

from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from math import comb, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from recint.sweep import emergence
from recint.sweep.emergence import Appearance, Appearances, LeftOut, appearance, order, share, spread, sweep

from ..sweep_rows import LETTERS, ONE, REVERSE, row, training


@pytest.mark.parametrize(
    ("letters", "found"),
    [
        ("rrss", Appearance(200, 100)),
        ("rsrs", Appearance(300, 200)),
        ("srrr", None),
        ("rrrr", None),
        ("ssss", Appearance(0, None)),
        ("rssi", None),
        ("risv", None),
        ("vvss", Appearance(200, 100)),
        ("nnns", Appearance(300, 200)),
        ("ress", Appearance(200, 0)),
        ("rsse", Appearance(100, 0)),
        ("eess", Appearance(200, None)),
        ("eeee", None),
        ("", None),
    ],
)
def test_a_claim_begins_to_hold_where_it_is_supported_for_good(letters, found):
    assert appearance([(100 * at, LETTERS[letter]) for at, letter in enumerate(letters)]) == found


def test_a_step_without_a_verdict_widens_the_interval():
    found = sweep(training("one", a="r  s", b="rrss"))
    assert found.appearances("a").each == (Appearance(300, 0),)


def test_snapshots_are_put_in_the_order_of_their_steps():
    found = sweep(training("one", a="rrss")[::-1])
    assert [at.step for at in found.trainings[0].checkpoints] == [0, 100, 200, 300]
    assert found.appearances("a").each == (Appearance(200, 100),)


def test_finished_models_are_networks_of_their_own():
    rows = [row("a", "supported", series="models", path=f"{name}.pth", name=name) for name in "xyz"]
    found = sweep(rows)
    assert [network.name for network in found.networks] == ["x", "y", "z"]
    assert found.trainings == ()


def test_a_finished_model_among_snapshots_is_not_counted_twice():
    found = sweep([*training("one", a="rrss"), row("a", "refuted", series="one"), row("b", "refuted", series="one")])
    assert [len(network.checkpoints) for network in found.networks] == [4]
    assert found.left_out == (
        LeftOut(
            "runs/one/None.safetensors",
            "runs/one/None.safetensors: it has no step, unlike the snapshots of one that it lies among",
        ),
    )


def test_a_finished_model_at_the_last_step_is_the_last_snapshot():
    rows = training("one", a="rrss")
    copy = replace(rows[-1], path="runs/one")
    assert [len(network.checkpoints) for network in sweep([copy, *rows]).networks] == [4]


def test_a_model_with_the_tensors_of_another_is_not_counted_twice():
    rows = training("one", a="rrss")
    copy = replace(rows[-1], path="a.pth", series="a", step=None)
    alone = row("a", "supported", path="b.pth", series="b")
    found = sweep([copy, alone, replace(alone, path="c.pth", series="c"), *rows])
    assert [network.final.path for network in found.networks] == ["b.pth", "runs/one/300.safetensors"]
    assert found.left_out == (
        LeftOut("a.pth", "a.pth: its tensors are those of runs/one/300.safetensors"),
        LeftOut("c.pth", "c.pth: its tensors are those of b.pth"),
    )


def test_trainings_may_begin_with_the_same_tensors():
    rows = [*training("one", a="rrss"), *training("two", a="rrss")]
    found = sweep([replace(entry, sha256="0") if entry.step == 0 else entry for entry in rows])
    assert [len(network.checkpoints) for network in found.networks] == [4, 4]


def test_the_median_counts_networks_that_never_show_the_claim_as_the_latest():
    def half_by(*steps):
        return Appearances("a", tuple(step and Appearance(step, step - 1) for step in steps)).half_by

    assert half_by(300, 100, 200) == 200
    assert half_by(300, None, 200) == 300
    assert half_by(100, None) == 100
    assert half_by(100, None, None) is None
    assert half_by() is None


def test_claims_are_ordered_by_the_median_step_then_by_the_first():
    rows = [
        *training("one", never="rrrr", rare="ssss", late="rrrs", even="rrss", early="rsss"),
        *training("two", never="rrrr", rare="rrrr", late="rrrs", even="rrss", early="rrss"),
        *training("three", never="rrrr", rare="rrrr", late="rrss", even="rrss", early="rrss"),
    ]
    assert [claim.claim for claim in order(sweep(rows))] == ["early", "even", "late", "rare"]


def test_a_role_appears_when_half_of_its_claims_hold_in_half_of_the_trainings():
    claims = {
        "l0.a": "rrrs",
        "l0.b": "rsss",
        "l0.c": "rrss",
        "l1.a": "rsss",
        "l2.a": "rrrr",
        "l2.b": "rrrr",
        "l2.c": "ssss",
    }
    found = sweep([*training("one", **claims), *training("two", **claims | {"l1.a": "rrrr"})])
    assert emergence.roles(found) == [("l1", 100), ("l0", 200)]


LETTERS_OF = {0: "ssss", 100: "rsss", 200: "rrss", 300: "rrrs", inf: "rrrr"}


@given(st.lists(st.lists(st.sampled_from(sorted(LETTERS_OF)), min_size=4, max_size=4), min_size=1, max_size=5))
def test_agreement_is_the_mean_over_pairs_of_the_correlation_of_ranks(trainings):
    rows = [
        line
        for number, steps in enumerate(trainings)
        for line in training(
            f"t{number}", **{f"l0.{name}": LETTERS_OF[step] for name, step in zip("abcd", steps, strict=True)}
        )
    ]
    somewhere = [index for index in range(4) if any(steps[index] < inf for steps in trainings)]
    seen = [[steps[index] for index in somewhere] for steps in trainings]
    ordered = [steps for steps in seen if len(set(steps)) > 1]
    found = emergence.agreement(order(sweep(rows)))
    if len(ordered) < 2:
        assert found is None
    else:
        pairs = [spearmanr(one, other).statistic for one, other in combinations(ordered, 2)]
        assert found.correlation == pytest.approx(sum(pairs) / len(pairs), abs=1e-9)
        assert (found.claims, found.trainings) == (len(somewhere), len(ordered))


@pytest.mark.parametrize(("other", "correlation"), [(ONE, 1), (REVERSE, -1)])
def test_agreement_is_one_for_one_order_and_minus_one_for_its_reverse(other, correlation):
    found = emergence.agreement(order(sweep([*training("x", **ONE), *training("y", **other)])))
    assert found == emergence.Agreement(pytest.approx(correlation), 3, 2)


def binomial_tail(held, of, p):
    """The chance of so many or more, exactly."""
    return sum(comb(of, k) * p**k * (1 - p) ** (of - k) for k in range(held, of + 1))


@pytest.mark.parametrize("of", [1, 4, 9])
def test_the_interval_of_a_share_leaves_a_chance_of_one_in_forty_at_each_end(of):
    for held in range(of + 1):
        found = share(held, of)
        low, high = Fraction(found.low), Fraction(found.high)
        assert held == 0 or float(binomial_tail(held, of, low)) == pytest.approx(0.025, abs=1e-9)
        assert held == of or float(1 - binomial_tail(held + 1, of, high)) == pytest.approx(0.025, abs=1e-9)
    assert (share(0, of).low, share(of, of).high) == (0, 1)
    assert share(0, 0) == emergence.Share(0, 0, 0.0, 1.0)


def test_errors_are_no_networks_and_not_applicable_is_one_where_it_does_not_hold():
    rows = [row("a", LETTERS[letter]) for letter in "ssrne"]
    assert (emergence.held(rows).held, emergence.held(rows).of) == (2, 4)


def test_the_spread_is_that_of_what_was_measured():
    rows = [row("a", "supported", value=value) for value in (0.9, 0.1, None, 0.3, 0.2)]
    assert spread(rows) == emergence.Spread(0.25, 0.1, 0.9)
    assert spread(rows[2:3]) is None
