"""Lines of the research log: what each kind of line must hold, and what is wrong with a damaged one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from recint.record import schema
from recint.record.chain import digest, split
from recint.system.files import cache_folder, write

Line = Mapping[str, Any]

# Kind of line -> the name that the schema has for it.
KINDS = {
    "registered": "registered", "amended": "amended", "corrected": "corrected", "run": "run", "verdict": "verdict_line",
}  # fmt: skip

# What the lines begin with that git leaves in a file where it could not merge two branches.
OURS, BASE, THEIRS, END = b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>"


def marker(line: bytes) -> bytes | None:
    """The conflict marker of git that a line begins with; None for every other line."""
    return line[:7] if line[:7] in (OURS, BASE, THEIRS, END) else None


# Of files of this many bytes recint remembers that all lines are whole: to check them takes a second for each 3 MB.
_LONG = 100_000


@lru_cache(maxsize=32)  # a run reads its log several times, and checking lines takes longer than reading them
def parsed(content: bytes) -> tuple[Line | str, ...]:
    """Every line of a file, or a sentence that says what is wrong with it."""
    mark = _mark(content) if len(content) >= _LONG else None
    if mark and mark.is_file():
        return tuple(map(json.loads, split(content)))
    lines = tuple(map(_parsed, split(content)))
    if mark and not any(isinstance(line, str) for line in lines):
        with suppress(OSError):  # a cache that cannot be written does no harm
            write(mark, "")
    return lines


def _mark(content: bytes) -> Path | None:
    """The file in the cache that says that this content was checked by this schema; None if there is no cache."""
    try:
        return cache_folder() / "whole-lines" / digest(schema.text().encode() + content)
    except ValueError:
        return None


def _parsed(given: bytes) -> Line | str:
    if marker(given):
        return "is a conflict marker of git (`recint log --merge FILE` joins both sides)"
    try:
        line = json.loads(given)
    except (ValueError, RecursionError):
        return "is not a line of JSON"
    kind = line.get("kind") if isinstance(line, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        return f"has none of the kinds {', '.join(KINDS)}"
    if missing := schema.lacking(line, KINDS[kind]):
        return f"is a {kind} line without {', '.join(missing)}"
    if kind == "run" and not {"registered", "registered_upto"} & line.keys():
        return "is a run line without registered_upto"
    if flaw := schema.flaw(line, KINDS[kind]):
        return f"is a {kind} line with a value of the wrong kind ({flaw})"
    return line


def is_vouched(registered: Line) -> bool:
    """Whether the hash of a registered line is that of its fields; see `Claim.hash`."""
    return digest(json.dumps(registered["fields"], sort_keys=True).encode()) == str(registered["hash"])
