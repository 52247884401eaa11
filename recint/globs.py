"""Claims that are chosen by globs on their ids. Loads neither PyTorch nor the claims."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from fnmatch import fnmatch

_FEW = 10


def require_matches(globs: Sequence[str], known: Collection[str], *, option: str = "claims") -> Sequence[str]:
    """The same globs, if each of them matches a claim.

    Args:
        known: the ids of the claims.
        option: the name of the option that gave the globs, for the error.

    Raises:
        ValueError: a glob matches no claim; the sentence names claims that exist.
    """
    if globs and not known:
        raise ValueError(f"{option}={globs[0]!r} matches no claim: there is none")
    for glob in globs:
        if not any(fnmatch(claim, glob) for claim in known):
            raise ValueError(f"{option}={glob!r} matches none of {listed(known, like=glob)}")
    return globs


def listed(known: Collection[str], *, like: str) -> str:
    """The ids of claims for an error: all if they are few, otherwise those closest to a glob, and where to find the others.

    >>> listed(["b", "a"], like="a.*")
    'a, b'
    """
    return nearest(sorted(known), like=like, noun="claims", command="recint claims")


def nearest(known: Sequence[str], *, like: str, noun: str, command: str) -> str:
    """Names for an error: all if they are few, otherwise those closest to what was asked for, and where to find the others.

    >>> nearest([], like="a", noun="runs", command="recint log")
    'none at all'

    Args:
        noun: what the names are those of, in the plural.
        command: the command that lists all of them.
    """
    if len(known) <= _FEW:
        return ", ".join(known) or "none at all"
    closest = ", ".join(get_close_matches(like, known, n=3, cutoff=0))
    return f"the {len(known)} {noun} (closest: {closest}; `{command}` lists them all)"


def selected(claim: str, globs: Sequence[str]) -> bool:
    """Whether a glob matches the claim; without globs, every claim is selected."""
    return not globs or any(fnmatch(claim, glob) for glob in globs)
