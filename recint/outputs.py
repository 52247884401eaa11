"""What a run writes in the end: tried before it begins, and each file written whatever befalls the others."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from recint.files import atomic


class _Tried(Exception):
    """Ends a trial before it replaces anything."""


def require_writable(*paths: str | Path | None) -> None:
    """Raises ValueError if one of these files could not be written; leaves nothing behind."""
    for path in paths:
        if path:
            _try(Path(path))


def _try(path: Path) -> None:
    missing: list[Path] = []
    try:
        if path.exists() and not path.is_file():
            return  # a device or a pipe takes what it gets
        missing = [folder for folder in path.parents if not folder.exists()]
        if not (nearest := path.parents[len(missing)]).is_dir():
            raise ValueError(f"{nearest} is a file, not a folder")
        with suppress(_Tried), atomic(path) as temporary:
            temporary.write_bytes(b"")
            raise _Tried
    except (OSError, ValueError) as error:
        raise ValueError(not_written(str(path), error)) from None
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def write(path: Path, text: str) -> None:
    """A text as a whole file, in UTF-8 wherever it is written."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def append(path: Path, text: str) -> None:
    """Add a text to the end of a file, which need not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def not_written(path: str, error: OSError | ValueError) -> str:
    """The sentence that says so."""
    return f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})"
