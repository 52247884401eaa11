"""Ids, statements, names and messages that hold what a target reads as more than text."""

import os
import re
import subprocess
import tomllib
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recint.system import escaping

ANY = st.text(st.characters(exclude_categories=()))


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
    def test_any_text_fits_utf_8_and_what_fits_stays(self, text):
        shown = escaping.utf8(text)
        shown.encode()
        assert shown == text or re.search("[\ud800-\udfff]", text)

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
