"""Join the two sides of a file of the log in which git could not merge two branches, and left its conflict markers."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from recint.record.chain import split
from recint.record.lines import BASE, END, OURS, THEIRS, marker, parsed
from recint.record.log import LogError
from recint.record.log_file import LOCK
from recint.system.files import require_regular, write

# The markers that may come next, after each marker; none stands for the lines outside a conflict.
_NEXT = {b"": (OURS,), OURS: (BASE, THEIRS), BASE: (THEIRS,), THEIRS: (END,)}


def merge(path: Path) -> int:
    """Write a file of the log without conflict markers: all lines of both sides once. Returns how many lines it has now.

    Raises:
        LogError: the file is none with conflict markers, or cannot be read or written.
    """
    require_regular(path)  # before a lock is left beside something else
    try:
        merged(path.read_bytes())  # a file that is refused gets no lock beside it
        with FileLock(path.parent / LOCK):
            content = merged(path.read_bytes())
            write(path, content)
    except OSError as error:
        raise LogError(f"{path}: cannot be read and written ({error.strerror})") from None
    except ValueError as error:
        raise LogError(f"{path}: {error}; a file of the log with git's conflict markers is expected") from None
    return len(split(content))


def merged(content: bytes) -> bytes:
    """The content of a file without conflict markers. In place of a conflict come the lines of our side, and then those of theirs.

    A line that is on both sides comes once. If git shows the common base too, it is left out: no line of a log is ever removed.

    Raises:
        ValueError: there is no conflict, or it is not whole, or another line is not one of the log.
    """
    joined: list[bytes] = []
    ours: list[bytes] = []
    within = b""
    found = False
    for number, line in enumerate(split(content), start=1):
        sign = marker(line)
        if sign and sign not in _NEXT[within]:
            raise ValueError(f"line {number} is the marker {sign.decode()} out of place")
        if sign == OURS:
            ours = []
        if sign:
            found, within = True, b"" if sign == END else sign
        elif within != BASE and not (within == THEIRS and line in ours):
            if isinstance(told := parsed(line)[0] if line else "is empty", str):
                raise ValueError(f"line {number} {told}")
            joined.append(line)
            if within == OURS:
                ours.append(line)
    if not found or within:
        raise ValueError("its last conflict has no end" if within else "it has no conflict")
    return b"".join(line + b"\n" for line in joined)
