"""The README tells of the shipped checkpoints what is on record of them."""

import re
from pathlib import Path

import pytest

from recint.pages.board import BEGIN, END
from recint.record.expected import load

from .on_record import DECLARED, FILES, skip_what_is_new

ROOT = Path(__file__).parents[1]
TABLE = (ROOT / "README.md").read_text().partition(BEGIN)[2].partition(END)[0]
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in TABLE.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_table_agrees_with_the_verdicts_on_record(path):
    expected = load(path).claims
    column = ROWS[0].index(path.stem)
    told = {re.match(r"`(.+?)`", row[0])[1]: re.match(r"\S+ ([a-z ]+)", row[column])[1] for row in ROWS[1:]}
    assert told == {claim: expectation.verdict.replace("_", " ") for claim, expectation in expected.items()}
    assert set(told) <= set(DECLARED)
    skip_what_is_new(set(DECLARED) - set(told))
