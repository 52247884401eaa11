"""One pass for all who ask: made once, of the model as it is; claims that share it find what each would find alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given

from recint.catalogue import properties
from recint.checkpoint import ModelConfig
from recint.claim import Claim, Contrast
from recint.domain import Between, Condition, Domain, DrawnRecurrence, Vector
from recint.domain import Recurrence as One
from recint.judging import draws as module
from recint.judging import entries
from recint.judging.draws import draw
from recint.judging.evaluate import evaluate
from recint.model import Model, gain, preconditions, probes
from recint.model import intact as intact_module
from recint.model.interventions import ABLATIONS, ablated, ablation, edited
from recint.model.untrained import untrained
from recint.statistics.errors import prediction_errors
from recint.strategies import conditions

from ..conftest import SMALL
from ..passes import biased

AT = Condition(c=Between(-2.0, 2.0), length=10, batch=4)
PATTERN, Z, POST = "blocks.0.attn.hook_pattern", "blocks.1.attn.hook_z", "blocks.1.hook_resid_post"
TINY = ModelConfig(n_layers=3, n_heads=5, d_model=16, d_head=4, d_mlp=8, n_ctx=13, d_vocab=5)


@pytest.fixture
def model(monkeypatch):
    """A model that counts its passes, whole or not."""
    model = biased()
    forward, model.passes = model._forward, []

    def counted(inputs, hooks):
        model.passes.append(len(inputs))
        return forward(inputs, hooks)

    monkeypatch.setattr(model, "_forward", counted)
    return model


class TestIntact:
    def test_a_pass_is_never_over_more_than_a_chunk(self, model):
        at = replace(AT, batch=250)
        intact = model.intact(at)
        pattern, prediction = intact[PATTERN], intact.prediction
        assert model.passes == [100, 100, 50] * 2
        whole = model.run(intact.recurrences.inputs, keep=[PATTERN, POST])
        assert torch.allclose(prediction, whole.prediction, atol=1e-5)
        assert torch.allclose(pattern, whole.activations[PATTERN], atol=1e-6)
        assert torch.allclose(intact[POST], whole.activations[POST], atol=1e-5)

    def test_nothing_is_computed_before_it_is_asked_for(self, model):
        _ = model.intact(AT).recurrences
        assert model.passes == []

    def test_a_pass_is_made_once_however_many_ask(self, model):
        for _ in range(3):
            intact = model.intact(replace(AT))  # an equal place, not the same object
            _ = intact.errors, intact.prediction, intact[PATTERN], intact[Z], intact[POST]
        assert model.passes == [4]

    def test_what_was_seen_on_the_way_is_not_computed_again(self, model):
        intact = model.intact(AT)
        _ = intact[Z], intact[PATTERN], intact["blocks.1.hook_resid_pre"], intact["blocks.0.hook_mlp_out"]
        assert model.passes == [4]
        _ = intact[POST]
        assert model.passes == [4, 4]

    @pytest.mark.parametrize(
        "other", [replace(AT, seed=1), replace(AT, batch=5), replace(AT, length=9), replace(AT, c=0.5)]
    )
    def test_another_place_has_a_pass_of_its_own(self, model, other):
        first, second = model.intact(AT).prediction, model.intact(other).prediction
        assert len(model.passes) == 2
        assert first.shape != second.shape or not torch.equal(first, second)

    @pytest.mark.parametrize(
        "at",
        [AT, Condition(c=-1.5), One(c=0.5, d=Vector(fill=1.0)), DrawnRecurrence(AT, 3)],
        ids=lambda at: type(at).__name__,
    )
    def test_it_is_what_a_plain_run_gives(self, at):
        drawn, one = at.sample(SMALL), biased()
        hooks = [f"blocks.{layer}.{name}" for layer in range(2) for name in hooks_of_a_layer()]
        run = biased().run(drawn.inputs, keep=hooks)
        intact = one.intact(at)
        assert torch.equal(intact.recurrences.terms, drawn.terms)
        for hook in reversed(hooks):  # those asked for first bring all that come before
            assert torch.equal(intact[hook], run.activations[hook]), hook
        assert torch.equal(intact.prediction, run.prediction)
        assert torch.equal(intact.errors, prediction_errors(run.prediction, drawn.targets, first=2))

    def test_inside_an_intervention_it_is_unedited(self, model):
        untouched = biased().intact(AT)
        with ablated(model, layer=0, kind="zero"):
            intact = model.intact(AT)
            seen, prediction = intact[Z], intact.prediction
            broken = model(intact.recurrences.inputs)
        assert torch.equal(seen, untouched[Z])
        assert torch.equal(prediction, untouched.prediction)
        assert not torch.equal(broken, prediction)

    def test_after_a_look_at_the_intact_pass_the_intervention_goes_on(self, model):
        with ablated(model, layer=1, kind="zero"):
            before = model(model.intact(AT).recurrences.inputs)
            _ = model.intact(AT).prediction
            assert torch.equal(model(model.intact(AT).recurrences.inputs), before)

    def test_errors_from_a_layer_are_those_of_the_edited_model(self, model):
        intact = model.intact(AT)
        for layer in range(2):
            assert torch.allclose(intact.errors_from(layer=layer), intact.errors)
            with ablated(model, layer=1, kind="zero"):
                expected = prediction_errors(model(intact.recurrences.inputs), intact.recurrences.targets, first=2)
                assert torch.allclose(intact.errors_from(layer=layer), expected)
            assert not torch.allclose(expected, intact.errors)

    @pytest.mark.parametrize("kind", ABLATIONS)
    @pytest.mark.parametrize("together", [1, 5, 100])
    def test_errors_with_another_z_are_those_of_the_edited_model(self, model, monkeypatch, kind, together):
        monkeypatch.setattr(intact_module, "CHUNK", together)
        intact = model.intact(AT)
        for layer in range(2):
            z, ways = intact[f"blocks.{layer}.attn.hook_z"], [{"heads": [0]}, {"heads": [1]}, {"heads": None}]
            found = intact.errors_with([ablation(model, layer=layer, kind=kind, **way)(z) for way in ways], layer=layer)
            for way, errors in zip(ways, found.T, strict=True):
                with ablated(model, layer=layer, kind=kind, **way):
                    assert torch.allclose(errors, intact.errors_from(layer=layer))
            assert len(found) == AT.batch

    def test_once_measures_once_for_each_key_of_each_place(self, model):
        asked = []

        def measure():
            asked.append("once")
            return len(asked)

        assert [model.intact(AT).once(key, measure) for key in ("a", "a", ("a", 0), "a")] == [1, 1, 2, 1]
        assert [model.once(key, measure) for key in ("a", "a")] == [3, 3]
        assert model.intact(replace(AT, seed=1)).once("a", measure) == 4

    def test_what_no_pass_gives_is_refused_by_name(self, model):
        with pytest.raises(ValueError, match=r"blocks\.7\.hook_resid_pre"):
            model.intact(AT)["blocks.7.hook_resid_pre"]


def coefficients(drawn):
    return np.concatenate([at.sample(SMALL).coefficients[:, -1].numpy() for at in drawn.places])


def hooks_of_a_layer():
    return ("hook_resid_pre", "attn.hook_pattern", "attn.hook_z", "hook_attn_out", "hook_mlp_out", "hook_resid_post")


def claimed(name, measure, **changes):
    fields = {"statement": "-", "quantifier": "average", "statistic": "s", "relation": ">=", "threshold": 0.0}
    made = Claim(id=name, source="made up", **(fields | changes))

    @made(figure=lambda model, evidence: "")
    @given(at=conditions(made.domain))
    def test(model, at):
        made.check(measure(model, at), at)

    return test.recint_property


def errors(model, at):
    return model.intact(at).errors


def attention(model, at):
    return model.intact(at)[PATTERN].amax((1, 2, 3))


def edit(model, at):
    with edited(model, Z, torch.zeros_like):
        return model.intact(at).errors_from(layer=1)


def fails(model, at):
    raise ArithmeticError("cannot be measured")


class TestDraw:
    def test_claims_of_a_domain_share_a_pass_over_each_chunk(self, model):
        claims = [claimed(f"claim.{number}", (attention, errors, edit)[number % 3]) for number in range(9)]
        drawn = draw(claims, model, seed=0, draws=250)
        assert model.passes == [100, 100, 50]
        assert all(len(drawn[prop.claim.id].values) == 250 for prop in claims)
        assert len(drawn["claim.0"].places) == 3

    def test_claims_of_another_domain_do_not(self, model):
        claims = [claimed("a", errors), claimed("b", errors, domain=Domain(c=(0.0, 1.0)))]
        drawn = draw(claims, model, seed=0, draws=100)
        assert model.passes == [100, 100]
        assert coefficients(drawn["a"]).min() < 0 <= coefficients(drawn["b"]).min()

    def test_a_contrast_in_another_domain_is_measured_there_on_shared_passes(self, model):
        elsewhere = Domain(c=(0.5, 2.0))
        contrast = Contrast(name="there", statistic="s", relation=">=", threshold=0.0, domain=elsewhere)
        claims = [claimed("a", errors, contrasts=(contrast,)), claimed("b", errors, domain=elsewhere)]
        drawn = draw(claims, model, seed=0, draws=100)
        assert model.passes == [100, 100]
        assert (drawn["a"].contrasts["there"] == drawn["b"].values).all()
        assert (drawn["a"].values != drawn["b"].values).any()

    def test_the_draws_are_those_of_the_domain_s_reference(self, model):
        claim = claimed("a", errors)
        drawn = draw([claim], model, seed=7, draws=150)["a"]
        assert [at.batch for at in drawn.places] == [100, 50]
        expected = [model.intact(at).errors.double() for at in drawn.places]
        assert torch.cat(expected).tolist() == drawn.values.tolist()
        assert drawn.values.std() > 0
        assert set(drawn.values) != set(draw([claim], model, seed=8, draws=150)["a"].values)

    @pytest.mark.parametrize(("number", "bits"), [(0.5, 32), (0.0, 32), (0.1, 64), (1e300, 64), (1e-300, 64)])
    def test_numbers_are_kept_in_32_bits_only_where_that_loses_nothing(self, model, number, bits):
        found = draw([claimed("a", lambda _, at: np.full(at.batch, number))], model, seed=0, draws=110)["a"]
        assert found.numbers.dtype.itemsize * 8 == bits
        np.testing.assert_array_equal(found.values, np.full(110, number))
        assert found.values.dtype == np.float64

    def test_a_later_chunk_that_needs_64_bits_loses_nothing_of_the_earlier_ones(self, model):
        def measure(_, at):
            return np.where(at.batch == 100, np.arange(at.batch) + 0.5, 0.1)

        found = draw([claimed("a", measure)], model, seed=0, draws=110)["a"]
        assert found.values.tolist() == [*(np.arange(100) + 0.5), *[0.1] * 10]

    def test_it_takes_one_value_for_each_recurrence(self, model):
        found = draw([claimed("a", lambda _, at: np.zeros(2 * at.batch))], model, seed=0, draws=10)["a"]
        assert str(found) == "20 values were measured, but should be one for each of 10"

    def test_a_claim_that_fails_stops_no_other_and_is_told_when_it_is_judged(self, model):
        claims = [claimed("first", errors), claimed("fails", fails), claimed("last", attention)]
        drawn = draw(claims, model, seed=0, draws=150)
        assert list(drawn) == ["first", "fails", "last"]
        assert len(drawn["first"].values) == len(drawn["last"].values) == 150
        with pytest.raises(ArithmeticError, match="cannot be measured"):
            evaluate(claims[1], model, stages=(150,), drawn=drawn["fails"])
        for name, prop in (("first", claims[0]), ("last", claims[2])):
            evidence = evaluate(prop, model, stages=(150,), drawn=drawn[name])
            assert entries.entry(evidence, family=2).estimate.n == 150

    def test_claims_that_do_not_apply_or_are_about_weights_have_nothing_drawn(self, model):
        weights = [prop for prop in properties() if prop.claim.id == "composition.no-v"]
        claims = [claimed("a", errors), claimed("b", errors, layers=(2,)), *weights]
        drawn = draw(claims, model, seed=0, draws=10)
        assert len(drawn.pop("a").values) == 10
        assert drawn == {"b": None, "composition.no-v": None}

    def test_nothing_an_edit_leaves_behind_reaches_the_next_claim(self, model):
        first = draw([claimed("a", errors), claimed("b", edit), claimed("c", errors)], model, seed=0, draws=20)
        assert (first["a"].values == first["c"].values).all()
        assert (first["a"].values != first["b"].values).any()


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(probes, "TRAINED_ON", 60)
    monkeypatch.setattr(module, "CHUNK", 12)
    # Else claims about ratios of errors say nothing of an untrained model.
    for asked in (gain, preconditions):
        monkeypatch.setattr(asked, "error_and_copying", lambda model: (0.0, 1.0))


def test_every_claim_finds_beside_the_others_what_it_finds_alone(quick):
    # Of a model that predicts nothing, the circuit carries nothing: whether a role of it can be left out is no question.
    silent = "circuit.minimal@2"
    claims = [prop for prop in properties() if prop.claim.quantifier != "weights" and prop.claim.id != silent]
    together, alone = (Model(untrained(TINY, seed=0, init_range=0.2)) for _ in range(2))
    drawn = draw(claims, together, seed=3, draws=20)
    assert drawn.keys() == {prop.claim.id for prop in claims}
    for prop in claims:
        found = drawn[prop.claim.id]
        assert not isinstance(found, Exception), f"{prop.claim.id}: {found!r}"
        measured = [prop.measure(alone, at) for at in found.places]
        assert np.allclose(np.concatenate([one.values for one in measured]), found.values, rtol=1e-4), prop.claim.id
        for contrast in prop.claim.contrasts:
            if contrast.domain is None:
                beside = np.concatenate([one.contrasts[contrast.name] for one in measured])
                assert np.allclose(beside, found.contrasts[contrast.name], rtol=1e-4), prop.claim.id
