"""What the strategies draw stays in range, is readable, and shrinks to the edge of a failure."""

import pytest
from hypothesis import find, given, settings

from recint.checkpoint import ModelConfig
from recint.domain import Condition, Domain, Recurrence, UniformVectors, Vector
from recint.strategies import conditions, grid, recurrences

CONFIG = ModelConfig(d_vocab=40)
DOMAIN = Domain(c=(-2.0, 2.0))
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


def test_a_grid_wants_its_bounds_on_the_grid():
    with pytest.raises(ValueError, match=r"bounds=\(0.05, 1\) must be multiples of 1/10"):
        grid(0.05, 1)


def test_fresh_draws_differ_from_those_of_the_search():
    at = Condition(c=-0.5, length=6)
    assert not (at.sample(CONFIG).terms == at.again(batch=at.batch, seed=1).sample(CONFIG).terms).any()
