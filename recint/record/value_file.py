"""Write and read the values that the verdicts of a run rest on: one compact file beside the verdict file, which has its hash.

The format is safetensors. A tensor has the id of its claim as a name, and a contrast the id, a colon and the contrast's name.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from recint.judging.draws import fits_float32
from recint.judging.entry import ValueFile
from recint.judging.values import DrawnValues
from recint.system.files import values_beside

_OF = ": "  # stands in no id
_KINDS = "float32 and float64"


def content(kept: Mapping[str, DrawnValues]) -> bytes:
    """The content of the file; the same values always have the same content."""
    tensors = {}
    for claim, values in kept.items():
        tensors[claim] = _compact(values.own)
        tensors |= {f"{claim}{_OF}{name}": _compact(numbers) for name, numbers in values.contrasts.items()}
    return safetensors.save(tensors)


def of_content(content: bytes) -> dict[str, DrawnValues]:
    """The values, by the id of the claim.

    Raises:
        ValueError: this is not the content of such a file.
    """
    try:
        tensors = safetensors.load(content)
    except SafetensorError as error:
        raise ValueError(f"these are no values ({error})") from None
    except KeyError as error:  # NumPy has no numbers of this kind
        raise ValueError(
            f"these are no values (there are numbers of the kind {error}, but {_KINDS} are expected)"
        ) from None
    for name, numbers in tensors.items():
        if flaw := _flaw(numbers):
            raise ValueError(f"these are no values ({name} {flaw})")
    claims = dict.fromkeys(name.partition(_OF)[0] for name in tensors)
    if lacking := sorted(set(claims) - set(tensors)):
        raise ValueError(f"there are values of contrasts, but not of the claim itself: {', '.join(lacking)}")
    return {
        claim: DrawnValues(
            tensors[claim],
            {
                name.removeprefix(claim + _OF): numbers
                for name, numbers in tensors.items()
                if name.startswith(claim + _OF)
            },
        )
        for claim in claims
    }


def _flaw(numbers: NDArray) -> str | None:
    """Why these are not the values of draws; None if they may be. Which axes they must have, only their claim knows."""
    if numbers.dtype not in (np.float32, np.float64):
        return f"has numbers of the kind {numbers.dtype}, but {_KINDS} are expected"
    if not numbers.ndim or not numbers.size:
        return f"has the shape {numbers.shape}, but one value or more for each draw is expected"
    if wrong := int((~np.isfinite(numbers)).sum()):
        return f"has {wrong} of {numbers.size} numbers that are not finite"
    return None


def as_text(kept: Mapping[str, DrawnValues]) -> str:
    """The content as a text, as one process passes it to another."""
    return base64.b64encode(content(kept)).decode()


def of_text(text: str) -> dict[str, DrawnValues]:
    """The values in such a text."""
    return of_content(base64.b64decode(text))


def named(path: Path, content: bytes) -> ValueFile:
    """What a verdict file says about its file of values."""
    return ValueFile(name=path.name, sha256=hashlib.sha256(content).hexdigest())


def path_of(verdicts: Path, of: ValueFile) -> Path | None:
    """A file of values that may be the one that a verdict file names, in the same folder; None if there is none."""
    return next(_candidates(verdicts, of), None)


def _candidates(verdicts: Path, of: ValueFile) -> Iterator[Path]:
    """The files that may be meant. Both may have been renamed together: `baseline.values` beside `baseline.json`."""
    yield from (path for path in (values_beside(verdicts), verdicts.parent / of.name) if path.is_file())


def read(verdicts: Path, of: ValueFile) -> dict[str, DrawnValues]:
    """The values that a verdict file names. Of two files that may be meant, the one with the right hash is taken.

    Args:
        verdicts: the path of the verdict file.

    Raises:
        ValueError: the file is missing, is another one than that of the run, or holds no values.
    """
    others = {}
    for path in _candidates(verdicts, of):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
        if (found := hashlib.sha256(content).hexdigest()) == of.sha256:
            try:
                return of_content(content)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None
        others[path] = found
    for path, found in others.items():
        raise ValueError(
            f"{path}: is not the file of this run (its hash is {found[:12]}, but {verdicts.name} names {of.sha256[:12]})"
        )
    raise ValueError(f"{verdicts}: rests on the values in {of.name}, which is not beside it; put it there")


def _compact(values: NDArray) -> NDArray:
    """The values as float32 if that loses nothing."""
    return np.ascontiguousarray(values.astype(np.float32) if fits_float32(values) else values)
