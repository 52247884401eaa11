"""The page on a log."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from recint.judging.entry import Estimate
from recint.pages import log_page
from recint.record.log_file import read

from ..record.test_history import shown
from ..written_log import FIRST, OTHER, SECOND, Writer, entry, recint


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"value": None, "estimate": None}, "not measured"),
        ({"estimate": None}, "0.7"),
        ({"estimate": Estimate(ci=(None, 0.75))}, "0.7 [unbounded, 0.75]"),
    ],
)
def test_a_number_has_the_interval_it_has(more, told):
    assert log_page.number(replace(entry(FIRST), **more)) == told


VOID = {"meta", "br", "link"}


class Page(HTMLParser):
    """Well-formed, or an AssertionError; the rows of its tables as lists of (tag, attributes, text)."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.ids, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        found = dict(attributes)
        assert len(found) == len(attributes)
        self.ids += [found["id"]] if "id" in found else []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append([tag, found, ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1][2] += data

    def row(self, head):
        return next(row for row in self.rows if row[0][2] == head)


@pytest.fixture
def page(log, capsys, tmp_path):
    assert recint(capsys, "--log", log, "--html", tmp_path / "page.html")[0] == 0
    return Page((tmp_path / "page.html").read_text())


def test_the_page_begins_with_the_finding_and_what_there_is(page):
    text = " ".join(page.text.split())
    assert (
        "0 of 2 claims got the same verdict in every run 4 runs (1 stopped before its verdicts) on 3 checkpoints"
        in text
    )


def test_a_timeline_of_claims_by_runs_grouped_by_checkpoint(page):
    checkpoints, dates = page.rows[:2]
    assert [(cell[2], cell[1].get("colspan")) for cell in checkpoints[1:-1]] == [
        ("one", "2"),
        ("two", "1"),
        ("three", "1"),
    ]
    assert [cell[2] for cell in dates[1:-1]] == ["2026-01-02", "2026-01-05", "2026-01-03", "2026-01-06"]
    cells = page.row(FIRST.id)[1:-1]
    assert [cell[2] for cell in cells] == ["✗", "✗", "✓", ""]
    marks = [set(cell[1]["class"].split()) - {"first"} for cell in cells]
    assert marks == [{"refuted", "confirmatory"}, {"refuted"}, {"supported"}, {"stopped"}]
    assert cells[2][1]["title"] == (
        "l0.looks-back: supported, 0.7 [0.65, 0.75], should be ≥\xa00.5 · exploratory · run bb22bbbb (two, 2026-01-03 08:00)"
    )
    assert page.row(OTHER.id)[3][1]["class"] == "first unjudged"


def test_an_amended_claim_is_below_the_version_it_amends_with_the_reason(page):
    heads = [row[0][2] for row in page.rows]
    at = heads.index(FIRST.id)
    assert heads[at + 1 : at + 3] == ["", SECOND.id]
    assert page.rows[at + 1][1][2] == (
        "↳ 2026-01-04: version 2 beside version 1, because it fails at c = 0 & nowhere else; "
        "quantifier: everywhere → average; threshold: 0.5 → 0.4"
    )


def test_a_statement_that_moved_is_beside_the_cells_already(tmp_path, capsys, wide):
    writer = Writer(tmp_path)
    writer.register(FIRST, FIRST.amended(because="it was unclear", statement="Layer 0 looks one back."))
    writer.run("aa11aaaa", "one", "2026-01-02", entry(FIRST))
    page = Page(log_page.html(shown(tmp_path), folder="log"))
    assert page.text.count("Layer 0 looks one back.") == 1
    _, out, _ = recint(capsys, "--log", tmp_path, "--claims", "*")
    assert "statement: Layer 0 looks back. → Layer 0 looks one back." in out


def test_every_column_links_to_the_facts_of_its_run(page, log, tmp_path):
    text = (tmp_path / "page.html").read_text()
    numbers = [run["run"] for run in read(log).runs]
    assert [name for name in page.ids if name.startswith("run-")] == [f"run-{number}" for number in numbers]
    assert all(text.count(f'href="#run-{number}"') == 1 for number in numbers)
    facts = page.row("bb22bbbb")
    assert [cell[2] for cell in facts[3:6]] == ["1 ✓", "0 of 1", "c0ffee0uncommitted changes"]
    assert facts[6][2] == "seed 0 · 100 draws · profile default · device cpu · torch 2.13.0"
    assert page.row("dd44dddd")[3][2] == "stopped before its verdicts"


def test_the_page_needs_nothing_else_and_escapes_what_it_is_told(tmp_path):
    writer = Writer(tmp_path)
    claim = replace(OTHER, statement="<script>alert('x')</script> & more")
    writer.register(claim)
    writer.run("aa11aaaa", '"><b>', "2026-01-02", entry(claim), commit="<i>")
    text = log_page.html(shown(tmp_path), folder="<log>")
    page = Page(text)
    assert "<script" not in text
    assert "<b>" not in text
    assert "http" not in text
    assert "<script>alert('x')</script> & more" in page.text
    assert "1 of 1 claim is supported; none was judged twice" in page.text


def test_sixty_runs_are_narrow_columns_and_three_are_not(tmp_path):
    writer = Writer(tmp_path)
    writer.register(FIRST)
    for number in range(60):
        writer.run(f"{number:08x}", f"checkpoint-{number % 20}", f"2026-01-01T08:{number:02}", entry(FIRST))
    text = log_page.html(shown(tmp_path), folder="log")
    assert '<table class="matrix timeline dense">' in text
    assert len(Page(text).row(FIRST.id)) == 62
    few = log_page.html(shown(tmp_path, checkpoint="checkpoint-1"), folder="log")
    assert '<table class="matrix timeline">' in few
    assert [cell[2] for cell in Page(few).row(FIRST.id)[1:-1]] == ["✓"] * 3
    assert "1 of 1 claim got the same verdict in every run" in few


def test_the_page_shows_changes_and_damage(log, capsys, tmp_path):
    with (log / "one.jsonl").open("a") as file:
        file.write("broken\n")
    status, _, err = recint(capsys, "--log", log, "--changes", "aa11", "bb22", "--html", tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text())
    assert status == 0
    assert "From run aa11aaaa (one, 2026-01-02 08:00) to run bb22bbbb" in page.text
    assert "l0.looks-back: flips, but did not move, refuted in one, now supported" in page.text
    assert "model.predicts: judged in aa11aaaa only" in page.text
    assert "dirty: false → true" in page.text
    assert len(page.row(FIRST.id)) == 4
    assert len(err.splitlines()) == 2
    assert all(line.removeprefix("recint: ") in page.text for line in err.splitlines())
