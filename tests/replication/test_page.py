"""The page on a replication."""

from recint.replication import page as replication_page
from recint.replication.rows import Row

from ..odd import ODD, cells, markup, tables


def test_a_replication_keeps_its_shape():
    rows = [Row(name=text, where=text, notebook=text, notebook_way=None, sound_way=None, why=text) for text in ODD]
    text = replication_page.markdown(rows, checkpoint="a`|\n<b>", command="recint replicate 'a\nb'")
    (table,) = tables(text)
    assert {len(cells(line)) for line in table} == {5}
    assert len(table) == 2 + len(ODD)
    assert not markup(text)
