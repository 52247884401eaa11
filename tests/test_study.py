"""The study in docs/study says what its table says."""

from pathlib import Path

import pytest
from pyarrow import parquet

from recint import emergence, sweep_report

STUDY = Path(__file__).parents[1] / "docs" / "study"
ROWS = parquet.read_table(STUDY / "table.parquet").to_pylist()
FOUND = emergence.sweep(ROWS)


@pytest.mark.parametrize(
    ("claim", "step"),
    [
        ("l0.previous-token@2", 500),
        ("l0.heads-necessary", 500),
        ("l1.necessary", 1000),
        ("composition.k-l1-l2", 2000),
        ("composition.q-l1-l2", 3000),
        ("l0.residual-formula@2", 3000),
        ("l0.leads-attribution", 3500),
        ("l2.ov-negative-copying", 6000),
        ("l2.subtracts-what-it-attends-to@2", 7000),
        ("l0.ov-line", 10000),
        ("l2.checkerboard@2", 14000),
        ("l1.low-effective-rank", 16000),
    ],
)
def test_the_steps_told_are_those_of_the_table(claim, step):
    (begins,) = FOUND.appearances(claim).found
    assert begins.step == step
    assert f"{step:,}" in (STUDY / "README.md").read_text()


def test_what_is_told_to_be_lost_is_lost():
    (training,) = FOUND.trainings
    held = [step for step, row in training.of_claim("circuit.sufficient") if row["verdict"] == "supported"]
    assert max(held) == 1500
    second = {step: row["value"] for step, row in training.of_claim("l1.second-position")}
    assert max(second, key=second.get) == 1500
    assert second[1500] > 2
    assert second[10000] < 1.1


def test_twenty_snapshots_were_judged_by_claims_registered_before():
    (training,) = FOUND.trainings
    assert len(training.checkpoints) == 20
    standings = {at.step: {row["standing"] for row in at.found.values()} for at in training.checkpoints}
    last = standings.pop(20000)  # the reference checkpoint, which was judged, and logged, before
    assert set(map(tuple, standings.values())) == {("confirmatory",)}
    assert last == {"exploratory"}


def test_the_summary_is_made_of_the_table():
    text = (STUDY / "summary.md").read_text()
    command = next(line.strip() for line in text.splitlines() if line.startswith("    "))
    assert text == sweep_report.markdown(ROWS, command=command)
