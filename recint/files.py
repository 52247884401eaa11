"""Files that are whole or not there at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place if the block succeeds and vanishes if it fails.

    It reaches the disk before it takes that place, so that even a crash of the machine leaves the old file or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Machines that share a disk may give two processes the same number.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: Path, text: str) -> None:
    """A text as a whole file."""
    with atomic(path) as temporary:
        temporary.write_text(text)


def require_files(*outputs: str | None) -> None:
    """Raises ValueError if one of them is a folder."""
    for output in outputs:
        if output and Path(output).is_dir():
            raise ValueError(f"{output}: is a folder, but a file is to be written there")


def is_writable(folder: Path) -> bool:
    """Whether files could be made in a folder, which need not be there yet."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)


def cache_folder() -> Path:
    """`$RECINT_CACHE`, or `recint` in the user's cache folder."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recint"
    return Path(os.environ.get("RECINT_CACHE") or usual)
