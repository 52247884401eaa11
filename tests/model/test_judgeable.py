"""What the engine asks of a model of recurrences."""

from types import SimpleNamespace

import pytest

from recint.domain import (
    Between,
    Condition,
    Flip,
    Permutation,
    Recurrence,
    Rotation,
    Scale,
    Shift,
    Swap,
    Transformed,
    UniformVectors,
    Vector,
)
from recint.model.judgeable import Judgeable

from ..conftest import SMALL
from ..made_up import claim


class Stand(Judgeable):
    config, checkpoint = SMALL, SimpleNamespace(told=None, path="it's a model.pth")

    def __init__(self):
        self.looked = []

    def intact(self, at):
        self.looked.append(at)
        return SimpleNamespace(prediction=None)


DRAWN = Condition(c=0.5, length=9)


@pytest.mark.parametrize(
    ("at", "kinds"),
    [
        (Condition(c=Between(-2.0, 2.0), length=9), "Between, Condition"),
        (Recurrence(c=0.5, d=Vector(seed=3)), "Recurrence, Vector"),
        (DRAWN.single(2), "Condition, DrawnRecurrence"),  # whose name ends with that of another place
        (UniformVectors(), "UniformVectors"),
        (Transformed(at=DRAWN, by=Swap(0, 1)), "Condition, Swap, Transformed"),
        (Transformed(at=DRAWN, by=Flip(2)), "Condition, Flip, Transformed"),
        (Transformed(at=DRAWN, by=Permutation(2)), "Condition, Permutation, Transformed"),
        (Transformed(at=DRAWN, by=Rotation(2)), "Condition, Rotation, Transformed"),
        (Transformed(at=DRAWN, by=Scale(0.5)), "Condition, Scale, Transformed"),
        (Transformed(at=DRAWN, by=Shift(0.5, 1)), "Condition, Shift, Transformed"),
    ],
)
def test_a_snippet_rebuilds_the_place_and_imports_what_it_names_alone(at, kinds):
    found = Stand().snippet(at)
    assert f"from recint.domain import {kinds}" in found.imports
    names = {}
    exec("\n".join(found.imports), names)
    assert {*kinds.split(", "), "Model", "load"} == {name for name in names if not name.startswith("__")}
    exec(found.lines[1], names)
    assert names["at"] == at
    assert found.lines[0] == """model = Model(load("it's a model.pth"))"""


def test_a_model_without_a_file_is_named_where_the_reader_has_to_load_it():
    untrained = Stand()
    untrained.checkpoint = SimpleNamespace(told=None, path=None, name="untrained-0")
    assert untrained.snippet(DRAWN).lines[0] == "model = Model(load(...))  # 'untrained-0'"


def test_it_prepares_the_whole_pass_and_says_what_is_lacking():
    model, at = Stand(), Recurrence(c=0.5, length=9)
    model.prepare(at)
    assert model.looked == [at]
    assert model.unmet(claim(layers=(7,))) == "test.claim: speaks of layer 7, but the model has 2 of them"
    assert model.unmet(claim()) == ""
