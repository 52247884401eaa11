"""The page on a replication."""

import re

from markupsafe import Markup

from recint.replication import page as replication_page
from recint.replication.rows import Measured, Row

from ..odd import ODD, cells, markup, tables


def test_a_replication_keeps_its_shape():
    rows = [Row(name=text, where=text, notebook=text, notebook_way=None, sound_way=None, why=text) for text in ODD]
    text = replication_page.markdown(rows, checkpoint="a`|\n<b>", command="recint replicate 'a\nb'")
    (table,) = tables(text)
    assert {len(cells(line)) for line in table} == {5}
    assert len(table) == 2 + len(ODD)
    assert not markup(text)


SHOWN = (
    Row(
        name="A <ratio>", where="Some | section", notebook="4", why="One | two.",
        notebook_way=Measured(2.0, n=1), sound_way=Measured(3.14159, "× chance", 3.0, 3.3, 20),
    ),
    Row(name="Nothing", where="There", notebook="30", why="Not applicable: it speaks of layer 2."),
)  # fmt: skip


def test_the_terminal_shows_everything_in_120_columns(rows, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    text = replication_page.terminal(tuple(rows.values()))
    assert max(map(len, text.splitlines())) <= 120
    shown = replication_page.terminal(SHOWN).splitlines()
    assert re.match(r"A <ratio>\s+4\s+2 n=1\s+3.14 × chance \[3, 3.3\], n=20$", shown[2])
    assert shown[3] == "    One | two."
    assert re.match(r"Nothing\s+30\s+–\s+–$", shown[5])


def test_markdown_has_one_line_a_number():
    text = replication_page.markdown(SHOWN, checkpoint="tiny", command="recint replicate tiny")
    assert "    recint replicate tiny\n" in text
    assert "| A &lt;ratio> (Some \\| section) | 4 | 2 n=1 | 3.14 × chance [3, 3.3], n=20 | One \\| two. |\n" in text
    assert text.count("\n| ") == 3


def test_html_escapes_and_tells_what_does_not_apply():
    section = replication_page.section(SHOWN, [("A heading", Markup("<svg></svg>"))])
    assert "A &lt;ratio&gt;" in section
    assert '<b>3.14</b> × chance<div class="small">[3, 3.3]<br>n=20</div>' in section
    assert section.count("class=idle") == 1
    assert "<details><summary>A heading</summary><svg></svg></details>" in section
