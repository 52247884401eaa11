"""The recipe: continued runs end where unbroken ones do, to the bit."""

import json
from dataclasses import replace

import pytest
import torch

from recint.card import write_card
from recint.checkpoint import CheckpointError, load
from recint.model import raw_bridge
from recint.recipe import Recipe
from recint.recurrence import Distribution
from recint.training import HISTORY, STATE, prediction_loss, train

from .conftest import SMALL

RECIPE = Recipe(
    model=SMALL,
    data=Distribution(dim=5),
    steps=40,
    batch=8,
    warmup=10,
    rate=3e-3,
    init_range=0.2,
    log_every=5,
    validate_every=10,
    validation=16,
)


class Stopped(Exception):
    pass


def stopping_at(step):
    def progress(now):
        if now.step == step:
            raise Stopped

    return progress


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    return train(RECIPE, folder, save_every=10, snapshots=frozenset({0, 20, 40})), folder


def history(folder):
    return {key: value for key, value in json.loads((folder / HISTORY).read_text()).items() if key != "seconds"}


@pytest.mark.parametrize("stops", [(3,), (10,), (27,), (15, 31)])
def test_a_stopped_run_continues_to_the_same_weights(unbroken, tmp_path, stops):
    for stop in stops:
        with pytest.raises(Stopped):
            train(RECIPE, tmp_path, save_every=10, progress=stopping_at(stop))
    finished = train(RECIPE, tmp_path, save_every=10)
    assert finished.sha256 == unbroken[0].sha256
    assert history(tmp_path) == history(unbroken[1])
    assert not (tmp_path / STATE).exists()


def test_snapshots_are_kept_at_the_chosen_steps(unbroken):
    finished, folder = unbroken
    found = {path.stem: load(path).sha256 for path in (folder / "snapshots").iterdir()}
    assert sorted(found) == ["step-000000", "step-000020", "step-000040"]
    assert found["step-000040"] == finished.sha256 == load(folder).sha256


def test_the_loss_falls(unbroken):
    validation = history(unbroken[1])["validation"]
    assert validation[-1][1] < 0.7 * validation[0][1]


def test_the_card_tells_the_loss_and_the_hash(unbroken):
    finished, folder = unbroken
    write_card(folder)
    card = (folder / "README.md").read_text()
    assert finished.sha256 in card
    assert f"{history(folder)['validation'][-1][1]:.2e}" in card
    assert "validation MSE" in (folder / "loss.svg").read_text()


def test_another_recipe_in_the_folder_is_refused(tmp_path):
    with pytest.raises(Stopped):
        train(RECIPE, tmp_path, save_every=10, progress=stopping_at(12))
    with pytest.raises(CheckpointError, match=r"another recipe \(rate=0.003, now 0.001\)"):
        train(replace(RECIPE, rate=1e-3), tmp_path)


def test_a_finished_run_is_not_overwritten(unbroken):
    with pytest.raises(CheckpointError, match="holds a finished run"):
        train(RECIPE, unbroken[1])


def test_a_damaged_state_is_refused(tmp_path):
    (tmp_path / STATE).write_bytes(b"no state")
    with pytest.raises(CheckpointError, match="not a state of training that can be continued"):
        train(RECIPE, tmp_path)


def test_the_learning_rate_warms_up_and_falls_along_a_cosine():
    recipe = Recipe(steps=1000, warmup=100, rate=2.0)
    rates = [recipe.learning_rate(step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.02)
    assert max(rates) == rates[100] == pytest.approx(2.0)
    assert recipe.learning_rate(550) == pytest.approx(1.0)
    assert rates[-1] < 1e-4
    assert rates[100:] == sorted(rates[100:], reverse=True)


def test_the_loss_is_taken_from_position_2k_on(small):
    drawn = Distribution(dim=5).sample(3, seed=0)
    bridge = raw_bridge(small.config, small.tensors)
    prediction = bridge(drawn.inputs @ bridge.W_E)
    terms = [
        (prediction[b, i, x] - drawn.terms[b, i + 1, x]).item() ** 2
        for b in range(3)
        for i in range(2, 13)
        for x in range(5)
    ]
    assert prediction_loss(bridge, drawn).item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps=0 must be at least 1"),
        ({"rate": 0.0}, "rate=0.0 must be above 0"),
        ({"data": Distribution(dim=4)}, "dim=4 of the recurrences must be d_vocab=5"),
        ({"data": Distribution(dim=5, length=18)}, "length=18 needs 17 positions, but n_ctx=16"),
        ({"data": Distribution(dim=5, order=2)}, "order=2 of the recurrences must be order=1"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        replace(RECIPE, **wrong)


def test_a_snapshot_beyond_the_end_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"snapshots=\[41\] must lie between 0 and steps=40"):
        train(RECIPE, tmp_path, snapshots=frozenset({41}))


def test_training_leaves_the_global_generator_alone(tmp_path):
    before = torch.get_rng_state()
    train(replace(RECIPE, steps=2), tmp_path)
    assert torch.equal(before, torch.get_rng_state())
