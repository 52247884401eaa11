"""The page on reliability names tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
ROWS = re.findall(r"^\| ([A-Z0-9`].+) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.partition(".")[0])
def test_each_promise_names_a_test_of_the_file_beside_it(row):
    parts = re.split(r"`T ([\w/]+)`", row)[1:]
    assert parts
    for file, names in zip(parts[::2], parts[1::2], strict=True):
        room, _, name = file.rpartition("/")
        there = (ROOT / "tests" / room / f"test_{name}.py").read_text()
        found = re.findall(r"`(test_\w+)`", names)
        assert found
        for test in found:
            assert f"def {test}(" in there
