"""Claims that are chosen by globs on their ids. Loads neither PyTorch nor the claims."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatch


def require_matches(globs: Sequence[str], known: Collection[str], *, option: str = "claims") -> Sequence[str]:
    """The same globs, if each of them matches a claim.

    Args:
        known: the ids of the claims.
        option: the name of the option that gave the globs, for the error.

    Raises:
        ValueError: a glob matches no claim; the sentence lists all claims.
    """
    for glob in globs:
        if not any(fnmatch(claim, glob) for claim in known):
            raise ValueError(f"{option}={glob!r} matches none of {', '.join(sorted(known))}")
    return globs


def selected(claim: str, globs: Sequence[str]) -> bool:
    """Whether a glob matches the claim; without globs, every claim is selected."""
    return not globs or any(fnmatch(claim, glob) for glob in globs)
