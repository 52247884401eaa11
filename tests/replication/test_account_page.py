"""The page of an account, and its table for the terminal."""

from markupsafe import Markup

from recint.replication import account_page
from recint.replication.account import Cost
from recint.replication.account_pictures import Picture
from recint.replication.rows import Measured

from ..odd import ODD

COSTS = (
    Cost("patterns", "partner with the same c", Measured(2855.8, "× intact", 12.0, 3000.0, 100)),
    Cost("embedding", "hidden", Measured(1.541, "× intact", 1.3, float("inf"), 100)),
)


def test_the_terminal_shows_each_bar_with_its_interval():
    head, *rows = account_page.terminal(COSTS).splitlines()
    assert " ".join(head.split()) == "changed how MSE / MSE intact 95 % interval over"
    assert " ".join(rows[0].split()) == "patterns partner with the same c 2860 [12, 3000] n=100"
    assert " ".join(rows[1].split()) == "embedding hidden 1.54 [1.3, inf] n=100"


def test_the_page_escapes_all_but_the_pictures():
    drawn = [Picture(name="x", heading=text, caption=text, svg=Markup("<svg></svg>")) for text in ODD]
    page = account_page.html(drawn, checkpoint="a<b>", command="recint mechanism 'a<b>'")
    assert page.count("<svg></svg>") == len(ODD)
    assert "a<b>" not in page
    assert "recint mechanism &#39;a&lt;b&gt;&#39;" in page
    assert "<img" not in page
