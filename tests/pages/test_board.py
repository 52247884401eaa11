"""The table of verdicts and the summary, in Markdown."""

import subprocess
import sys
from dataclasses import replace

from recint.judging.entry import Baseline, Drift
from recint.judging.told import Departure
from recint.pages import board
from recint.pages.findings import headline

from ..odd import ODD, cells, markup, odd_run, tables


def test_the_board_keeps_its_shape():
    found = odd_run()
    text = board.markdown([found, found])
    (table,) = tables(text)
    assert [len(cells(line)) for line in table] == [4] * (2 + len(ODD))
    assert text.startswith("- ")
    assert text.count("\n\n") == 1
    assert not markup(text)


def test_the_summary_keeps_its_shape():
    found = odd_run()
    failing = [Departure(claim=f"q.{text}", happened="refuted\n\n# heading | <b>") for text in ODD]
    about = Baseline(name="<b>|\n", sha256="ab" * 32, started="2026")
    drifted = tuple(Drift(claim="q", kind="verdict", happened=text, allowed=True) for text in ODD)
    text = board.summary(
        replace(found, against=about, drift=drifted, incomparable=tuple(ODD), judged_otherwise=tuple(ODD)),
        departures=failing,
    )
    assert not markup(text)
    assert [line[:2] for line in text.split("\n") if line] == ["##"] + ["- "] * 4 * len(ODD) + ["Co"] + [
        "| ",
        "|-",
    ] + ["| "] * len(ODD)


def test_the_summary_is_markdown_with_the_drift_first(drifted):
    text = board.summary(drifted, departures=[Departure(claim="a.a", happened="supported in base, now refuted")])
    lines = text.splitlines()
    assert lines[0] == f"## {headline(drifted)}"
    assert lines[2] == "- **a.a: supported in base, now refuted**"
    assert lines[3].startswith("- allowed: a.b: moved, supported in base")
    assert "- not compared: a.new: not judged in the baseline, base" in lines
    assert "- judged otherwise: draws=1000 in base, now draws=300" in lines
    assert any(line.startswith("| `a.a`<br>a.a is claimed.") for line in lines)


def test_a_table_of_verdict_files_loads_no_pytorch():
    code = "import sys, recint.pages.board, recint.record.drift; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
