"""Text of others, put where some characters mean something: one function for each target.

Ids, statements, names of files and messages of exceptions may hold anything. HTML comes from templates, which escape by themselves.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import shlex
from typing import TextIO

# Characters that move a cursor, end a line, turn the direction of writing, or are half of one: shown by their code instead.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What Markdown, and the HTML in it, would read as more than text. Within a word an underscore is one; "<=" is no tag.
_MARKUP = re.compile(r"[\\`*|]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=[(\[:])|^[#>]|(?<![^\W_])_|~(?=\S)")
_ENTITIES = {"<": "&lt;", "&": "&amp;"}
# What signs of ours are where an output's encoding lacks them.
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
    """One line for a terminal or a comment, in which nothing but characters that can be seen has an effect.

    >>> line("\\x1b[31mred\\nand more")
    '\\\\x1b[31mred and more'
    """
    return _UNSEEN.sub(lambda found: _code(found[0]), re.sub(r"\s*[\n\r\t]\s*", " ", text))


def terminal(text: str) -> str:
    """The same for a text of several lines, which stay lines."""
    return _UNSEEN.sub(lambda found: found[0] if found[0] == "\n" else _code(found[0]), text)


def markdown(text: str) -> str:
    """Text that stays text in a cell of a table, in a list, and in a heading.

    >>> markdown("|a_i| <= <b>*")
    '\\\\|a_i\\\\| <= &lt;b>\\\\*'
    """
    return _MARKUP.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), line(text).strip())


def code(text: str) -> str:
    """A text as code in Markdown.

    >>> code("l0.previous-token@2"), code("a|b")
    ('`l0.previous-token@2`', '<code>a\\\\|b</code>')
    """
    shown = line(text)
    return f"<code>{markdown(text)}</code>" if re.search(r"[`|]", shown) or not shown else f"`{shown}`"


def command(*words: str) -> str:
    """A command line that does what it says when it is pasted into a shell, whatever names are in it.

    >>> print(command("recint", "verify", "my model"), command("\\x1b"))
    recint verify 'my model' $'\\x1b'
    """
    return " ".join(_quoted(word) if _UNSEEN.search(word) else shlex.quote(word) for word in words)


def _quoted(word: str) -> str:
    """A word in the quotes in which bash, zsh and newer shells read codes: what cannot be seen is not pasted either."""
    shown = (
        chr(byte) if 32 <= byte < 127 and chr(byte) not in "'\\" else f"\\x{byte:02x}" for byte in os.fsencode(word)
    )
    return f"$'{''.join(shown)}'"


def block(text: str) -> str:
    """A command as a block of code in Markdown."""
    return f"    {line(text)}"


def xml(text: str) -> str:
    """Text without what no XML may hold, escaped or not; the rest is for whoever writes the XML to escape."""
    return _NO_XML.sub(lambda found: _code(found[0]), text)


def toml(text: str) -> str:
    """A string of TOML, with its quotes."""
    whole = re.sub("[\ud800-\udfff]", lambda found: _code(found[0]), text)
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")


def _code(character: str) -> str:
    return character.encode("unicode-escape", "surrogatepass").decode()


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Plain signs for those of ours that an encoding lacks, and codes for all other characters."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character) or _code(character) for character in lacking), error.end


codecs.register_error("recint.plain", _plain)


def readable(*streams: TextIO) -> None:
    """Let output streams show whatever comes, in their own encoding."""
    for stream in streams:
        if reconfigure := getattr(stream, "reconfigure", None):  # what stands in for a stream may have none
            reconfigure(errors="recint.plain")
