"""Files that are whole or not there at all."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

# A name may have 255 bytes. That of a temporary file begins with the name of the file, and says more.
_BEGIN = 200


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of `path` if the block succeeds and vanishes if it fails.

    It reaches the disk before it takes that place, so that even a crash of the machine leaves the old file or the new one.
    A link stays a link: what it points to is replaced. A device or a pipe is written to instead, and so is what standard
    output goes to already.

    Raises:
        OSError: `path` cannot be written. The error names `path`, whatever the temporary file is called.
    """
    try:
        if is_stream(path):
            with TemporaryDirectory() as folder:
                yield (temporary := Path(folder) / "whole")
                with temporary.open("rb") as written, _open_stream(path) as stream:
                    shutil.copyfileobj(written, stream)
        else:
            with _beside(Path(os.path.realpath(path))) as temporary:
                yield temporary
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    begin = os.fsdecode(os.fsencode(path.name)[:_BEGIN])
    # Machines that share a disk may give two processes the same number.
    temporary = path.with_name(f".{begin}.{os.getpid()}-{secrets.token_hex(4)}.partial")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        if path.is_file():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: Path, content: str | bytes) -> None:
    """A text, as UTF-8, or bytes, as a whole file."""
    with atomic(path) as temporary:
        temporary.write_bytes(content.encode(errors="backslashreplace") if isinstance(content, str) else content)


def is_stream(path: Path) -> bool:
    """Whether something is there that is to be written to, not replaced."""
    with suppress(FileNotFoundError, NotADirectoryError):
        found = path.stat()
        return not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)) or _standard(path) is not None
    return False


def _open_stream(path: Path) -> BinaryIO:
    # /dev/stdout, opened anew, would begin at the start of the file that standard output goes to.
    if (descriptor := _standard(path)) is None:
        return path.open("wb")
    sys.stdout.flush()
    return os.fdopen(os.dup(descriptor), "wb")


def _standard(path: Path) -> int | None:
    """The descriptor of standard output or standard error, if it leads to this path."""
    for descriptor in (1, 2):
        with suppress(OSError):  # it may be closed
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
    return None


def named_path(text: str) -> str:
    """A path as an option gives it; `~` is the home folder also where no shell has put it in place, as in `--report=~/x.html`."""
    if not text:
        raise ArgumentTypeError("is empty, but a path is expected")
    return os.path.expanduser(text)


def is_writable(folder: Path) -> bool:
    """Whether files could be made in a folder, which need not be there yet."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)


def cache_folder() -> Path:
    """`$RECINT_CACHE`, or `recint` in the user's cache folder.

    Raises:
        ValueError: neither is known.
    """
    if chosen := os.environ.get("RECINT_CACHE"):
        return Path(os.path.expanduser(chosen))
    usual = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if usual.startswith("~"):
        raise ValueError("no home folder is known, but a cache is kept there; set RECINT_CACHE to a folder")
    return Path(usual) / "recint"
