"""Tables of a terminal, which come out as plain text."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from recint.pages import console
from recint.system import escaping

COLUMNS = [["claim", "l0.looks-back", "l2.b"], ["verdict", "✓", "✗*"], ["run", "aa11aaaa", ""]]


def test_a_table_is_aligned_without_blanks_at_the_ends_of_lines():
    assert console.table(COLUMNS) == [
        "claim          verdict  run",
        "l0.looks-back  ✓        aa11aaaa",
        "l2.b           ✗*",
    ]
    assert console.table([["", "a"], ["1", "✓"], ["2", "✗"]], gap=1, least=3) == ["  1   2", "a ✓   ✗"]


@given(st.lists(st.text(st.characters(categories=("L", "N", "P"))), min_size=1, max_size=3))
def test_no_cell_is_cut_wrapped_or_read_as_markup(cells):
    shown = [escaping.line(f"[bold]{cell}[/bold] :smile: {'x' * 300}") for cell in cells]
    lines = console.table([["head", *shown]])
    assert lines == ["head", *shown]


def test_as_many_columns_fit_as_are_narrow_enough_and_one_always_does():
    assert [console.fitting(COLUMNS, width) for width in (5, 21, 22, 31, 32)] == [1, 1, 2, 2, 3]
    assert console.fitting([["漢字"], ["a"]], 6) == 1  # two columns for each of these signs
    assert console.fitting([["漢字"], ["a"]], 7) == 2


@pytest.mark.parametrize(("text", "shown"), [("abcdef", "abcdef"), ("abcdefg", "abcde…"), ("漢字漢字", "漢字 …")])
def test_a_name_that_is_too_long_ends_in_an_ellipsis(text, shown):
    assert console.cut(text, 6) == shown


def test_colours_are_left_out_whatever_the_environment_asks_for(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert console.plain(Text("red", style="bold red"), width=10) == ["red"]


def test_a_pipe_has_no_width_and_columns_are_as_the_environment_says(monkeypatch):
    code = "from recint.pages import console; print(console.width(), console.width(120))"
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}  # which readline sets otherwise
    piped = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert piped.stdout == f"{console.UNBOUNDED} 120\n"
    monkeypatch.setenv("COLUMNS", "70")
    assert console.width() == console.width(120) == 70
