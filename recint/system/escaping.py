"""Escapes foreign text: one function for each kind of output in which some characters have a meaning.

Ids, statements, file names and messages of exceptions may contain any character. HTML is not here: its templates escape.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import shlex
from typing import TextIO

# Characters that move the cursor, end a line or change the direction of writing, and halves of characters. Their codes are shown.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_HALVES = re.compile("[\ud800-\udfff]")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Characters with a meaning in Markdown or in HTML inside it. An underscore inside a word has none, and "<=" is no tag.
_MARKUP = re.compile(r"[\\`*|]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=[(\[:])|^[#>]|(?<![^\W_])_|~(?=\S)")
_ENTITIES = {"<": "&lt;", "&": "&amp;"}
# Replacements for the symbols of recint, for outputs whose encoding does not have them.
_PLAIN = {
    "✓": "+",
    "✗": "x",
    "∅": "0",
    "–": "-",
    "—": "-",
    "≥": ">=",
    "≤": "<=",
    "→": "->",
    "…": "...",
    "×": "x",
    "─": "-",
}


def line(text: str) -> str:
    """A text as one line for a terminal or a comment. Codes replace the characters that cannot be seen.

    >>> line("\\x1b[31mred\\nand more")
    '\\\\x1b[31mred and more'
    """
    return _UNSEEN.sub(lambda match: _code(match[0]), re.sub(r"\s*[\n\r\t]\s*", " ", text))


def terminal(text: str) -> str:
    """Like `line`, but for a text of several lines."""
    return _UNSEEN.sub(lambda match: match[0] if match[0] == "\n" else _code(match[0]), text)


def markdown(text: str) -> str:
    """A text for Markdown: in a cell of a table, a list or a heading it is shown as it is.

    >>> markdown("|a_i| <= <b>*")
    '\\\\|a_i\\\\| <= &lt;b>\\\\*'
    """
    return _MARKUP.sub(lambda match: _ENTITIES.get(match[0], f"\\{match[0]}"), line(text).strip())


def code(text: str) -> str:
    """A text as code in Markdown.

    >>> code("l0.previous-token@2"), code("a|b")
    ('`l0.previous-token@2`', '<code>a\\\\|b</code>')
    """
    shown = line(text)
    return f"<code>{markdown(text)}</code>" if re.search(r"[`|]", shown) or not shown else f"`{shown}`"


def command(*words: str) -> str:
    """A command line that can be pasted into a shell. Words with special characters are quoted.

    >>> print(command("recint", "verify", "my model"), command("\\x1b"))
    recint verify 'my model' $'\\x1b'
    """
    return " ".join(_quoted(word) if _UNSEEN.search(word) else shlex.quote(word) for word in words)


def _quoted(word: str) -> str:
    """A word in $'...' quotes, in which bash and zsh read codes for characters that cannot be seen."""
    shown = (
        chr(byte) if 32 <= byte < 127 and chr(byte) not in "'\\" else f"\\x{byte:02x}" for byte in os.fsencode(word)
    )
    return f"$'{''.join(shown)}'"


def block(text: str) -> str:
    """A command as a block of code in Markdown."""
    return f"    {line(text)}"


def utf8(text: str) -> str:
    """A text that can be written in UTF-8. Codes replace halves of characters, which stand for the other bytes of a file name.

    >>> utf8("caf\\udce9")
    'caf\\\\udce9'
    """
    return _HALVES.sub(lambda match: _code(match[0]), text)


def xml(text: str) -> str:
    """A text without the characters that XML does not allow at all. Whoever writes the XML must still escape it."""
    return _NO_XML.sub(lambda match: _code(match[0]), text)


def toml(text: str) -> str:
    """A string of TOML, with its quotes."""
    return json.dumps(utf8(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def _code(character: str) -> str:
    return character.encode("unicode-escape", "surrogatepass").decode()


def _plain(error: UnicodeError) -> tuple[str, int]:
    """An error handler for encodings: replaces the symbols of recint by plain characters, and all others by codes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character) or _code(character) for character in lacking), error.end


codecs.register_error("recint.plain", _plain)


def readable(*streams: TextIO) -> None:
    """Let output streams print any text: they replace characters that their encoding does not have."""
    for stream in streams:
        if reconfigure := getattr(stream, "reconfigure", None):  # an object in the place of a stream may not have it
            reconfigure(errors="recint.plain")
