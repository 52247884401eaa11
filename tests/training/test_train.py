"""The recipe: continued runs end where unbroken ones do, to the bit."""

import json
from dataclasses import replace

import pytest
import torch

from recint.checkpoint import CheckpointError, load
from recint.model.transformer import raw_bridge
from recint.recurrence import Distribution
from recint.training.card import write_card
from recint.training.recipe import Recipe
from recint.training.train import STATE, prediction_loss, train

from ..conftest import files_of_at_most
from .conftest import RECIPE, history


class Stopped(Exception):
    pass


def stopping_at(step):
    def progress(now):
        if now.step == step:
            raise Stopped

    return progress


@pytest.mark.parametrize("stops", [(3,), (10,), (27,), (15, 31)])
def test_a_stopped_run_continues_to_the_same_weights(unbroken, tmp_path, stops):
    for stop in stops:
        with pytest.raises(Stopped):
            train(RECIPE, tmp_path, save_every=10, progress=stopping_at(stop))
    finished = train(RECIPE, tmp_path, save_every=10)
    assert finished.sha256 == unbroken[0].sha256
    assert history(tmp_path) == history(unbroken[1])
    assert not (tmp_path / STATE).exists()


def test_a_loss_that_is_no_number_ends_the_training(tmp_path):
    with pytest.raises(ValueError, match=r"the loss is (nan|inf) at step \d+; choose a smaller rate=1000000"):
        train(replace(RECIPE, rate=1e6, warmup=0, clip=1e6, init_range=1e6), tmp_path)
    assert not (tmp_path / "config.json").exists()


def test_bfloat16_trains_too_and_continues_to_the_same_weights(unbroken, tmp_path):
    fast = replace(RECIPE, precision="bfloat16")
    whole = train(fast, tmp_path / "whole")
    with pytest.raises(Stopped):
        train(fast, tmp_path / "stopped", save_every=10, progress=stopping_at(27))
    assert train(fast, tmp_path / "stopped").sha256 == whole.sha256 != unbroken[0].sha256
    assert all(tensor.dtype == torch.float32 for tensor in whole.tensors.values())
    validation, exact = (history(folder)["validation"] for folder in (tmp_path / "whole", unbroken[1]))
    assert validation[-1][1] == pytest.approx(exact[-1][1], rel=0.1)
    write_card(tmp_path / "whole")
    assert "--precision bfloat16" in (tmp_path / "whole" / "README.md").read_text()


def test_a_run_that_stopped_before_there_was_a_choice_of_precision_goes_on(unbroken, tmp_path):
    with pytest.raises(Stopped):
        train(RECIPE, tmp_path, save_every=10, progress=stopping_at(27))
    state = torch.load(tmp_path / STATE, weights_only=True)
    recipe = json.loads(state["recipe"])
    del recipe["precision"]
    torch.save(state | {"recipe": json.dumps(recipe)}, tmp_path / STATE)
    assert train(RECIPE, tmp_path).sha256 == unbroken[0].sha256


def test_snapshots_are_kept_at_the_chosen_steps(unbroken):
    finished, folder = unbroken
    found = {path.stem: load(path).sha256 for path in (folder / "snapshots").iterdir()}
    assert sorted(found) == ["step-000000", "step-000020", "step-000040"]
    assert found["step-000040"] == finished.sha256 == load(folder).sha256


def test_the_loss_falls(unbroken):
    validation = history(unbroken[1])["validation"]
    assert validation[-1][1] < 0.7 * validation[0][1]


def test_another_recipe_in_the_folder_is_refused(tmp_path):
    with pytest.raises(Stopped):
        train(RECIPE, tmp_path, save_every=10, progress=stopping_at(12))
    with pytest.raises(CheckpointError, match=r"another recipe \(rate=0.003, now 0.001\)"):
        train(replace(RECIPE, rate=1e-3), tmp_path)


def test_a_finished_run_is_not_overwritten(unbroken):
    with pytest.raises(CheckpointError, match="holds a finished run"):
        train(RECIPE, unbroken[1])


@pytest.mark.parametrize(
    "name", ["README.md", "loss.svg", "config.json", "model.safetensors", "snapshots/step-000020.safetensors"]
)
def test_what_somebody_else_left_there_is_not_replaced(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("two years of notes")
    with pytest.raises(CheckpointError, match=f"holds {name}, which training would replace; give another folder"):
        train(RECIPE, tmp_path, snapshots=frozenset({20, 30}), progress=stopping_at(1))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name]
    assert (tmp_path / name).read_text() == "two years of notes"


def test_notes_that_came_beside_a_stopped_run_are_not_replaced(tmp_path):
    with pytest.raises(Stopped):
        train(RECIPE, tmp_path, save_every=10, progress=stopping_at(12))
    (tmp_path / "README.md").write_text("stopped for lunch")
    with pytest.raises(CheckpointError, match=r"holds README.md"):
        train(RECIPE, tmp_path)


@pytest.mark.parametrize("name", ["new.pth", "new.pt", "new.safetensors"])
def test_a_folder_is_not_named_like_a_file(tmp_path, name):
    with pytest.raises(CheckpointError, match="is the name of a file, but a folder is to be written"):
        train(RECIPE, tmp_path / name, progress=stopping_at(1))
    assert not list(tmp_path.iterdir())


def test_a_file_is_not_replaced_by_a_folder(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(CheckpointError, match="notes: is a file, but a folder is to be written"):
        train(RECIPE, tmp_path / "notes", progress=stopping_at(1))
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_noticed_before_the_first_step(tmp_path):
    steps = []
    with pytest.raises(ValueError, match=r"cannot be written \(No such file or directory\)"):
        train(RECIPE, "/proc/none", progress=steps.append)
    with files_of_at_most(1000), pytest.raises(OSError, match="File too large"):
        train(RECIPE, tmp_path, progress=steps.append)
    assert not steps


def test_snapshots_that_a_continued_run_is_past_are_refused_and_others_are_kept(unbroken, tmp_path):
    with pytest.raises(Stopped):
        train(RECIPE, tmp_path, save_every=10, snapshots=frozenset({5}), progress=stopping_at(12))
    with pytest.raises(ValueError, match=r"snapshots=\[3, 7\] lie before step 10, where the run in .* goes on"):
        train(RECIPE, tmp_path, snapshots=frozenset({3, 5, 7, 10, 20}))
    train(RECIPE, tmp_path, snapshots=frozenset({5, 10, 20}))
    found = {path.stem: load(path).sha256 for path in (tmp_path / "snapshots").iterdir()}
    assert sorted(found) == ["step-000005", "step-000010", "step-000020"]
    assert found["step-000020"] == load(unbroken[1] / "snapshots" / "step-000020.safetensors").sha256


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


def test_a_snapshot_beyond_the_end_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"snapshots=\[41\] must lie between 0 and steps=40"):
        train(RECIPE, tmp_path, snapshots=frozenset({41}))


def test_training_leaves_the_global_generator_alone(tmp_path):
    before = torch.get_rng_state()
    train(replace(RECIPE, steps=2), tmp_path)
    assert torch.equal(before, torch.get_rng_state())
