"""Sentences on a sweep, on made-up rows."""

import pytest

from recint.pages import sweep_sentences
from recint.sweep.emergence import order, sweep

from ..sweep_rows import ONE, REVERSE, row, training, unread


@pytest.mark.parametrize(
    ("rows", "headline", "when"),
    [
        ([unread()], "No checkpoint could be judged", "Below is why."),
        (
            training("one", a="rrss", b="ssss", c="rrrr"),
            "2 of 3 claims hold in the one trained network",
            "1 appears between step 100 and 200; 1 holds from the first snapshot on.",
        ),
        (
            [row("a", "supported", series="x"), row("a", "supported", series="y"), row("b", "supported", series="y")],
            "1 of 2 claims holds in both trained networks",
            "1 more holds in some; none came with snapshots, so when a claim begins to hold is not known.",
        ),
        (training("one", a="rrrr"), "0 of 1 claim hold in the one trained network", "None of them holds at the end."),
    ],
)
def test_what_holds_and_since_when(rows, headline, when):
    found = sweep(rows)
    assert sweep_sentences.headline(found) == headline
    assert sweep_sentences.when(found) == when


def test_when_a_claim_begins_is_told_over_all_trainings():
    rows = [*training("one", a="rsss", b="rrrr", c="ssss"), *training("two", a="rrss", b="rrrr", c="rrrr")]
    a, c, b = (
        order(sweep(rows)) if len(order(sweep(rows))) == 3 else (*order(sweep(rows)), sweep(rows).appearances("b"))
    )
    told = {claim.claim: sweep_sentences.begins(claim) for claim in (a, b, c)}
    assert told["a"] == "in both trainings, begins to hold by steps 100 to 200"
    assert told["b"] == "holds for good in none of 2 trainings"
    assert told["c"] == "in 1 of 2 trainings, holds from the first snapshot on"


def test_how_far_trainings_agree_is_told_where_there_are_two():
    both = order(sweep([*training("x", **ONE), *training("y", **REVERSE)]))
    assert "rank correlation -1.00 over 3 claims, between two trainings" in sweep_sentences.order_alike(both)
    assert sweep_sentences.order_alike(order(sweep(training("x", **ONE)))) == ""
    assert sweep_sentences.first_and_last(order(sweep(training("x", a="rsss", b="rrrs")))) == (
        "First to appear is a (step 100), last b (step 300)"
    )


def test_roles_are_told_by_the_step_at_which_half_of_their_claims_hold():
    assert sweep_sentences.roles(sweep(training("x", **{"l0.a": "rsss", "l1.a": "rrss"}))) == (
        "Half of the claims hold: about l0 by step 100, about l1 by step 200."
    )
    assert sweep_sentences.roles(sweep(training("x", **{"l0.a": "rrrr"}))) == ""
