"""The files that a command writes at its end. They are tested before the command begins, so that no long run is lost."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from recint.system.escaping import utf8
from recint.system.files import VALUES, atomic, is_stream, values_beside

# No command writes such a file where one is already, but for its own: code, a research log, expected verdicts, tensors.
_NEVER_REPLACED = (".py", ".jsonl", ".toml", ".safetensors", ".pth", ".pt", ".ckpt", ".bin")
_OF_A_CHECKPOINT = ("config.json", "model.safetensors")  # the files of a checkpoint that is a folder


class _Tried(Exception):
    """Ends a test before a file is replaced."""


def require_files(
    *outputs: str | Path | None, inputs: Sequence[str | None] = (), own: Sequence[str | Path] = ()
) -> None:
    """Test before a long run that its outputs can be written. Leaves no files or folders.

    Args:
        outputs: paths of files to write; None is skipped.
        inputs: files or folders of checkpoints that the run reads. No output may replace them.
        own: files that the command keeps itself, whatever their kind: its research log, its state.

    Raises:
        ValueError: an output is a folder, is named twice, is also an input, would replace code, a log, expected verdicts, tensors
            or values that a verdict file rests on, or cannot be written.
    """
    read = {os.path.realpath(Path(path, name)) for path in inputs if path for name in ("", *_OF_A_CHECKPOINT)}
    written: set[str] = set()
    kept = {os.path.realpath(path) for path in own}
    for output in (output for output in (*own, *outputs) if output):
        path, place = Path(output), os.path.realpath(output)
        if path.is_dir() or str(output).endswith(os.sep):
            raise ValueError(f"{output}: is a folder, but a file is to be written there")
        if is_stream(path):
            continue  # nothing is replaced there
        if place in read:
            raise ValueError(f"{output}: is read by this command, and would be replaced; name another file to write")
        if place not in kept and path.suffix in _NEVER_REPLACED and path.exists():
            raise ValueError(
                f"{output}: would be replaced, but no output replaces a file that ends in {path.suffix}; name another file to write"
            )
        if path.suffix == VALUES and path.exists():
            _require_unneeded(path, outputs)
        if place in written:
            raise ValueError(f"{output}: is named for two outputs; give each a file of its own")
        _try(path)
        written.add(place)


def _require_unneeded(values: Path, outputs: Sequence[str | Path | None]) -> None:
    """Raises ValueError unless verdict files rest on these values, and all of them are replaced together with the values."""
    content, place = _content(values), os.path.realpath(values)
    sha256 = hashlib.sha256(content).hexdigest().encode()

    def rests_on_these(verdicts: Path) -> bool:
        own = values_beside(verdicts)  # another file may have the same values
        return sha256 in _content(verdicts) and (os.path.realpath(own) == place or _content(own) != content)

    replaced = {os.path.realpath(path) for path in outputs if path}
    resting = {
        os.path.realpath(path) for path in {*values.parent.glob("*.json"), *map(Path, replaced)} if rests_on_these(path)
    }
    if others := sorted(map(os.path.basename, resting - replaced)):
        raise ValueError(
            f"{values}: would be replaced, but {others[0]} rests on these values; name another file to write"
        )
    if not resting and not any(
        path and values_beside(Path(path)) == values and Path(path).exists() for path in outputs
    ):
        raise ValueError(
            f"{values}: would be replaced, but no verdict file that is replaced with it rests on these values; "
            "name another file to write, or move this one away"
        )


def _content(path: Path) -> bytes:
    """The content of a file; none if it cannot be read."""
    return path.read_bytes() if path.is_file() and os.access(path, os.R_OK) else b""


def _try(path: Path) -> None:
    missing: list[Path] = []
    try:
        missing = [folder for folder in path.parents if not folder.exists()]
        if not (nearest := path.parents[len(missing)]).is_dir():
            raise ValueError(f"{nearest} is a file, not a folder")
        if path.exists() and not os.access(path, os.W_OK):
            raise ValueError("Permission denied")
        with suppress(_Tried), atomic(path) as temporary:
            temporary.write_bytes(b"")
            raise _Tried
    except (OSError, ValueError) as error:
        raise ValueError(f"{not_written(str(path), error)}; name another file") from None
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def append(path: Path, text: str) -> None:
    """Add a text to the end of a file, all of it or nothing. If the file does not exist, it is made.

    Raises:
        OSError: the text cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.stat().st_size if path.exists() else None
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(utf8(text))
    except OSError:
        if path.is_file():
            path.unlink() if before is None else os.truncate(path, before)
        raise


def not_written(path: str, error: OSError | ValueError) -> str:
    """The sentence that says that a file cannot be written, and why."""
    return f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})"


def require_report(path: str | None) -> None:
    """Raises ValueError if pytest-html would write the report to another file."""
    if path and os.path.expandvars(whole := os.path.abspath(path)) != whole:
        raise ValueError(
            f"{whole}: names a variable of the environment, which pytest-html would put in place; "
            "name another file for the report"
        )
