"""The one table of Markdown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recint.pages.markdown import Markdown, code, table

ANY = st.text(st.characters(exclude_categories=()))


@given(st.lists(st.lists(ANY, min_size=3, max_size=3), max_size=4), st.lists(ANY, min_size=3, max_size=3))
def test_whatever_its_cells_hold_a_table_has_its_rows_and_columns(rows, header):
    lines = table(header, rows).split("\n")
    assert len(lines) == 2 + len(rows)
    assert lines[1] == "|---|---|---|"
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines} == {4}


def test_a_cell_is_text_unless_it_is_markdown():
    text = table(["*a*", Markdown("*b*")], [["<i>", Markdown("<i>")], [code("l0.a|b"), ""]])
    assert text == "| \\*a\\* | *b* |\n|---|---|\n| &lt;i> | <i> |\n| <code>l0.a\\|b</code> |  |"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="a row has 1 cells, but the header has 2"):
        table(["a", "b"], [["a"]])
