"""How a domain carries over to another task."""

from dataclasses import replace

import pytest

from recint.carry_over import carried, require_position
from recint.domain import Domain
from recint.judging.claim import Unmet
from recint.recurrence import REFERENCE
from recint.task import ticks

FULL, AS_TRAINED, FIVE = (5, 14), (14, 14), (5, 5)


def on(task=REFERENCE, c=(-2.0, 2.0), length=FULL, *, either_sign=False, **changes):
    made = carried(c, length, either_sign=either_sign, task=replace(task, **changes))
    return made.c, made.length, made.estimated


@pytest.mark.parametrize(
    "domain", [Domain(), Domain(c=(3.0, 4.0), either_sign=True), Domain(c=(-2.0, -0.5), length=(6, 14))]
)
def test_on_the_notebooks_task_a_domain_is_as_it_is_declared(domain):
    assert on(c=domain.c, length=domain.length, either_sign=domain.either_sign) == (domain.c, domain.length, 14)


def test_all_of_the_notebooks_coefficients_become_all_of_the_tasks():
    assert on(c=(-2.0, 2.0), task=replace(REFERENCE, c=(-3.0, 3.0)))[0] == (-3.0, 3.0)
    assert on(c=(-2.0, 2.0), task=replace(REFERENCE, c=(0.5, 1.0)))[0] == (0.5, 1.0)
    assert on(c=(-2.0, -0.5), task=replace(REFERENCE, c=(-3.0, 3.0)))[0] == (-2.0, -0.5)


def test_lengths():
    assert on(length=FULL, order=2) == ((-2.0, 2.0), (6, 14), 14)
    assert on(task=replace(REFERENCE, length=64)) == ((-2.0, 2.0), (5, 64), 64)
    assert on(task=replace(REFERENCE, length=64), length=AS_TRAINED)[1] == (64, 64)
    assert on(task=replace(REFERENCE, length=64), length=FIVE)[1:] == ((5, 5), 5)
    assert on(task=replace(REFERENCE, length=6), length=(5, 10))[1:] == ((5, 6), 6)
    assert on(task=replace(REFERENCE, length=4), length=AS_TRAINED)[1] == (4, 4)
    assert on(task=replace(REFERENCE, length=20), length=(5, 16))[1:] == (
        (5, 22),
        20,
    )  # two terms more than in training


def test_coefficients():
    assert on(c=(-2.0, 2.0), task=replace(REFERENCE, c=(0.25, 0.75)))[0] == (0.25, 0.75)
    assert on(c=(1.0, 2.0), either_sign=True, task=replace(REFERENCE, c=(-1.5, 3.0)))[0] == (1.0, 1.5)
    assert on(c=(3.0, 4.0), either_sign=True, task=replace(REFERENCE, c=(-1.0, 2.5)))[0] == (3.0, 4.0)


@pytest.mark.parametrize(
    ("asked", "task", "said"),
    [
        ({"c": (0.5, 2.0)}, {"c": (-1.0, 0.2)}, "speaks of c from 0.5 to 2, but the task has c from -1 to 0.2"),
        (
            {"c": (1.0, 2.0), "either_sign": True},
            {"c": (0.0, 2.0)},
            "speaks of .c. from 1 to 2, but the task has c from 0 to 2",
        ),
        (
            {"c": (3.0, 4.0), "either_sign": True},
            {"c": (-5.0, 0.0)},
            "beyond training, .c. from 3 to 4, but the task has some",
        ),
        ({"length": FULL}, {"length": 4}, "speaks of 5 terms or more, but the task's sequences have 4"),
        (
            {"length": FIVE},
            {"order": 2},
            "speaks of 5 terms, but at order=2 nothing can be predicted from fewer than 6",
        ),
    ],
)
def test_nothing_left_is_one_sentence(asked, task, said):
    with pytest.raises(Unmet, match=said):
        on(task=replace(REFERENCE, **task), **asked)


def test_a_position_beyond_the_sequences_is_one_sentence():
    drawn = replace(REFERENCE, length=6).sample(1, seed=0)
    require_position(4, drawn)
    with pytest.raises(Unmet, match="reads position 5, but the sequences of the task have positions 0 to 4"):
        require_position(5, drawn)


def test_ticks_lie_within():
    assert ticks((-2.0, 2.0))[:2] == [-2.0, -1.9]
    assert ticks((0.25, 0.25)) == [0.25]
