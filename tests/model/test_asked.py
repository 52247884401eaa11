"""What the engine asks of a model of recurrences."""

from types import SimpleNamespace

from recint.domain import Between, Condition, Recurrence
from recint.model.asked import Asked

from ..conftest import SMALL
from ..made_up import claim


class Stand(Asked):
    config, checkpoint = SMALL, SimpleNamespace(path="it's a model.pth")

    def __init__(self):
        self.looked = []

    def intact(self, at):
        self.looked.append(at)
        return SimpleNamespace(prediction=None)


def test_a_snippet_rebuilds_the_place_and_imports_what_it_names_alone():
    at = Condition(c=Between(-2.0, 2.0), length=9)
    found = Stand().snippet(at)
    names = {}
    exec("\n".join(found.imports), names)
    assert {"Between", "Condition", "Model", "load"} == {name for name in names if not name.startswith("__")}
    exec(found.lines[1], names)
    assert names["at"] == at
    assert found.lines[0] == """model = Model(load("it's a model.pth"))"""


def test_it_prepares_the_whole_pass_and_says_what_is_lacking():
    model, at = Stand(), Recurrence(c=0.5, length=9)
    model.prepare(at)
    assert model.looked == [at]
    assert model.unmet(claim(layers=(7,))) == "test.claim: speaks of layer 7, but the model has 2 of them"
    assert model.unmet(claim()) == ""
