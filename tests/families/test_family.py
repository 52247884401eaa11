"""What holds for every family: its float32 output follows its own rule, its draws can be read, and bad ranges are refused."""

from dataclasses import fields, replace

import pytest
import torch
from hypothesis import find, given, settings
from hypothesis import strategies as st

from recint.checkpoint import ModelConfig, with_task
from recint.domain import Condition, Domain, Recurrence, Swap, Vector, reference_of
from recint.families import FAMILIES, family_of
from recint.recurrence import Distribution, Recurrences
from recint.strategies import conditions, of_model, recurrences
from recint.task import Task

EVERY = [*FAMILIES]
NAMES = {"Condition": Condition, "Recurrence": Recurrence, "Swap": Swap, "Vector": Vector}


def usual(name, **changes):
    """The usual distribution of a family, in a length at which something is scored."""
    family = family_of(name)
    ranges = {each: family.ranges[each] for each in ("c", "d", "start")}
    others = tuple((each, family.ranges[each]) for each in family.others)
    dim, order = changes.get("dim", 8), changes.get("order", 1)
    given = {"length": family.first(order, dim) + 6, "dim": dim, "order": order, **ranges, "others": others, **changes}
    return Distribution(family=name, **given)


def config_of(of, **shape):
    task = Task(**{each.name: getattr(of, each.name) for each in fields(Task)})
    return with_task(ModelConfig(d_vocab=of.dim, order=of.order, n_ctx=of.length, **shape), task)


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=25)
@given(dim=st.integers(1, 9), seed=st.integers(0, 2**16), extra=st.integers(2, 12))
def test_what_is_drawn_follows_its_own_rule(name, dim, seed, extra):
    of = usual(name, dim=dim, length=family_of(name).first(1, dim) + extra)
    drawn = of.sample(4, seed=seed)
    torch.testing.assert_close(drawn.next_terms()[:, :-1], drawn.terms[:, 1:], atol=2e-5, rtol=1e-5)
    largest = drawn.terms.norm(dim=-1).amax(-1)
    assert (largest > 0.999).all()
    assert (largest < 2.001).all()
    assert torch.equal(drawn.terms, of.sample(4, seed=seed).terms)


@pytest.mark.parametrize("name", [name for name in EVERY if name != "polynomial"])
def test_order_2_follows_its_own_rule(name):
    drawn = usual(name, dim=3, order=2).sample(10, seed=0)
    torch.testing.assert_close(drawn.next_terms()[:, :-1], drawn.terms[:, 2:], atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_a_batch_can_be_cut_and_joined(name):
    drawn = usual(name, noise=0.1).sample(6, seed=0)
    joined = Recurrences.joined([drawn.taken(slice(0, 2)), drawn.taken(slice(2, 6))])
    assert torch.equal(joined.inputs, drawn.inputs)
    assert torch.equal(joined.next_terms(), drawn.next_terms())


@pytest.mark.parametrize("name", EVERY)
def test_a_counterexample_shrinks_to_an_equation_and_to_code_that_gives_its_terms_again(name):
    config = config_of(usual(name))
    longest = reference_of(config).length
    with of_model(config):
        found = find(
            recurrences(Domain(length=(longest, longest) if longest < 14 else (14, 14))), lambda at: at.d != Vector()
        )
    again = eval(repr(found), NAMES)
    assert torch.equal(again.sample(config).terms, found.sample(config).terms)
    said = found.equation()
    assert said.startswith("a_(j+1) = ")
    assert family_of(name).rest("a_j") in said
    assert f"{found.length} terms" in said
    for other in family_of(name).others:
        assert {"spread": "s = ", "angle": "R a rotation by", "q": "q = ", "off": "M the random matrix"}[other] in said
    torch.testing.assert_close(
        found.sample(config).next_terms()[:, :-1], found.sample(config).targets, atol=2e-5, rtol=1e-5
    )


@pytest.mark.parametrize("name", EVERY)
def test_a_condition_keeps_its_coefficient(name):
    config = config_of(usual(name))
    with of_model(config):
        found = find(conditions(Domain()), lambda at: True)
    drawn = found.sample(config)
    assert (drawn.coefficients == torch.tensor(float(found.c))).all()
    assert drawn.family is family_of(name)
    assert all(f"{other} ~ U(" in found.equation() for other in family_of(name).others)


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("rotation", {"c": (-1.0, 1.0)}, r"c=\(-1.0, 1.0\) must not be negative"),
        ("matrix", {"c": (-0.5, 0.5)}, r"c=\(-0.5, 0.5\) must not be negative: it is the spectral radius"),
        ("polynomial", {"c": (-2.0, 2.0)}, "so that orbits may grow without bound"),
        ("polynomial", {"order": 2}, "take coordinates in .* up to 1.1"),
        ("coordinatewise", {"length": 99, "others": (("spread", (-900.0, 0.0)),)}, "let terms grow to 902"),
        ("matrix", {"length": 300, "others": (("off", (0.0, 900.0)),)}, "let terms grow to 1.8e"),
        ("coordinatewise", {"others": ()}, r"others=\[\] must be the ranges \['spread'\] of coordinatewise"),
        ("affine", {"others": (("q", (0.0, 1.0)),)}, r"others=\['q'\] must be the ranges \[\] of affine"),
    ],
)
def test_bad_ranges_are_one_sentence(name, changes, said):
    with pytest.raises(ValueError, match=said):
        replace(usual(name), **changes)


def test_an_unknown_family_is_one_sentence():
    with pytest.raises(ValueError, match="family='cubic' must be one of affine, coordinatewise"):
        Distribution(family="cubic")


def test_noise_is_read_and_not_asked_for():
    quiet, noisy = usual("affine").sample(200, seed=0), usual("affine", noise=0.1).sample(200, seed=0)
    assert torch.equal(quiet.targets, noisy.targets)
    assert (noisy.inputs - quiet.inputs).std() == pytest.approx(0.1, rel=0.05)
