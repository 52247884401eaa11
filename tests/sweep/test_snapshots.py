"""What the path of a snapshot tells of its training."""

import pytest

from recint.sweep.snapshots import series, training_seed

from ..sweeps import snapshots


def test_a_snapshot_tells_its_training_its_step_and_its_seed(training):
    first, *_ = map(str, snapshots(training))
    assert (series(first), training_seed(first)) == (("seed9", 0), 9)
    assert (series(str(training)), training_seed(str(training))) == (("seed9", 200), 9)
    assert (series("elsewhere/model.pth"), training_seed("elsewhere/model.pth")) == (
        ("model", None),
        None,
    )


@pytest.mark.parametrize(
    "history",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"recipe": []}',
        '{"recipe": {"steps": "200", "seed": 1e3}}',
        '{"recipe": {"seed": 1e99}}',
    ],
)
def test_a_history_that_tells_no_numbers_tells_nothing(training, history):
    (training / "history.json").write_text(history)
    assert (series(str(training)), training_seed(str(training))) == (("seed9", None), None)


def test_a_number_that_is_no_step_is_a_name(tmp_path):
    path = str(tmp_path / "seed9" / "snapshots" / f"step-{'9' * 30}.safetensors")
    assert series(path)[1] is None
