"""Ids, statements, names and messages that hold what a target reads as more than text."""

import os
import re
import subprocess
import tomllib
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recint.judging.controls import Row as Judged
from recint.judging.entry import Baseline, Counterexample, Departure, Drift, Measurement, SearchSummary
from recint.pages import board, calibration_page, junit, sweep_page
from recint.record import expected
from recint.replication import page as replication_page
from recint.replication.rows import Row
from recint.system import escaping

from .test_drift import entry, run
from .test_sweep_report import row as sweep_row

ANY = st.text(st.characters(exclude_categories=()))
ODD = [
    "a|b", "a\nb", "a\r\nb", "<b>bold</b>", "<img src=x onerror=y>", "*b*", "_b_", "`b`", "~~b~~", "[a](http://b)", "![](x)",
    "&lt;", "\\", "\\|", "# a", "> a", "\x1b[31mred", "\x00", "\x7f", "\x85", "\u2028", "\u202e", "\ud800", "🙂",
    '"', "'", "--", "]]>",
]  # fmt: skip


class TestMarkdown:
    @given(ANY)
    def test_it_is_one_line_and_one_cell(self, text):
        shown = escaping.markdown(text)
        assert len(shown.splitlines()) <= 1
        assert not re.search(r"(?<!\\)(\\\\)*\|", shown)
        shown.encode()

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("|direct logit attribution|", r"\|direct logit attribution\|"),
            ("One | two\nthree <b>", r"One \| two three &lt;b>"),
            ("a_i and a_(i-1), c_0 <= 2 < 3, x ~ U(0, 1)^m", "a_i and a_(i-1), c_0 <= 2 < 3, x ~ U(0, 1)^m"),
            ("_a_ *b* ~~c~~ `d`", r"\_a_ \*b\* \~\~c\~~ \`d\`"),
            ("[a](b) ![](c) [0.1, 0.2]", r"[a\](b) ![\](c) [0.1, 0.2]"),
            ("&amp; R&D", "&amp;amp; R&D"),
            ("# a # b", r"\# a # b"),
            ("a\\", r"a\\"),
        ],
    )
    def test_only_what_means_something_is_escaped(self, text, shown):
        assert escaping.markdown(text) == shown

    @given(ANY)
    def test_code_is_code(self, text):
        shown = escaping.code(text)
        inner = shown[1:-1] if shown.startswith("`") else shown.removeprefix("<code>").removesuffix("</code>")
        assert len(shown.splitlines()) == 1
        assert not re.search(r"(?<!\\)(\\\\)*[|`]", inner)

    def test_a_command_is_one_block(self):
        assert escaping.block("recint sweep 'a\nb'") == "    recint sweep 'a b'"


class TestCommands:
    """Words that are pasted into a shell come out as they were."""

    NAMES = (
        "my model",
        "it's",
        "$(touch x)",
        "`x`",
        "a\nb",
        "\x1b[31m",
        "-n",
        "",
        "~",
        "*",
        "é\u202eb",
        "\udcff",
        "a\\\\x1bb\n'",
    )

    def test_pasted_into_a_shell(self):
        command = escaping.command("printf", "%s\\0", *self.NAMES)
        done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
        assert done.stdout == b"".join(os.fsencode(name) + b"\0" for name in self.NAMES)

    @given(st.lists(ANY))
    def test_showing_it_changes_nothing(self, words):
        words = [word for word in words if not re.search("[\ud800-\udfff]", word)]
        command = escaping.command("recint", *words)
        assert escaping.line(command) == command

    def test_usual_words_are_not_touched(self):
        assert (
            escaping.command("recint", "verify", "a/b.pth", "--claims", "l0.*")
            == "recint verify a/b.pth --claims 'l0.*'"
        )


class TestOthers:
    @given(ANY)
    def test_any_text_is_a_string_of_toml(self, text):
        found = tomllib.loads(f"a = {escaping.toml(text)}\n{escaping.toml(text)} = 1")
        if not re.search("[\ud800-\udfff]", text):
            assert found["a"] == text

    @given(ANY)
    def test_any_text_fits_xml(self, text):
        element = ElementTree.Element("a", b=escaping.xml(text))
        element.text = escaping.xml(text)
        ElementTree.fromstring(ElementTree.tostring(element, encoding="utf-8"))

    @given(ANY)
    def test_a_terminal_gets_nothing_to_obey(self, text):
        for shown in (escaping.line(text), escaping.terminal(text)):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
            shown.encode()
        assert len(escaping.line(text).splitlines()) <= 1
        assert escaping.terminal(text).count("\n") == text.count("\n")

    def test_what_can_be_seen_stays(self):
        text = "  ✓ „claims“ über ℝ → 🙂 "
        assert escaping.line(text) == escaping.terminal(text) == text

    @given(ANY)
    def test_any_encoding_takes_any_text(self, text):
        for encoding in ("cp1252", "ascii", "utf-8"):
            text.encode(encoding, "recint.plain").decode(encoding)

    def test_a_stream_that_is_none_is_left_alone(self):
        escaping.readable(object())  # type: ignore[arg-type]


def cells(line):
    """Of a line of a table, as GitHub splits it."""
    return re.split(r"(?<!\\)\|", line)[1:-1]


