"""A condition with a transformation is a place of the engine: it is searched, told, and made again from its code."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recint import catalogue
from recint.checkpoint import ModelConfig, load
from recint.domain import (
    Between,
    Condition,
    Flip,
    Permutation,
    Rotation,
    Scale,
    Shift,
    Swap,
    Transformed,
    Turned,
)
from recint.judging.search import RETEST, search
from recint.model import Model
from recint.strategies import transformations, transformed

from .made_up import claim, constant, model

CONFIG = ModelConfig(d_vocab=5)
AT = Condition(c=-0.5, length=7, seed=3, batch=4)
PLACE = Transformed(at=AT, by=Rotation(2))
VISITED = (Swap(0, 1), Flip(0), Permutation(0), Permutation(1), Rotation(0), Rotation(1))


@given(by=transformations(), c=st.sampled_from((-0.5, 0.0, Between(-1.0, 1.0))))
def test_it_is_its_condition_and_draws_what_that_draws(by, c):
    at = Condition(c=c, length=7, seed=3, batch=4)
    place = Transformed(at=at, by=by)
    assert (place.size, place.seed, place.length) == (4, 3, 7)
    assert (place.coordinate, place.simplicity) == (at.coordinate, at.simplicity)
    drawn, plain = place.sample(CONFIG), at.sample(CONFIG)
    for name in ("terms", "coefficients", "offset"):
        assert torch.equal(getattr(drawn, name), getattr(plain, name))


def test_it_draws_again_with_the_same_transformation():
    assert PLACE.again(batch=9, seed=8) == Transformed(at=Condition(c=-0.5, length=7, seed=8, batch=9), by=Rotation(2))


def test_places_differ_if_their_transformations_do():
    assert len({PLACE, Transformed(at=AT, by=Rotation(2)), Transformed(at=AT, by=Rotation(3))}) == 2


def test_it_is_measured_alone():
    assert PLACE.shape is None
    assert PLACE.beside([]) is PLACE
    with pytest.raises(TypeError, match="cannot be measured beside others"):
        PLACE.beside([PLACE])


def test_it_is_told_with_its_transformation():
    assert PLACE.brief() == "c = -0.5, 7 terms, a random rotation (seed 2)"
    assert PLACE.equation() == (
        "a random rotation (seed 2) of recurrences a_(j+1) = c a_j + d with c = -0.5, 7 terms, "
        "d ~ U(-2, 2)^m, a_0 ~ U(-3, 3)^m, then scaled"
    )


@pytest.mark.parametrize("by", [Swap(0, 1), Flip(2), Permutation(1), Rotation(2), Scale(0.5), Shift(0.3, 4)])
@pytest.mark.parametrize("c", [0.5, Between(-2.0, 2.0)])
def test_its_code_imports_what_it_names_and_gives_the_value_of_a_shipped_claim_again(tiny, by, c):
    at = Transformed(at=Condition(c=c, seed=5, batch=6), by=by)
    code = Model(load(tiny)).snippet(at)
    names = {}
    exec("\n".join(code.imports), names)
    kinds = {"Condition", "Transformed", type(by).__name__} | ({"Between"} if isinstance(c, Between) else set())
    assert {name for name in names if not name.startswith("__")} == kinds | {"Model", "load"}
    exec("\n".join(code.lines), names)
    assert names["at"] == at
    turning = catalogue.find("model.rotation")
    again = turning.measure(names["model"], names["at"])
    assert again.value == turning.measure(Model(load(tiny)), at).value
    assert again.values.shape == (6, 2)


def fails_where(failing):
    """The property of a made-up claim about every rotation that fails where `failing` says. Six rotations are visited."""
    made = claim(domain=Turned(c=(-0.2, 0.2), length=(5, 5), visited=6))

    @made(figure=lambda model, evidence: "<svg/>")
    @given(at=transformed(made.domain))
    def test(model, at):
        made.check(torch.full((at.size,), 2.0 if failing(at) else 0.0), at)

    return test.recint_property


@pytest.mark.parametrize(
    ("failing", "simplest"),
    [
        (lambda by: isinstance(by, Swap | Rotation) and by not in VISITED, Swap(0, 2)),
        (lambda by: isinstance(by, Flip | Permutation) and by not in VISITED, Flip(1)),
        (lambda by: isinstance(by, Rotation) and by.seed >= 100, Rotation(100)),
    ],
)
def test_the_search_finds_the_simplest_rotation_at_which_a_claim_fails(failing, simplest):
    prop = fails_where(lambda at: failing(at.by))
    found = search(prop, model(constant(0.0)), seed=0, family=1).counterexample
    assert found.at == Transformed(
        at=prop.claim.domain.reference(ModelConfig(), batch=RETEST, seed=found.at.seed), by=simplest
    )
    assert found.at.equation() in found.text
    imported = ", ".join(sorted(("Between", "Condition", "Transformed", type(simplest).__name__)))
    assert f"from recint.domain import {imported}\n" in found.code


@pytest.mark.parametrize("visited", [Swap(0, 1), Flip(0), Permutation(1), Rotation(0)])
def test_the_search_finds_a_rotation_that_is_visited(visited):
    found = search(fails_where(lambda at: at.by == visited), model(constant(0.0)), seed=0, family=1).counterexample
    assert found.at.by == visited


def test_the_search_finds_nothing_where_no_rotation_matters():
    found = search(fails_where(lambda at: False), model(constant(0.0)), seed=0, family=1)
    assert found.counterexample is None
    assert {type(at.by) for at, _ in found.trials} == {Swap, Flip, Permutation, Rotation}
