"""What git knows of a folder: which commit is checked out, and whether what matters here was committed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


def commit(folder: Path) -> str | None:
    """The commit that is checked out; None where there is no git, no repository, or no commit yet."""
    return _git(folder, "rev-parse", "HEAD")


def dirty(folder: Path, patterns: Sequence[str]) -> bool | None:
    """Whether files of the folder that match are changed or new since the commit; None outside a repository."""
    status = _git(folder, "status", "--porcelain", "--untracked-files=all", "--", *patterns)
    return None if status is None else bool(status)


def committed(path: Path) -> str | None:
    """The text of a file as it stands in the commit; None if it is not in it."""
    return _git(path.parent, "show", f"HEAD:./{path.name}") if path.parent.is_dir() else None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
