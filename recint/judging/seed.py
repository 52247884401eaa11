"""The seed of the draws. It follows from the tensors of the checkpoint, so that nobody chooses it to get a verdict."""

from __future__ import annotations

from dataclasses import dataclass

from recint.judging.entry import Run


@dataclass(frozen=True)
class Seed:
    """The seed of the draws of a run.

    Attributes:
        number: the seed itself.
        follows: the hash of the tensors that it follows from; None if somebody chose it.
    """

    number: int
    follows: str | None


def seed_of(sha256: str) -> int:
    """The seed that follows from the hash of tensors: its first 32 bits.

    >>> seed_of("0000001f" + 56 * "0")
    31
    """
    return int(sha256[:8], 16)


def seed_for(sha256: str, *, asked: int | None = None, against: Run | None = None) -> Seed:
    """The seed of a run.

    Args:
        sha256: the hash of the tensors of its checkpoint.
        asked: the seed that somebody asks for; None for that of the baseline, or for the one that follows from the tensors.
        against: the baseline. Two runs with the same seed draw the same recurrences, and compare best.
    """
    known = [sha256]
    if against:
        known += [hash_ for hash_ in (against.seed_from, against.checkpoint["sha256"]) if hash_]
        asked = against.seed if asked is None else asked
    number = seed_of(sha256) if asked is None else asked
    return Seed(number, next((hash_ for hash_ in known if seed_of(hash_) == number), None))
