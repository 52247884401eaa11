"""What the strategies draw stays in range, is readable, and shrinks to the edge of a failure."""

import pytest
from hypothesis import find, given, settings
from hypothesis.errors import NoSuchExample

from recint.checkpoint import ModelConfig
from recint.domain import Between, Condition, Domain, Recurrence, Transformed, UniformVectors, Vector
from recint.strategies import conditions, grid, recurrences, transformations, transformed, turns
from recint.transformations import Flip, Permutation, Rotation, Scale, Shift, Swap

CONFIG = ModelConfig(d_vocab=40)
DOMAIN = Domain(c=(-2.0, 2.0))
KINDS = (Swap, Flip, Permutation, Rotation, Scale, Shift)
QUIET = settings(database=None, derandomize=True, max_examples=500)


@given(at=conditions(Domain(c=(-2.0, -0.5), length=(6, 9))))
def test_conditions_stay_in_their_domain(at):
    assert -2.0 <= at.c <= -0.5
    assert 6 <= at.length <= 9
    assert round(at.c * 100) == pytest.approx(at.c * 100)
    assert eval(repr(at), {"Condition": Condition}) == at


@given(at=recurrences(DOMAIN))
def test_single_recurrences_can_be_built_and_copied(at):
    drawn = at.sample(CONFIG)
    assert drawn.terms.shape == (1, at.length, 40)
    assert drawn.terms.norm(dim=-1).max() == pytest.approx(at.cap, rel=1e-5)
    assert eval(repr(at), {"Recurrence": Recurrence, "Vector": Vector}) == at


def test_a_failing_law_shrinks_to_its_edge():
    assert find(conditions(DOMAIN), lambda at: at.c <= -0.23, settings=QUIET) == Condition(c=-0.23, length=5, seed=0)


@pytest.mark.parametrize(
    "kind",
    [
        lambda at: not at.d.values(40, bound=2.0).any(),  # zero offset
        lambda at: not at.start.values(40, bound=3.0).any() and at.along == 0,  # zero start
        lambda at: len(at.d.slots) == 1 and at.d.fill == 0,  # one coordinate
        lambda at: at.d.fill != 0 and not at.d.alternate,  # constant
        lambda at: at.d.alternate,  # alternating
        lambda at: at.along != 0 and at.d.seed is not None,  # near-collinear
        lambda at: at.d.seed is not None and at.start.seed is not None,  # in distribution
    ],
)
def test_every_adversarial_kind_is_reached(kind):
    found = find(recurrences(DOMAIN), kind, settings=QUIET)
    assert found.sample(CONFIG).terms.isfinite().all()


def test_uniform_vectors_are_drawn_where_the_domain_has_them():
    assert isinstance(
        find(conditions(Domain(uniform_vectors=True)), lambda at: isinstance(at, UniformVectors)), UniformVectors
    )


@pytest.mark.parametrize(
    ("strategy", "allowed", "simplest"),
    [
        (turns(), KINDS, Swap(0, 1)),
        (turns(), (Swap, Rotation), Swap(0, 1)),
        (turns(), (Permutation, Rotation), Permutation(0)),
        (turns(), (Flip,), Flip(0)),
        (turns(), (Rotation,), Rotation(0)),
        (transformations(), KINDS, Swap(0, 1)),
        (transformations(), (Scale, Shift), Scale(0.1)),
        (transformations(), (Shift,), Shift(0.1, 0)),
    ],
)
def test_transformations_shrink_to_the_simplest_of_those_that_fail(strategy, allowed, simplest):
    assert find(strategy, lambda by: isinstance(by, allowed), settings=QUIET) == simplest


def test_turns_are_neither_scales_nor_shifts():
    with pytest.raises(NoSuchExample):
        find(turns(), lambda by: isinstance(by, Scale | Shift), settings=QUIET)


@given(by=turns())
def test_a_swap_is_of_two_coordinates(by):
    if isinstance(by, Swap):
        assert 0 <= by.first < 40
        assert 0 <= by.second < 40
        assert by.first != by.second


@given(at=transformed(Domain(c=(-2.0, -0.5), length=(6, 9)), batch=7))
def test_transformed_draws_are_those_of_the_domain_and_can_be_copied(at):
    assert at.at == Condition(c=Between(-2.0, -0.5), length=9, seed=at.seed, batch=7)
    names = {kind.__name__: kind for kind in (Between, Condition, Transformed, *KINDS)}
    assert eval(repr(at), names) == at


def test_a_law_that_fails_for_some_rotations_shrinks_to_the_first():
    found = find(
        transformed(DOMAIN), lambda at: isinstance(at.by, Rotation) and at.by.seed >= 7 and at.seed >= 3, settings=QUIET
    )
    assert found == Transformed(at=DOMAIN.reference(ModelConfig(), batch=64, seed=3), by=Rotation(7))


def test_a_grid_wants_its_bounds_on_the_grid():
    with pytest.raises(ValueError, match=r"bounds=\(0.05, 1\) must be multiples of 1/10"):
        grid(0.05, 1)


def test_fresh_draws_differ_from_those_of_the_search():
    at = Condition(c=-0.5, length=6)
    assert not (at.sample(CONFIG).terms == at.again(batch=at.batch, seed=1).sample(CONFIG).terms).any()
