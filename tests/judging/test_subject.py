"""The engine judges what has no recurrences at all, through its protocols alone: dice that may be loaded."""

from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recint.claim import Claim as RecurrenceClaim
from recint.judging import subject
from recint.judging.claim import Claim
from recint.judging.judge import judge
from recint.model import Model
from recint.system.seeds import derive_seed


@dataclass(frozen=True)
class Throws:
    """Throws of the die with this number of sides."""

    sides: int
    size: int = 64
    seed: int = 0
    shape = None
    coordinate = None

    @property
    def simplicity(self):
        return (self.sides,)

    def beside(self, others):
        assert not others
        return self

    def single(self, number):
        return replace(self, size=1, seed=derive_seed(self.seed, number))

    def again(self, *, batch, seed):
        return replace(self, size=batch, seed=seed)

    def equation(self):
        return self.brief()

    def brief(self):
        return f"{self.sides} sides"


@dataclass(frozen=True)
class Dice:
    """Dice with up to so many sides."""

    most: int = 20

    def reference(self, config, *, batch, seed):
        return Throws(6, batch, seed)

    def conditions(self, config, *, batch, seed):
        return [Throws(sides, batch, seed) for sides in range(2, self.most + 1)]

    def words(self):
        return f"2 to {self.most} sides"


@dataclass(frozen=True)
class Shape:
    bias: float = 0.0


class Thrower:
    """Throws fairly, but for the dice that are loaded."""

    device = torch.device("cpu")

    def __init__(self, loaded=(), bias=0.0):
        self.loaded, self.config = loaded, Shape(bias)

    def share_of_largest(self, at):
        thrown = np.random.default_rng(derive_seed(at.seed, at.sides)).random(at.size)
        return thrown + (0.3 if at.sides in self.loaded else self.config.bias)

    def unmet(self, claim, *, untrained=False):
        return ""

    def prepare(self, at):
        pass

    def drawing(self):
        return nullcontext()

    def snippet(self, at):
        return subject.Snippet(
            ("from dice import Thrower, Throws",), (f"model = Thrower({self.loaded!r})", f"at = {at!r}")
        )

    def untrained(self, seed):
        return Thrower(bias=1.0)


FAIR = Claim(
    id="dice.fair",
    statement="A throw is at most 0.6 of the largest one on average, whatever the die.",
    quantifier="everywhere",
    statistic="throw / largest",
    relation="<=",
    threshold=0.6,
    source="made up",
    domain=Dice(),
)


@FAIR(figure=lambda model, evidence: "<svg/>")
@given(at=st.builds(Throws, st.integers(2, 20)))
def throws(model, at):
    FAIR.check(model.share_of_largest(at), at)


def judged(model):
    (entry,) = judge([throws.recint_property], model, stages=(1000,), controls=True)
    return entry


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RECINT_CACHE", str(tmp_path))


def test_fair_dice_are_fair_and_untrained_ones_are_not():
    entry = judged(Thrower())
    assert (entry.verdict, entry.estimate.n) == ("supported", 1000)


def test_the_die_that_is_loaded_is_found_with_code_that_throws_it_again():
    found = judged(Thrower(loaded=(13,))).search.counterexample
    assert found.where == "13 sides"
    assert found.code.splitlines()[:2] == [
        "from dice import Thrower, Throws",
        "from recint.catalogue import find",
    ]
    assert "at = Throws(sides=13, size=512, seed=" in found.code


def test_a_domain_of_another_subject_is_one_for_the_engine_and_none_for_claims_about_recurrences():
    assert isinstance(Dice(), subject.Domain)
    with pytest.raises(ValueError, match=r"domain=Dice\(most=20\) must be a Domain"):
        RecurrenceClaim(
            **{name: getattr(FAIR, name) for name in ("id", "statement", "quantifier", "statistic")},
            relation="<=",
            threshold=0.6,
            source="made up",
            domain=Dice(),
        )


def test_a_transformer_answers_what_the_engine_asks():
    asked = [name for name in vars(subject.Subject) if not name.startswith("_") and name not in ("config", "device")]
    assert asked == ["unmet", "prepare", "drawing", "snippet", "untrained"]
    assert all(callable(getattr(Model, name)) for name in asked)
