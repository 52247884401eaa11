"""What places of any subject share."""

from dataclasses import dataclass

import pytest
import torch

from recint.bridged import Batch, Drawn, Single, Together
from recint.bridged.places import on_device


@dataclass(frozen=True)
class Draws:
    inputs: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Numbers(Batch):
    """Numbers from 0 to 1, plus a shift."""

    shift: float = 0.0

    def sample(self, config):
        return Draws(torch.rand(self.batch, 3, generator=torch.Generator().manual_seed(self.seed)) + self.shift)

    def brief(self):
        return f"numbers from {self.shift:g} on"


AT = Numbers(shift=2.0, batch=4, seed=5)


def test_a_place_is_runnable_code():
    assert eval(repr(AT)) == AT


def test_a_batch_draws_again_with_another_seed():
    again = AT.again(batch=8, seed=6)
    assert (again.size, again.shift) == (8, 2.0)
    assert not torch.equal(again.sample(None).inputs[:4], AT.sample(None).inputs)


def test_one_draw_is_that_of_the_batch():
    one = AT.single(2)
    assert one == Drawn(AT, 2)
    assert torch.equal(one.sample(None).inputs, AT.sample(None).inputs[2:3])
    assert (one.size, one.again(batch=64, seed=1)) == (1, one)
    assert one.equation() == "draw 2 of numbers from 2 on, seed 5"


def test_places_together_hold_their_draws_in_order():
    other = AT.again(batch=2, seed=9)
    both = AT.beside([other])
    assert both == Together((AT, other))
    assert torch.equal(both.sample(None).inputs, torch.cat([AT.sample(None).inputs, other.sample(None).inputs]))
    assert (both.size, both.brief()) == (6, "2 places together")
    assert AT.beside([]) == AT


@pytest.mark.parametrize("ask", ["brief", "sample"])
def test_a_place_must_say_what_it_is(ask):
    with pytest.raises(NotImplementedError, match="Single must say"):
        getattr(Single(), ask)(*[None] * (ask == "sample"))


def test_draws_move_with_all_their_tensors():
    assert on_device(AT.sample(None), torch.device("meta")).inputs.is_meta
