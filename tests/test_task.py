"""What config.json and a file say about a task, and what is refused in one sentence."""

import json

import pytest

from recint.checkpoint import CheckpointError, ModelConfig, TaskConfig, load, save, task_of, with_task
from recint.domain import Domain, reference_of
from recint.judging import entries
from recint.judging.subject import POINTS
from recint.model.untrained import untrained
from recint.record.identity import identity
from recint.recurrence import REFERENCE, Distribution
from recint.task import Task

OTHER = Task(length=6, c=(-1.0, 1.0), noise=0.1)
SHAPE = ModelConfig(n_layers=1, n_heads=2, d_model=16, d_head=8, d_mlp=16, n_ctx=13, d_vocab=8)


def test_a_whole_number_is_the_same_task():
    """Otherwise one checkpoint would have two identities, and a second first look."""
    assert json.dumps(Task.of({"noise": 0, "c": [-1, 1]}).plain()) == json.dumps(Task(c=(-1.0, 1.0)).plain())


def test_a_task_survives_json():
    assert Task.of(json.loads(json.dumps(OTHER.plain()))) == OTHER
    assert Task.of({}) == Task()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], "task: found list, but expected an object"),
        ({"lenght": 6}, "task: found \\['lenght'\\], but expected"),
        ({"c": 1}, "task: c=1 must be two numbers"),
        ({"c": [1, -1]}, "c=\\(1.0, -1.0\\) is empty"),
        ({"c": [0, float("inf")]}, "must be finite"),
        ({"length": 6.5}, "task: length=6.5 is not of the kind"),
        ({"noise": -1}, "noise=-1.0 must be 0 or more"),
        ({"cap": [0, 1]}, "must be 0.001 or more"),
        ({"c": [10**400, 10**400]}, "task: c holds a number that is too large"),
        ({"noise": 10**400}, "task: noise holds a number that is too large"),
        ({"noise": True}, "task: noise=True is not of the kind"),
        ({"c": [-1e9, 1e9]}, r"c=\(-1000000000.0, 1000000000.0\) must be finite, and lie between -1000 and 1000"),
        ({"start": [0, 1e300]}, "start=.* must be finite, and lie between -1000 and 1000"),
        ({"others": {"q": [-1e9, 0]}}, "q=.* must be finite, and lie between -1000 and 1000"),
        ({"noise": 1e300}, r"noise=1e\+300 must be 0 or more, up to 1000"),
        ({"cap": [1e-300, 1]}, "cap=.* must be 0.001 or more"),
        ({"d": [0, 0], "start": [0, 0]}, "make every term 0, or nearly so; one must reach 0.001"),
        ({"length": 10**400}, "must be a number of terms from 1 to 10000"),
        ({"length": -1}, "length=-1 must be a number of terms from 1 to 10000"),
    ],
)
def test_a_wrong_task_is_one_sentence(values, said):
    with pytest.raises(ValueError, match=said):
        Task.of(values)


def test_the_widest_task_has_a_grid_that_fits_into_memory():
    """A grid of tenths in a range of 1e9 does not."""
    widest = with_task(SHAPE, Task(length=40, c=(-1000.0, 1000.0)))
    assert len(Domain(length=(5, 14)).conditions(widest, batch=2, seed=0)) <= POINTS


def test_a_coefficient_may_be_fixed():
    fixed = with_task(SHAPE, Task(length=6, c=(-1.5, -1.5)))
    assert {at.c for at in Domain(length=(5, 14)).conditions(fixed, batch=2, seed=0)} == {-1.5}


def test_the_notebooks_task_is_not_written():
    assert with_task(ModelConfig(), Task()) == ModelConfig()
    assert isinstance(with_task(SHAPE, Task()), TaskConfig)  # nobody trained on the notebook's task has 8 dimensions
    assert task_of(ModelConfig()) == Task()
    assert reference_of(ModelConfig()) == REFERENCE == Distribution()


@pytest.mark.parametrize("name", ["folder", "model.safetensors"])
def test_a_checkpoint_keeps_its_task(tmp_path, name):
    config = with_task(SHAPE, OTHER)
    loaded = load(save(untrained(config, seed=0), tmp_path / name))
    assert loaded.config == config
    assert reference_of(loaded.config) == Distribution(length=6, c=(-1.0, 1.0), noise=0.1, dim=8)


def test_a_state_dict_cannot_keep_it(tmp_path):
    with pytest.raises(CheckpointError, match="a state dict cannot say its task"):
        save(untrained(with_task(SHAPE, OTHER), seed=0), tmp_path / "model.pth")


@pytest.fixture
def bare(tmp_path):
    return save(untrained(SHAPE, seed=0), tmp_path / "model.pth")


def told(tmp_path, text):
    file = tmp_path / "task.json"
    file.write_text(text)
    return file


def test_a_bare_file_can_be_told(bare, tmp_path):
    loaded = load(bare, task=told(tmp_path, json.dumps({**OTHER.plain(), "order": 2})))
    assert (task_of(loaded.config), loaded.config.order) == (OTHER, 2)
    assert loaded.told == str(tmp_path / "task.json")


@pytest.mark.parametrize("text", ["{", "[]", '{"order": 0}', '{"c": [2, 1]}'])
def test_a_wrong_file_is_one_sentence_that_names_it(bare, tmp_path, text):
    with pytest.raises(CheckpointError, match=r"task\.json: "):
        load(bare, task=told(tmp_path, text))


def test_a_file_may_not_contradict_the_checkpoint(tmp_path):
    folder = save(untrained(with_task(SHAPE, OTHER), seed=0), tmp_path / "folder")
    assert load(folder, task=told(tmp_path, json.dumps(OTHER.plain()))).config == with_task(SHAPE, OTHER)
    with pytest.raises(CheckpointError, match=r"says another task than .*folder itself"):
        load(folder, task=told(tmp_path, '{"length": 7}'))


def test_the_task_is_part_of_the_identity():
    plain, other = (identity(entries.about(untrained(config, seed=0))) for config in (SHAPE, with_task(SHAPE, OTHER)))
    assert "task" not in plain
    assert other.startswith(plain)
    assert other != plain
    about = json.loads(json.dumps(entries.about(untrained(with_task(SHAPE, OTHER), seed=0))))
    assert identity(about) == other  # as it comes back from the log
