"""The chain of a file of the log: each line holds in `before` the SHA-256 of the line that it follows.

Lines of earlier versions of recint have no `before`. They stand at the beginning of a file, and the first line with `before`
holds the SHA-256 of all their bytes: they are followed as a whole. If two branches are merged, the lines of both follow the
same line: the chain forks. The next line that is added follows the last line of both. So the chain is a graph, as in git.

Everything here depends on the bytes of one file only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

Follows = tuple[str, ...]


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return sha256(content).hexdigest()


def split(content: bytes) -> list[bytes]:
    r"""The lines of a file, without the newlines.

    >>> split(b"one\n\ntwo\n"), split(b"one"), split(b"")
    ([b'one', b'', b'two'], [b'one'], [])
    """
    return content.removesuffix(b"\n").split(b"\n") if content else []


def packed(hashes: Sequence[str]) -> str | list[str] | None:
    """Hashes as they stand in a line: one as a text, several as a list, none as null."""
    return (hashes[0] if len(hashes) == 1 else list(hashes)) if hashes else None


def unpacked(value: str | list[str] | None) -> Follows:
    """The hashes that `packed` made a value of."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def extended(content: bytes, lines: Iterable[Mapping[str, Any]]) -> bytes:
    """The content of a file with lines added to it, each chained to the one before."""
    closed = content if content.endswith(b"\n") or not content else content + b"\n"
    added, follows = [], Chain(closed).heads
    for line in lines:
        # Names of files may hold half a character, which cannot be encoded. JSON can hold it as an escape.
        text = json.dumps({**line, "before": packed(follows)}, ensure_ascii=False).encode(errors="backslashreplace")
        added.append(text + b"\n")
        follows = (digest(text),)
    return closed + b"".join(added)


@dataclass(frozen=True)
class Chain:
    """The lines of one file and what each of them follows. Lines are counted from zero.

    Attributes:
        content: the bytes of the file.
    """

    content: bytes

    @cached_property
    def lines(self) -> list[bytes]:
        """The lines, without the newlines."""
        return split(self.content)

    @cached_property
    def before(self) -> list[Follows]:
        """What each line says that it follows; empty if it says nothing."""
        return list(map(_before, self.lines))

    @cached_property
    def start(self) -> int:
        """The first line that says what it follows; the number of lines if none does."""
        return next((index for index, follows in enumerate(self.before) if follows), len(self.lines))

    @cached_property
    def anchor(self) -> str:
        """The hash of all bytes that stand above the first chained line."""
        return digest(self.content[: sum(len(line) + 1 for line in self.lines[: self.start])])

    @cached_property
    def hashes(self) -> list[str]:
        """The hash of each line."""
        return list(map(digest, self.lines))

    @cached_property
    def places(self) -> dict[str, int]:
        """Where a line with this hash stands first: a merge may repeat lines, and repeated lines count once."""
        return {found: index for index, found in reversed(list(enumerate(self.hashes)))}

    @cached_property
    def _chained(self) -> list[int]:
        """The lines from the first chained one on, without repeated ones."""
        return [index for index in range(self.start, len(self.lines)) if self.places[self.hashes[index]] == index]

    @cached_property
    def heads(self) -> Follows:
        """What the next line follows: the lines that none follows yet; if no line is chained yet, all bytes of the file."""
        followed = {one for index in self._chained for one in self.before[index]}
        return tuple(self.hashes[index] for index in self._chained if self.hashes[index] not in followed) or (
            self.anchor,
        )

    @cached_property
    def ends(self) -> Follows:
        """The hashes of the lines that none follows: of the last line, if no line is chained; empty for an empty file."""
        return self.heads if self._chained else tuple(self.hashes[-1:])

    def upto(self, ends: Follows) -> list[int] | None:
        """The lines that stood in the file when these were its ends; None if one of them is gone."""
        found: set[int] = set()
        asked, todo = set(ends), list(ends)
        while todo:
            one = todo.pop()
            place = self.places.get(one)
            if one == self.anchor:
                found.update(range(self.start))
            elif place is None:
                return None
            elif place < self.start:
                found.update(range(place + 1))
            else:
                found.add(place)
                todo += [further for further in self.before[place] if further not in asked]
                asked.update(self.before[place])
        return sorted(found)

    def flaws(self) -> Iterator[tuple[int, str]]:
        """What was done to the file since its lines were written: a line, and a sentence about it."""
        told = {self.anchor}
        for index in self._chained:
            if not self.before[index]:
                yield index, "says not what it follows, but lines above it do: it was inserted or edited"
            for one in self.before[index]:
                place = self.places.get(one, -1)
                if place > index:
                    yield index, f"stands above line {place + 1}, which it follows: lines were reordered"
                elif place < self.start and one not in told:
                    told.add(one)
                    yield index, _ABOVE_FIRST if index == self.start else _ABOVE

    def forks(self) -> Iterator[tuple[int, str]]:
        """Where branches were merged: the first line of a further branch, and a sentence about it."""
        first: dict[str, int] = {}
        for index in self._chained:
            for one in self.before[index]:
                if (other := first.setdefault(one, index)) != index:
                    yield index, f"follows the same line as line {other + 1}: two branches were merged"


_ABOVE = "follows a line that is gone: the line above it was edited or removed"
_ABOVE_FIRST = "is chained to other bytes than stand above it: a line above it was edited, removed or inserted"


def _before(line: bytes) -> Follows:
    if b'"before"' not in line:
        return ()
    try:
        value = json.loads(line).get("before")
    except (ValueError, RecursionError, AttributeError):
        return ()
    hashes = value if isinstance(value, list) else [value]
    return tuple(hashes) if all(isinstance(one, str) for one in hashes) else ()
