"""Ridge probes read a planted linear code of c, read nothing where there is nothing, and are judged on other recurrences."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recint.checkpoint import with_task
from recint.domain import Between, Condition
from recint.judging.claim import Unmet
from recint.judging.reductions import REDUCTIONS
from recint.model import Model, ridge
from recint.model.interventions import ablated
from recint.model.ridge import ScalarProbe, best_probe
from recint.model.untrained import untrained
from recint.task import Task

from ..conftest import SMALL

FIRST, MIDDLE, LAST = "blocks.0.hook_resid_pre", "blocks.1.hook_resid_pre", "blocks.1.hook_resid_post"
AT = Condition(c=Between(-2.0, 2.0), batch=300, seed=5)
POSITIONS = range(2, 13)


def solved(inputs):
    """c of each recurrence, from its first terms: a_2 - a_1 = c (a_1 - a_0)."""
    first, second = inputs[:, 1] - inputs[:, 0], inputs[:, 2] - inputs[:, 1]
    return (first * second).sum(-1, keepdim=True) / first.square().sum(-1, keepdim=True)


def unrelated(inputs):
    return torch.sin(1e4 * inputs[:, :1, 0])


class Planted(Model):
    """At every position of a stream it holds a number for each recurrence, in a direction of its own, under noise."""

    def __init__(self, held, noise=0.1):
        super().__init__(untrained(SMALL, seed=0))
        self.held, self.noise, self.passes = held, noise, []
        self.directions = torch.randn(13, SMALL.d_model, generator=torch.Generator().manual_seed(0))

    def activations(self, inputs, *keep):
        self.passes.append(inputs)
        # Noise that is the same wherever a recurrence turns up.
        noise = torch.sin(1e4 * inputs.sum(-1, keepdim=True) * torch.arange(1, SMALL.d_model + 1))
        codes = {hook: self.held.get(hook, unrelated)(inputs)[:, None] * self.directions for hook in keep}
        return {hook: code + self.noise * noise for hook, code in codes.items()}


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(ridge, "FITTED_ON", 400)
    monkeypatch.setattr(ridge, "CHOSEN_ON", 200)


def explained(model, **asked):
    errors = best_probe(model, **asked).errors(model.intact(AT))
    return REDUCTIONS["explained share"].value(errors.double().numpy().T, ">=")


@pytest.mark.parametrize("hook", [FIRST, MIDDLE, LAST])
def test_a_linear_code_of_c_is_found_in_the_stream_that_holds_it(hook):
    model = Planted({hook: solved})
    assert best_probe(model).hook == hook
    assert explained(model) > 0.98


def test_under_noise_less_is_read():
    assert 0.2 < explained(Planted({MIDDLE: solved}, noise=4.0)) < 0.9


def test_of_c_that_is_not_there_nothing_is_read():
    assert explained(Planted({})) < 0.05


def test_fitted_on_the_c_of_others_a_probe_reads_nothing(monkeypatch):
    monkeypatch.setattr(ridge, "FITTED_ON", 2000)  # as in a claim: on fewer, c and the c of others correlate by chance
    model = Planted({MIDDLE: solved})
    assert explained(model, shuffled=True) <= 0.1
    assert explained(model) > 0.98  # each kind is kept for itself


def test_a_code_of_the_size_of_c_alone_is_no_linear_one():
    assert explained(Planted({MIDDLE: lambda inputs: solved(inputs).abs()}, noise=0.01)) < 0.1


def test_the_probe_is_the_closed_form_of_each_position():
    model = Planted({MIDDLE: solved}, noise=1.0)
    probe = best_probe(model)
    fitted = torch.cat(model.passes[:4])
    assert len(fitted) == 400
    c = _coefficients_of(fitted)
    stream = model.activations(fitted, MIDDLE)[MIDDLE].double().numpy()
    read = probe.read(torch.tensor(stream[:, 2:])).numpy()
    assert read.shape == (400, 11)
    for row, position in enumerate(POSITIONS):
        features = stream[:, position]
        centred = (features - features.mean(0)) / features.std(0, ddof=1)
        # Ridge regression is least squares with one more row for each weight, of which the target is 0.
        penalised = np.vstack([centred, np.sqrt(ridge.PENALTY * 400) * np.eye(SMALL.d_model)])
        target = np.concatenate([c - c.mean(), np.zeros(SMALL.d_model)])
        weights = np.linalg.lstsq(penalised, target, rcond=None)[0]
        assert read[:, row] == pytest.approx(centred @ weights + c.mean(), abs=1e-8)


def _coefficients_of(inputs):
    """c of the recurrences that the probes are fitted on, which are drawn again."""
    drawn = ridge.reference_of(SMALL).sample(400, seed=ridge.derive_seed(0, "ridge probe", "fit"))
    assert torch.equal(drawn.inputs, inputs)
    return drawn.coefficients[:, 0].double().numpy()


def test_the_errors_are_those_of_a_loop():
    model = Planted({MIDDLE: solved}, noise=1.0)
    probe, intact = best_probe(model), model.intact(replace(AT, batch=7))
    errors = probe.errors(intact)
    assert errors.shape == (7, 2)
    for recurrence in range(7):
        c = intact.recurrences.coefficients[recurrence, 0].item()
        squares = 0.0
        for row, position in enumerate(POSITIONS):
            stream = intact[MIDDLE][recurrence, position].tolist()
            said = probe.intercept[row].item() + sum(
                x * w for x, w in zip(stream, probe.weights[row].tolist(), strict=True)
            )
            squares += (said - c) ** 2 / 11
        assert errors[recurrence].tolist() == pytest.approx([squares, (c - probe.mean) ** 2], rel=1e-5)


def test_a_probe_that_says_the_mean_explains_nothing():
    silent = ScalarProbe(MIDDLE, torch.zeros(11, 16).double(), torch.full((11,), 0.2).double(), 0.2)
    errors = silent.errors(Planted({}).intact(AT))
    assert torch.allclose(errors[:, 0], errors[:, 1], rtol=1e-9)


def test_probes_are_fitted_chosen_and_judged_on_different_recurrences(monkeypatch):
    monkeypatch.setattr(ridge, "CHOSEN_ON", 400)  # as many as they are fitted on: from one seed they would be the same
    model = Planted({MIDDLE: solved})
    probe = best_probe(model)
    read = [tuple(terms.flatten().tolist()) for part in model.passes for terms in part]
    assert len(read) == len(set(read)) == 800
    judged = model.intact(AT)
    probe.errors(judged)
    assert not {tuple(terms.flatten().tolist()) for terms in judged.recurrences.inputs} & set(read)


def test_the_stream_is_chosen_by_recurrences_on_which_no_probe_was_fitted(monkeypatch):
    """On so few recurrences as there are weights, noise is fitted better than a code of c that is a little noisy."""
    monkeypatch.setattr(ridge, "FITTED_ON", 12)

    def rounded(inputs):
        return solved(inputs).round()

    class Quiet(Planted):
        """Of the last stream nothing but the rounded c varies; the others are noise."""

        def activations(self, inputs, *keep):
            kept = super().activations(inputs, *keep)
            return {hook: rounded(inputs)[:, None] * self.directions if hook == LAST else kept[hook] for hook in kept}

    model = Quiet({}, noise=3.0)
    seen = ridge._streams(model, 12, "fit")
    noise, code = (ridge._error(ridge._fit(hook, *seen[hook], shuffled=False), *seen[hook]) for hook in (MIDDLE, LAST))
    assert noise < 0.5 * code
    assert best_probe(model).hook == LAST


def test_features_that_never_vary_do_not_break_a_probe():
    model = Planted(dict.fromkeys((FIRST, MIDDLE, LAST), lambda inputs: torch.ones(len(inputs), 1)), noise=0.0)
    assert explained(model) == pytest.approx(0, abs=0.01)


def test_a_probe_is_fitted_once_and_the_same_way_for_each_model():
    model = Planted({MIDDLE: solved})
    probe = best_probe(model)
    passes = len(model.passes)
    assert best_probe(model) is probe
    assert len(model.passes) == passes
    assert torch.equal(probe.weights, best_probe(Planted({MIDDLE: solved})).weights)


def test_a_probe_is_of_the_unchanged_model():
    edited, untouched = (Model(untrained(SMALL, seed=0, init_range=0.2)) for _ in range(2))
    with ablated(edited, layer=0, kind="zero"):
        found = best_probe(edited).errors(edited.intact(AT))
    assert torch.equal(found, best_probe(untouched).errors(untouched.intact(AT)))


def test_the_streams_before_each_layer_and_after_the_last_are_tried():
    model = Model(untrained(replace(SMALL, n_layers=3), seed=0, init_range=0.2))
    assert list(ridge._streams(model, 5, "fit")) == [
        *(f"blocks.{layer}.hook_resid_pre" for layer in range(3)),
        "blocks.2.hook_resid_post",
    ]


def test_at_order_2_positions_from_4_on_are_read():
    model = Model(untrained(replace(SMALL, order=2), seed=0, init_range=0.2))
    probe, intact = best_probe(model), model.intact(AT)
    errors = probe.errors(intact)
    assert probe.weights.shape == (9, SMALL.d_model)
    intact[probe.hook][:, :4] = torch.nan
    assert torch.equal(probe.errors(intact), errors)
    intact[probe.hook][:, 4] = torch.nan
    assert probe.errors(intact)[:, 0].isnan().all()


def test_where_all_recurrences_have_the_same_c_there_is_nothing_to_read(small):
    always = with_task(small.config, Task(c=(-1.5, -1.5)))
    with pytest.raises(Unmet, match=r"reads c, but c is -1\.5 in every recurrence of the task"):
        best_probe(Model(untrained(always, seed=0)))
