"""The study in docs/study says what its table says."""

import re
from collections import Counter
from pathlib import Path

from pyarrow import parquet

from recint import emergence, sweep_report

STUDY = Path(__file__).parents[1] / "docs" / "study"
TEXT = (STUDY / "README.md").read_text()
PROSE = " ".join(TEXT.split())
ROWS = parquet.read_table(STUDY / "table.parquet").to_pylist()
FOUND = emergence.sweep(ROWS)
NAMES = [network.name for network in FOUND.networks]
FINAL = {claim: [row["verdict"] for row in FOUND.at_the_end(claim)] for claim in FOUND.claims}


def test_the_steps_told_are_those_of_the_table():
    lines = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith("| ")]
    assert lines[0] == ["claim", *(f"`{name}`" for name in NAMES)]
    assert len(lines) > 10
    for claim, *told in lines[1:]:
        steps = ["never" if at is None else f"{at.step:,}" for at in FOUND.appearances(claim.strip("`")).each]
        assert told == steps, claim


def test_what_is_said_to_replicate_does():
    patterns = Counter(frozenset(verdicts) for verdicts in FINAL.values())
    everywhere, vacuous, refuted = (patterns[frozenset({word})] for word in ("supported", "vacuous", "refuted"))
    in_one = [claim for claim, verdicts in FINAL.items() if len({word == "supported" for word in verdicts}) == 2]
    assert in_one == ["l0.one-head-dominates", "l1.low-effective-rank", "l2.checkerboard@2"]
    nowhere = sum("supported" not in verdicts for verdicts in FINAL.values())
    assert f"{everywhere} claims hold in both networks, {nowhere} in neither: {refuted} are refuted in both" in PROSE
    assert f"{vacuous} vacuous in both" in PROSE


def test_the_order_is_as_alike_as_is_said():
    assert f"the rank correlation is {emergence.agreement(FOUND):.2f}" in PROSE


def test_the_share_that_is_left_open_is_that_of_the_exact_interval():
    assert f"any share from {emergence.share(len(NAMES), len(NAMES)).low:.0%} up".replace("%", " %") in PROSE


def test_what_is_told_to_be_lost_is_lost():
    held = [
        max(step for step, row in training.of_claim("circuit.sufficient") if row["verdict"] == "supported")
        for training in FOUND.trainings
    ]
    assert "only up to step {:,} of one training and {:,} of the other".format(*held) in PROSE
    twice = [
        max(step for step, row in training.of_claim("l1.second-position") if row["value"] >= 2)
        for training in FOUND.trainings
    ]
    assert "up to step {:,} in one and {:,} in the other".format(*twice) in PROSE


def test_twenty_snapshots_of_each_were_judged_by_claims_registered_before():
    for training in FOUND.trainings:
        assert len(training.checkpoints) == 20
        *_, last = standings = [{row["standing"] for row in at.found.values()} for at in training.checkpoints]
        assert last == {"exploratory"}  # the shipped checkpoint, which was judged, and logged, before
        assert set(map(tuple, standings[:-1])) == {("confirmatory",)}


def test_the_checkerboard_never_begins_where_it_is_said_not_to():
    (training,) = [found for found in FOUND.trainings if found.name == "affine3-seed1"]
    values = [row["value"] for _, row in training.of_claim("l2.checkerboard@2")]
    assert min(values) > 0.8
    assert max(values) < 1.1


def test_the_summary_is_made_of_the_table():
    text = (STUDY / "summary.md").read_text()
    command = re.search(r"^    (.+)$", text, re.MULTILINE)[1]
    assert text == sweep_report.markdown(ROWS, command=command)
