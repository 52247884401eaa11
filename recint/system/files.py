"""Writes files as a whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from recint.system.escaping import utf8

VALUES = ".values"  # how the names of files of values end

# The longest part of a file name, in bytes, that the name of its temporary file repeats. A name may have 255 bytes.
_BEGIN = 200


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary file: it replaces `path` if the block succeeds, and is deleted if the block fails.

    The temporary file is on the disk before it replaces `path`. So even a crash of the machine leaves the old file or the new one.
    If `path` is a link, the file that it points to is replaced. A device, a pipe, or the file that standard output goes to is not
    replaced: the content is written to it.

    Raises:
        OSError: `path` cannot be written. The error names `path`, not the temporary file.
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
    # The process number alone is not enough: two machines that share a disk may use the same one.
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
    """Write a text (as UTF-8) or bytes to a file, as a whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic(path) as temporary:
        temporary.write_bytes(utf8(content).encode() if isinstance(content, str) else content)


def write_folder(folder: Path, contents: Mapping[str, str | bytes]) -> None:
    """Write files to a folder. If one of them cannot be written, the folder and the files that were made are removed again.

    Args:
        contents: what is written, by the name of the file.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    new = [folder / name for name in contents if not (folder / name).exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write(folder / name, content)
    except BaseException:
        for path in new:
            with suppress(OSError):
                path.unlink()
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise


def read(path: Path, *, once: bool = False) -> bytes:
    """The content of a file.

    Args:
        once: whether the command reads the file a single time, so that it may be a pipe.

    Raises:
        ValueError: it is a device, which may have no end, or a pipe that cannot be read again.
        OSError: it cannot be read, or is a folder.
    """
    if not (once and path.is_fifo()):
        require_regular(path)
    return path.read_bytes()


def require_regular(path: Path) -> None:
    """Raises ValueError if there is a device, which may have no end, or a pipe, which can be read only once."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError(
            f"{path}: is not a regular file, but one is expected; save what comes from a pipe to a file first"
        )


def values_beside(verdicts: Path) -> Path:
    """The file with the values of the draws that belongs to a verdict file.

    >>> str(values_beside(Path("reports/verdicts.json"))), str(values_beside(Path("run.1")))
    ('reports/verdicts.values', 'run.1.values')
    """
    return verdicts.with_name(verdicts.name.removesuffix(".json") + VALUES)


def is_stream(path: Path) -> bool:
    """Whether `path` is something that must not be replaced: a device, a pipe, or the file of standard output or error."""
    with suppress(FileNotFoundError, NotADirectoryError):
        mode = path.stat().st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or _standard(path) is not None
    return False


def _open_stream(path: Path) -> BinaryIO:
    # If /dev/stdout were opened again, it would overwrite the beginning of the file that standard output goes to.
    if (descriptor := _standard(path)) is None:
        return path.open("wb")
    sys.stdout.flush()
    return os.fdopen(os.dup(descriptor), "wb")


def _standard(path: Path) -> int | None:
    """The descriptor of standard output or standard error, if it goes to this path; else None."""
    for descriptor in (1, 2):
        with suppress(OSError):  # the descriptor may be closed
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
    return None


def named_path(text: str) -> str:
    """A path from the command line, with `~` expanded: a shell does not do this in `--report=~/x.html`.

    Raises:
        ArgumentTypeError: the text is empty.
    """
    if not text:
        raise ArgumentTypeError("is empty, but a path is expected")
    return os.path.expanduser(text)


def is_text(path: str | os.PathLike[str]) -> bool:
    """Whether a path is text in UTF-8. Python replaces the bytes of others by characters that cannot be written.

    >>> is_text("café"), is_text(os.fsdecode(b"caf\\xe9"))
    (True, False)
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def is_writable(folder: Path) -> bool:
    """Whether files can be written to a folder. The folder may not exist yet."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)


def cache_folder() -> Path:
    """The folder of recint's cache: `$RECINT_CACHE`, or `recint` in the user's cache folder.

    Raises:
        ValueError: RECINT_CACHE is not set and the user has no home folder.
    """
    if chosen := os.environ.get("RECINT_CACHE"):
        return Path(os.path.expanduser(chosen))
    usual = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if usual.startswith("~"):
        raise ValueError("no home folder is known, but a cache is kept there; set RECINT_CACHE to a folder")
    return Path(usual) / "recint"


def from_here(path: str | os.PathLike[str]) -> str:
    """A path as it is named from the working folder, if it lies there. Code for others need not tell where this machine has it.

    >>> from_here(Path("hypotheses").resolve()), from_here("/elsewhere/claims")
    ('hypotheses', '/elsewhere/claims')
    """
    whole, here = Path(path).resolve(), Path.cwd()
    return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)
