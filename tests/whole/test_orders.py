"""Recurrences of order 2 and 3, and models of other shapes: every claim measures something finite or says why it does not apply."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import find, given, settings
from hypothesis import strategies as st

from recint import checkpoint as checkpoints
from recint import domain
from recint.catalogue import properties
from recint.checkpoint import ModelConfig
from recint.claim import Refuted, Unmet
from recint.domain import Between, Condition, Domain, DrawnRecurrence, Recurrence, Vector
from recint.judging import evaluate, search
from recint.judging.draws import draw
from recint.judging.search import confirm
from recint.model import Model, gain, preconditions, probes
from recint.model.preconditions import unmet
from recint.model.untrained import untrained
from recint.recurrence import REFERENCE, Distribution
from recint.strategies import conditions, of_model, recurrences

from ..on_record import ON_RECORD

ORDERS = st.sampled_from((1, 2, 3))
SHAPE = ModelConfig(n_layers=3, n_heads=8, d_model=48, d_head=8, d_mlp=16, n_ctx=16, d_vocab=40)
CLAIMS = {prop.claim.id: prop for prop in properties()}
QUIET = settings(database=None, derandomize=True, max_examples=500)


def of(order, dim=40):
    return ModelConfig(d_vocab=dim, order=order)


def rolled_out(drawn):
    """Terms after the first, coordinate by coordinate, from those before."""
    order, (batch, length, dim) = drawn.order, drawn.terms.shape
    terms = torch.zeros(batch, length - order, dim)
    for r, j, m in np.ndindex(terms.shape):
        steps = (drawn.coefficients[r, i].item() * drawn.terms[r, j + i, m].item() for i in range(order))
        terms[r, j, m] = drawn.offset[r, m].item() + sum(steps)
    return terms


class TestGenerator:
    @pytest.mark.parametrize("order", [2, 3])
    def test_terms_are_those_of_loops_over_coordinates(self, order):
        drawn = Distribution(order=order, dim=4, length=11).sample(5, seed=1)
        expected = rolled_out(drawn)
        assert torch.allclose(drawn.terms[:, order:], expected, atol=2e-6)
        assert torch.allclose(drawn.next_terms()[:, :-1], expected, atol=2e-6)

    def test_fixed_coefficients_change_nothing_else_that_is_drawn(self):
        reference = replace(REFERENCE, order=2)
        free, fixed = reference.sample(3, seed=5), reference.sample(3, seed=5, coefficients=(0.5, -1.0))
        assert fixed.coefficients.tolist() == [[0.5, -1.0]] * 3
        sizes = free.offset.norm(dim=-1) / fixed.offset.norm(dim=-1)  # only the scale follows from the coefficients
        assert torch.allclose(free.offset, sizes[:, None] * fixed.offset, rtol=1e-4)
        assert torch.allclose(free.terms[:, :2], sizes[:, None, None] * fixed.terms[:, :2], rtol=1e-4)

    @pytest.mark.parametrize("order", [1, 2, 3])
    def test_either_sign_is_drawn_for_every_coefficient_by_itself(self, order):
        beyond = Distribution(c=(3.0, 4.0), order=order, dim=3)
        drawn = replace(beyond, either_sign=True).sample(400, seed=0).coefficients
        assert torch.equal(drawn.abs(), beyond.sample(400, seed=0).coefficients)
        assert ((drawn > 0).float().mean(0) - 0.5).abs().max() < 0.1  # four standard errors
        assert len(torch.unique(drawn > 0, dim=0)) == 2**order  # all of + and -


class TestPlaces:
    @given(order=ORDERS, data=st.data())
    def test_conditions_have_a_coefficient_for_each_order_and_something_to_predict(self, order, data):
        with of_model(ModelConfig(order=order)):
            at = data.draw(conditions(Domain(c=(-1.5, 2.0), length=(5, 14)), batch=3))
        each = at.c if order > 1 else (at.c,)
        assert len(each) == order
        assert all(-1.5 <= c <= 2.0 and round(c * 100) == pytest.approx(c * 100) for c in each)
        assert max(5, 2 * order + 2) <= at.length <= 14
        assert eval(repr(at), vars(domain)) == at
        drawn = at.sample(of(order))
        assert drawn.terms.shape == (3, at.length, 40)
        assert torch.equal(drawn.coefficients, torch.tensor(each).expand(3, -1))

    @given(order=ORDERS, data=st.data())
    def test_single_recurrences_roll_out_from_their_own_first_terms(self, order, data):
        with of_model(ModelConfig(order=order)):
            at = data.draw(recurrences(Domain()))
        assert eval(repr(at), vars(domain)) == at
        assert at.length >= 2 * order + 2
        drawn = at.sample(of(order))
        assert drawn.order == order
        assert drawn.terms.norm(dim=-1).max() == pytest.approx(at.cap, rel=1e-5)
        starts = at.start if order > 1 else (at.start,)
        assert len(starts) == order
        offset = at.d.values(40, bound=2.0)
        expected = [(start.values(40, bound=3.0) + at.along * offset).clamp(-3, 3) for start in starts]
        for j in range(order, at.length):
            expected.append(
                offset + sum(drawn.coefficients[0, i].double() * expected[j - order + i] for i in range(order))
            )
        rolled = torch.stack(expected)
        scale = at.cap / rolled.norm(dim=-1).max()
        assert torch.allclose(drawn.terms[0].double(), scale * rolled, atol=1e-5)
        assert torch.allclose(drawn.offset[0].double(), scale * offset, atol=1e-5)

    @given(data=st.data())
    def test_the_order_ends_with_its_block(self, data):
        with of_model(ModelConfig(order=3)):
            pass
        assert isinstance(data.draw(conditions(Domain())).c, float)

    def test_a_failing_law_of_order_2_shrinks_to_its_edge(self):
        with of_model(ModelConfig(order=2)):
            found = find(conditions(Domain()), lambda at: at.c[1] <= -0.2, settings=QUIET)
        assert found == Condition(c=(0.0, -0.2), length=6, seed=0)

    def test_one_number_stands_for_all_coefficients(self):
        one, two = (Condition(c=c, batch=2).sample(of(2)) for c in (0.5, (0.5, 0.5)))
        assert torch.equal(one.terms, two.terms)
        assert one.coefficients.tolist() == [[0.5, 0.5]] * 2
        assert Recurrence(c=0.5, d=Vector(fill=1.0)).sample(of(3)).coefficients.tolist() == [[0.5] * 3]

    @pytest.mark.parametrize("at", [Condition(c=(0.5, 1.0, 1.5)), Recurrence(c=(0.5, 1.0, 1.5), d=Vector(fill=1.0))])
    def test_coefficients_of_another_order_are_refused(self, at):
        with pytest.raises((RuntimeError, ValueError)):
            at.sample(of(2))

    @pytest.mark.parametrize("order", [2, 3])
    def test_coefficients_between_bounds_are_drawn_for_each_order(self, order):
        drawn = Condition(c=Between(3.0, 4.0, either_sign=True), batch=50).sample(of(order)).coefficients
        assert drawn.shape == (50, order)
        assert ((drawn.abs() >= 3) & (drawn.abs() <= 4)).all()
        assert torch.corrcoef(drawn.T)[0, 1].abs() < 0.6

    def test_a_drawn_recurrence_is_the_one_of_its_batch(self):
        batch = Condition(c=Between(-2.0, 2.0), batch=5, seed=3)
        at = DrawnRecurrence(batch, 3)
        assert eval(repr(at), vars(domain)) == at
        assert torch.equal(at.sample(of(2)).terms[0], batch.sample(of(2)).terms[3])

    def test_equations_of_order_2_and_3(self):
        assert Condition(c=(0.5, -1.0), length=8).equation() == (
            "a_(j+2) = 0.5 a_j + -1 a_(j+1) + d with c = (0.5, -1), 8 terms, d ~ U(-2, 2)^m, "
            "a_0, a_1, ... ~ U(-3, 3)^m, then scaled"
        )
        sparse, filled = Vector(slots=((3, 1.0),)), Vector(fill=0.5, alternate=True)
        at = Recurrence(c=(0.0, 0.1, -2.0), d=filled, start=(sparse, filled, Vector()), along=-0.5, length=9, cap=2.0)
        assert at.equation() == (
            "a_(j+3) = 0 a_j + 0.1 a_(j+1) + -2 a_(j+2) + d, 9 terms, with d = +-0.5 everywhere, "
            "a_0 = zero but 1 at 3 + -0.5 d, a_1 = +-0.5 everywhere + -0.5 d, a_2 = zero + -0.5 d, scaled to largest norm 2"
        )
        assert Condition(c=0.5, length=8).equation().startswith("a_(j+1) = c a_j + d with c = 0.5, 8 terms, d ~ ")


# Claims of the account, of its rivals, and of what attention reads, that change activations or terms; and the others.
INTERVENING = {
    "filter.rests-on-previous", "circuit.attention-and-norms-of-c", "circuit.linear-given-c", "circuit.attention-of-c-and-scale",
    "embedding.read-by-layer-0-only", "l0.attention-reads-angles", "l1.attention-of-norms", "rival.c-can-be-swapped",
}  # fmt: skip
ACCOUNT = INTERVENING | {
    "filter.linear", "filter.of-c", "filter.weight-is-c-squared", "filter.last-hardly-used", "filter.even-in-c", "model.rotation",
    "filter.is-the-rule", "rival.least-squares", "rival.c-linearly-coded",
}  # fmt: skip
# Shape of the model -> claims that do not apply to it.
BEYOND_LAYER_1 = {
    name
    for name in ON_RECORD
    if name.startswith(("l2.", "circuit.", "composition."))
    and name not in ACCOUNT
    and not name.partition("@")[0].endswith((".l0", ".l1"))
    and name != "composition.no-v"
} | {"l1.low-effective-rank", "l1.low-effective-rank@2", "l1.low-rank-suffices", "l1.low-rank-suffices@2"}
UNASKED_OF_LAYER_0 = {
    name
    for name in ON_RECORD
    if name.startswith(("l1.", "probe.", "composition.")) or name.partition("@")[0].endswith(".l1")
} | BEYOND_LAYER_1
OF_ORDER_1 = ACCOUNT | {
    "l2.checkerboard", "l2.checkerboard@2", "model.predicts-short-sequences", "l0.residual-formula@3", "l0.residual-formula@4",
}  # fmt: skip
SHAPES = {
    "order 1": ({}, set()),
    "order 2": (
        {"order": 2},
        OF_ORDER_1,
    ),
    "order 3": (
        {"order": 3},
        OF_ORDER_1,
    ),
    "1 layer": ({"n_layers": 1}, UNASKED_OF_LAYER_0),
    "2 layers": ({"n_layers": 2}, BEYOND_LAYER_1),
    "4 layers": ({"n_layers": 4}, set()),
    "3 heads": ({"n_heads": 3}, {"l2.qk-identity", "l2.qk-identity@2", "l2.qk-identity@3"}),
    "5 heads": ({"n_heads": 5}, set()),
    "d_head 16": ({"d_head": 16}, set()),
    "narrower than a term": ({"d_model": 24}, set()),
    "as wide as a term": ({"d_model": 40}, set()),
    "an MLP as wide as the stream": ({"d_mlp": 48}, set()),
    "just as long as a sequence": ({"n_ctx": 13, "act_fn": "relu"}, set()),
    "order 2, 4 layers, 5 heads": (
        {"order": 2, "n_layers": 4, "n_heads": 5},
        OF_ORDER_1,
    ),
}


@pytest.fixture
def few(monkeypatch):
    """Small training sets, and claims about ratios of errors asked of models that predict nothing."""
    for module in (gain, preconditions):
        monkeypatch.setattr(module, "error_and_copying", lambda model: (0.0, 1.0))
    monkeypatch.setattr(probes, "TRAINED_ON", 40)
    monkeypatch.setattr(probes, "EPOCHS", 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_claim_measures_something_finite_or_says_why_not(shape, few):
    changes, silent = SHAPES[shape]
    model = Model(untrained(replace(SHAPE, **changes), seed=0, init_range=0.1))
    reasons = {name: reason for name, prop in CLAIMS.items() if (reason := unmet(prop.claim, model))}
    assert reasons.keys() & ON_RECORD == silent
    for name, reason in reasons.items():
        assert re.fullmatch(rf"{re.escape(name)}: speaks of .+, but (the model has|at order=\d) .*\d.*", reason)
    asked = [prop for name, prop in CLAIMS.items() if name not in reasons]
    for prop in asked:
        if prop.claim.quantifier == "weights":
            assert np.isfinite(prop.measure(model).value), prop.claim.id
    recurrent = [prop for prop in asked if prop.claim.quantifier != "weights"]
    for name, drawn in draw(recurrent, model, seed=0, draws=6).items():
        if (
            name == "circuit.minimal@2"
        ):  # in place of the attention of a model that predicts nothing, it carries nothing
            assert isinstance(drawn, Unmet), f"{name}: {drawn!r}"
            continue
        assert not isinstance(drawn, Exception), f"{name}: {drawn!r}"
        claim = CLAIMS[name].claim
        assert len(drawn.values) == 6
        assert drawn.contrasts.keys() == {contrast.name for contrast in claim.contrasts}
        for values in (drawn.values, *drawn.contrasts.values()):
            assert np.isfinite(values).all(), name
        intervenes = name in INTERVENING or (
            (claim.mse_ratio or claim.loss_share) and claim.name != "model.degrades-outside-training-range"
        )
        assert (drawn.changed is not None) == intervenes, name
        assert drawn.changed is None or drawn.changed > 1e-4, name


@pytest.mark.parametrize("order", [1, 2, 3])
def test_every_claim_measures_something_finite_where_there_is_least_to_see(order, few):
    model = Model(untrained(replace(SHAPE, order=order), seed=0, init_range=0.1))
    for name, prop in CLAIMS.items():
        claim = prop.claim
        if claim.quantifier == "weights" or unmet(claim, model) or name == "circuit.minimal@2":
            continue
        c, length = claim.domain.c[0], max(claim.domain.length[0], 2 * order + 2)
        observation = prop.measure(model, Condition(c=(c,) * order if order > 1 else c, length=length, batch=4))
        assert np.isfinite(observation.values).all(), name
        assert np.isfinite(observation.value), name


@pytest.fixture(scope="module")
def order_2(tmp_path_factory):
    """A model of order 2 on disk, which remembers its order."""
    path = tmp_path_factory.mktemp("order-2") / "model"
    checkpoints.save(untrained(replace(SHAPE, order=2), seed=0, init_range=0.1), path)
    return Model(checkpoints.load(path))


@pytest.mark.parametrize(
    "name", ["l0.previous-token", "l2.subtracts-what-it-attends-to", "model.predicts-every-recurrence"]
)
def test_both_arms_and_the_figure_of_a_claim_at_order_2(order_2, name):
    evidence = evaluate.evaluate(CLAIMS[name], order_2, stages=(60,))
    places = [at for at, _ in evidence.search.trials]
    assert all(len(at.c) == 2 and at.length >= 6 for at in places if not isinstance(at, DrawnRecurrence))
    assert len({at.c for at in places}) > 1
    found = evidence.search.counterexample
    assert found.value == CLAIMS[name].measure(order_2, found.at).value
    assert "a_(j+2) = " in found.text or "of those drawn with" in found.text
    assert CLAIMS[name].figure(order_2, evidence).startswith("<svg")


def test_the_code_of_a_counterexample_runs_and_gives_its_value(order_2, few, monkeypatch, capsys):
    monkeypatch.setattr(search, "RETEST", 16)
    wanted, told, broken = {}, {}, {}
    for name, prop in CLAIMS.items():
        if prop.claim.quantifier != "weights" and not unmet(prop.claim, order_2) and name != "circuit.minimal@2":
            found = confirm(prop, order_2, Condition(c=(0.3, -1.2), length=9), seed=1, level=1.0)
            if found is not None:
                wanted[name] = found.value
                try:
                    exec(found.code, {})
                    told[name] = float(capsys.readouterr().out)
                except ImportError as error:
                    broken[name] = str(error)
    assert len(wanted) > 15
    assert broken == {}
    assert told == pytest.approx(wanted)


def test_a_claim_that_nobody_collects_fails_with_the_equation_of_its_order(order_2):
    prop = CLAIMS["l0.previous-token"]
    with pytest.raises(
        Refuted, match=r"\[a_\(j\+2\) = 0.3 a_j \+ -1.2 a_\(j\+1\) \+ d with c = \(0.3, -1.2\), 9 terms"
    ):
        prop.body.hypothesis.inner_test(order_2, at=Condition(c=(0.3, -1.2), length=9))