def tables(text):
    """The lines of each table of a page, which end where a line is none of it."""
    found, table = [], []
    for line in [*text.split("\n"), ""]:
        if line.startswith("|"):
            table.append(line)
        elif table:
            found.append(table)
            table = []
    return found


def markup(text):
    """Tags of HTML that are not ours, outside of code."""
    return re.findall("<(?!br>|code>|/code>)[a-z/!]", re.sub("`[^`]*`", "", text))


def odd_run():
    claims = [entry(f"q.{text}", "refuted", message=text, statement=text) for text in ODD]
    found = SearchSummary(counterexample=Counterexample(value=0.1, where="c|<b>"))
    contrast = {"a|b\n": Measurement(statistic="it", value=0.1, relation=">=", threshold=1.0)}
    claims[0] = replace(claims[0], search=found, contrast=contrast, quantifier="everywhere")
    return run(*claims, name="|<b>\n# name")


class TestEverywhere:
    def test_the_board_keeps_its_shape(self):
        found = odd_run()
        text = board.markdown([found, found])
        (table,) = tables(text)
        assert [len(cells(line)) for line in table] == [4] * (2 + len(ODD))
        assert text.startswith("- ")
        assert text.count("\n\n") == 1
        assert not markup(text)

    def test_the_summary_keeps_its_shape(self):
        found = odd_run()
        failing = [Departure(claim=f"q.{text}", sentence=f"q.{text}: refuted\n\n# heading | <b>") for text in ODD]
        about = Baseline(name="<b>|\n", sha256="ab" * 32, started="2026")
        drifted = tuple(Drift(claim="q", kind="verdict", sentence=text, allowed=True) for text in ODD)
        text = board.summary(
            replace(found, against=about, drift=drifted, incomparable=tuple(ODD), judged_otherwise=tuple(ODD)),
            departures=failing,
        )
        assert not markup(text)
        assert [line[:2] for line in text.split("\n") if line] == ["##"] + ["- "] * 4 * len(ODD) + ["Co"] + [
            "| ",
            "|-",
        ] + ["| "] * len(ODD)

    def test_junit_is_xml_and_fails_what_fails(self):
        found = odd_run()
        failing = [Departure(claim=claim.id, sentence=f"{claim.id}: refuted") for claim in found.claims[::2]]
        suite = ElementTree.fromstring(junit.xml(found, departures=failing).encode())
        assert len(suite.findall("testcase")) == len(ODD)
        assert len(suite.findall("testcase/failure")) == int(suite.get("failures")) == len(failing)

    def test_junit_knows_claims_with_a_colon(self):
        found = run(entry("a: b", "refuted"), entry("a", "refuted"))
        failing = [Departure(claim="a: b", sentence="a: b: refuted")]
        suite = ElementTree.fromstring(junit.xml(found, departures=failing).encode())
        failed = [case.get("classname") for case in suite.iter("testcase") if case.find("failure") is not None]
        assert failed == ["a: b"]

    def test_expected_verdicts_can_be_read_back(self, tmp_path):
        found = odd_run()
        known = {claim.id: expected.Expectation("refuted", claim.statement) for claim in found.claims}
        path = tmp_path / "e.toml"
        path.write_text(expected.text(found, known), encoding="utf-8")
        read = expected.load(path)
        assert read.speaks_of(found.checkpoint)
        assert len(read.claims) == len(ODD)
        whole = [text for text in ODD if text != "\ud800"]
        assert [read.claims[f"q.{text}"].reason for text in whole] == whole

    def test_a_sweep_keeps_its_shape(self):
        rows = [sweep_row(f"q.{text}", "refuted", step=1, series="a|\n<b>") | {"statement": text} for text in ODD]
        left = dict.fromkeys(rows[0]) | {"path": "x\n|<b>", "series": "s", "error": "it\n# ends <b>"}
        text = sweep_page.markdown([*rows, left], command="recint sweep 'a\nb'")
        (table,) = tables(text)
        assert {len(cells(line)) for line in table} == {4}
        assert len(table) == 2 + len(ODD)
        assert not markup(text)
        assert "\n    recint sweep 'a b'\n" in text

    def test_a_calibration_keeps_its_shape(self):
        claims = [f"q.{text}" for text in ODD]
        row = Judged(
            index=0, group="mutants", name="m|\n<b>", base="x", truth=dict.fromkeys(claims, False), seconds=1.0,
            verdicts=dict.fromkeys(claims, "refuted"), made_for=claims, values={}, messages={},
        )  # fmt: skip
        text = calibration_page.markdown([row], command="recint calibrate 'a\nb'")
        for table in tables(text):
            assert len({len(cells(line)) for line in table}) == 1
            assert len(table) == 3
        assert not markup(text)

    def test_a_replication_keeps_its_shape(self):
        rows = [Row(name=text, where=text, notebook=text, notebook_way=None, sound_way=None, why=text) for text in ODD]
        text = replication_page.markdown(rows, checkpoint="a`|\n<b>", command="recint replicate 'a\nb'")
        (table,) = tables(text)
        assert {len(cells(line)) for line in table} == {5}
        assert len(table) == 2 + len(ODD)
        assert not markup(text)
