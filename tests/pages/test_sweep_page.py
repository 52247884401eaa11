"""The report and the summary of a sweep, on made-up rows."""

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import count, pairwise
from time import perf_counter

import pytest

from recint.pages import sweep_page
from recint.sweep.emergence import sweep

from ..odd import ODD, cells, markup, tables
from ..sweep_rows import LETTERS, ONE, REVERSE, row, training, unread
from ..sweep_rows import row as sweep_row

VOID = {"meta", "br", "path", "line", "rect", "circle", "use", "image", "input"}


class Page(HTMLParser):
    """A page whose elements are closed in order, with its ids, inner links, cells and words."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.cells, self.words = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"][1:]] if tag == "a" and found.get("href", "").startswith("#") else []
        self.cells += [found] if tag == "td" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.ids += [dict(attrs)["id"]] if "id" in dict(attrs) else []

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def page(rows):
    text = sweep_page.html(rows, command="recint sweep <runs>")
    found = Page(text)
    claims = [id for id in found.ids if id.startswith("claim-")]
    assert max(Counter(claims).values(), default=1) == 1
    assert set(found.links) <= set(claims)
    assert not re.search(r"<script|https?://(?!www\.w3\.org|purl\.org|creativecommons)", text)
    assert "NaN" not in text
    return found


def test_page_and_summary_say_how_far_trainings_agree_on_the_order_where_there_are_several():
    two = [*training("x", **ONE), *training("y", **REVERSE)]
    three = [*two, *training("z", **ONE)]
    told = "How far trainings agree on the order: rank correlation "
    for rows, figure in (
        (two, "-1.00 over 3 claims, between two trainings (1: one order, 0: chance)."),
        (three, "-0.33 over 3 claims, mean over pairs of 3 trainings (1: one order, 0: chance)."),
    ):
        assert told + figure in sweep_page.html(rows, command="")
        assert told + figure in sweep_page.markdown(rows, command="")
    one = training("x", **ONE)
    assert told not in sweep_page.html(one, command="") + sweep_page.markdown(one, command="")


def test_thinning_is_even_and_keeps_both_ends():
    assert sweep_page.thinned(range(5), 5) == [0, 1, 2, 3, 4]
    found = sweep_page.thinned(range(1000), 50)
    assert (found[0], found[-1], len(set(found))) == (0, 999, 50)
    gaps = {after - before for before, after in pairwise(found)}
    assert gaps <= {20, 21}


def test_the_first_screen_says_what_holds_and_when_it_began():
    rows = [
        *training("one", a="rsss", b="ssss", c="rrrs", d="rrrr"),
        *training("two", a="rrss", b="ssss", c="rrrr", d="rrrr"),
    ]
    found = page(rows)
    assert "2 of 4 claims hold in both trained networks" in found.text
    assert "1 appears between step 0 and 200; 1 holds from the first snapshot on; 1 more holds in some." in found.text
    assert "First to appear is a (step 100), last c (step 300)." in found.text
    assert "Half of the claims hold: about b by step 0, about a by step 100, about c by step 300." in found.text
    assert "in 1 of 2" in found.text
    assert "In both trainings, begins to hold by steps 100 to 200." in found.text
    assert "one: (0, 100]" in found.text
    assert "one: from 0 on" in found.text


def test_cells_say_their_verdict_by_symbol_and_their_statistic():
    text = sweep_page.html(training("one", a="rsiv"), command="")
    cells = re.findall(r'<td class="(\w+)" title="([^"]+)">(.)</td>', text)
    assert cells == [
        ("refuted", "0: 0.5 [0.4, 0.6]", "✗"),
        ("supported", "100: 0.5 [0.4, 0.6]", "✓"),
        ("inconclusive", "200: 0.5 [0.4, 0.6]", "?"),
        ("vacuous", "300: 0.5 [0.4, 0.6]", "∅"),
    ]


def test_the_summary_has_the_answer_the_order_of_the_roles_and_a_line_for_each_claim():
    rows = [*training("one", **{"l0.a": "rsss", "l2.b": "rrss"}), *training("two", **{"l0.a": "rsss", "l2.b": "rrsr"})]
    text = sweep_page.markdown([*rows, unread()], command="recint sweep <runs>")
    lines = text.splitlines()
    assert lines[0] == "# 1 of 2 claims holds in both trained networks"
    assert "    recint sweep <runs>" in lines
    assert "- left out: runs/broken.safetensors: it ends &lt;early>" in lines
    assert "Half of the claims about a role hold, in half of the trainings, by step: l0 100, l2 200." in lines
    assert "| claim | holds in | 95 % interval | one | two |" in lines
    assert "| `l0.a`<br>l0.a is &lt;so> & so. | 2 of 2 | 16% to 100% | ✓ (0, 100] | ✓ (0, 100] |" in lines
    assert "| `l2.b`<br>l2.b is &lt;so> & so. | 1 of 2 | 1% to 99% | ✓ (100, 200] | ✗ |" in lines
    assert lines[-1].startswith("At the last snapshot: ✓ supported, ✗ refuted")


def test_the_summary_of_nothing_says_so():
    assert sweep_page.markdown([unread()], command="").splitlines()[0] == "# No checkpoint could be judged"


def test_what_a_frame_around_a_cell_means_is_told_where_there_is_one():
    rows = training("seed-0", a="rrss")
    assert "framed" not in page(rows).text
    rows[-1] = replace(rows[-1], standing="confirmatory")
    framed = page(rows)
    assert "framed confirmatory: the claim was registered before the first run on this checkpoint" in framed.text
    assert sum("confirmatory" in cell.get("class", "") for cell in framed.cells) == 1


def test_the_table_across_networks_has_share_interval_median_and_range():
    rows = [row("a", "supported", series=f"s{at}", step=9, value=value) for at, value in enumerate((0.5, 0.6, 0.9))]
    found = page([*rows, row("a", "refuted", series="s3", step=9, value=0.2)])
    assert "3 of 4 19.4% to 99.4% 3 ✓ 1 ✗ 0.55 [0.2, 0.9] should be ≥ 0.4" in found.text.replace("\u00a0", " ")


def test_without_snapshots_there_is_no_timeline_and_the_page_says_so():
    rows = [row("a", "supported", series="models", path=f"{name}.pth", name=name) for name in ("x", "y")]
    found = page(rows)
    assert "1 of 1 claim holds in both trained networks" in found.text
    assert (
        "None more hold in some; none came with snapshots, so when a claim begins to hold is not known." in found.text
    )
    assert "Order of appearance" not in found.text
    assert "against the step" not in found.text
    assert "claim-a" in found.ids


def test_trainings_and_finished_models_can_be_in_one_sweep():
    found = page([*training("one", a="rsss"), row("a", "refuted", series="other", name="finished")])
    assert "0 of 1 claim hold in both trained networks" in found.text
    assert "Networks without a series of snapshots" in found.text


def test_one_checkpoint():
    assert "1 of 1 claim holds in the one trained network" in page([row("a", "supported", step=100)]).text


def test_a_claim_that_applies_nowhere():
    rows = [replace(entry, value=None, low=None, high=None) for entry in training("one", a="nnnn")]
    found = page(rows)
    assert "No claim begins to hold in any training." in found.text
    assert "not measured" in found.text


def test_what_holds_from_the_first_snapshot_on_does_not_begin():
    found = page(training("one", a="ssss"))
    assert "1 holds from the first snapshot on." in found.text
    assert "Holds from the first snapshot on." in found.text


def test_only_checkpoints_that_cannot_be_judged():
    found = page([unread(), unread("runs/other.safetensors", "runs/other.safetensors: no such file")])
    assert "No checkpoint could be judged" in found.text
    assert "runs/broken.safetensors: it ends <early>" in found.text
    assert "runs/other.safetensors: no such file" in found.text


def test_a_checkpoint_that_cannot_be_judged_is_told_and_counts_for_nothing():
    rows = training("one", a="rrss")
    assert sweep([*rows, unread(series="one")]).networks == sweep(rows).networks
    assert "Left out" in page([*rows, unread(series="one")]).text


@pytest.mark.parametrize("claims", [{"a": "eeee"}, {"a": "eeee", "b": "rsss"}])
def test_errors_alone_are_neither_support_nor_refutation(claims):
    found = page(training("one", **claims))
    assert "0 of 0" in found.text
    assert "4 !" not in found.text


def test_infinite_ends_of_an_interval_are_called_unbounded():
    rows = [replace(entry, high=None) for entry in training("one", a="rsss")]
    assert "0.5 [0.4, unbounded]" in sweep_page.html(rows, command="")
    page(rows)


def test_the_same_rows_give_the_same_page():
    rows = [*training("one", a="rsss", b="rrrs"), *training("two", a="rrss", b="rrrs"), unread()]
    assert sweep_page.html(rows, command="x") == sweep_page.html(rows, command="x")


@pytest.mark.parametrize("series", [1, 20])
def test_a_thousand_checkpoints_make_a_page_of_a_few_megabytes_in_seconds(series):
    steps = range(0, 100 * 1000 // series, 100)
    numbers = count()
    rows = [
        row(f"l0.claim-{claim}", LETTERS["rs"[step > 1000 * claim]], series=f"seed-{at}", step=step, value=next(numbers) % 7)
        for at in range(series)
        for step in steps
        for claim in range(10)
    ]  # fmt: skip
    start = perf_counter()
    text = sweep_page.html(rows, command="")
    assert perf_counter() - start < 30
    assert len(text) < 1.5e6  # of 10 claims
    shown = min(len(steps), 56, 560 // series)
    assert f"{shown} of {len(steps):,} snapshots shown, evenly" in text
    Page(text)


def test_a_sweep_keeps_its_shape():
    rows = [sweep_row(f"q.{text}", "refuted", step=1, series="a|\n<b>", statement=text) for text in ODD]
    left = unread("x\n|<b>", "it\n# ends <b>", series="s")
    text = sweep_page.markdown([*rows, left], command="recint sweep 'a\nb'")
    (table,) = tables(text)
    assert {len(cells(line)) for line in table} == {4}
    assert len(table) == 2 + len(ODD)
    assert not markup(text)
    assert "\n    recint sweep 'a b'\n" in text
