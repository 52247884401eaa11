"""What git knows of code: which commit is checked out, and whether files stand in it as they are on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Hooks set these to the repository that they run for, which need not be the one that a folder is in.
_OF_ANOTHER = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE",
)  # fmt: skip
_INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True)
class Code:
    """Whether the code of a run stands in a commit.

    Attributes:
        commit: that of the repository that holds the claims; None if none of their modules is in it, or there is no repository.
        dirty: whether a module is not as it stands in the commit; None if git knows of no commit.
        why: what keeps the run from being reproduced, in words; empty if the commit has all of its code.
    """

    commit: str | None
    dirty: bool | None
    why: str = ""


def code(claims: Path, package: Path) -> Code:
    """The state of a folder of claims, of what these import from their repository, and of recint, if that is under git too."""
    try:
        holding = _Repository.of(claims)
        modules = set(_modules(claims))
        if not any(holding.has(module) for module in modules):
            return Code(None, True, f"no module of {claims} is in a commit")
        astray = holding.astray({*modules, *holding.loaded()}, below=claims)
    except _Refused as refused:
        return Code(None, None, f"{claims} is in no commit ({refused})")
    try:
        own, modules = _Repository.of(package), set(_modules(package))
        if any(own.has(module) for module in modules):  # an installed recint is under nobody's git
            astray += own.astray(modules, below=package)
    except _Refused:
        pass
    return Code(holding.commit, bool(astray), _told(list(dict.fromkeys(astray))))


def committed(path: Path) -> bytes | None:
    """The content of a file as it stands in the commit; None if it is not in it."""
    try:
        return _git(path.parent, "cat-file", "blob", f"HEAD:./{path.name}") if path.parent.is_dir() else None
    except _Refused:
        return None


class _Refused(Exception):
    """What git says instead of an answer, in its first line."""


@dataclass(frozen=True)
class _Repository:
    """A repository with a commit, and the hash of every plain file in that."""

    top: Path
    commit: str
    blobs: dict[Path, str]

    @classmethod
    def of(cls, folder: Path) -> _Repository:
        """The one that a folder is in; raises _Refused if there is none, or no commit in it."""
        top, commit = (os.fsdecode(_git(folder, "rev-parse", ask).rstrip(b"\n")) for ask in ("--show-toplevel", "HEAD"))
        blobs = {}
        for line in _git(folder, "ls-tree", "-r", "-z", "--full-tree", "HEAD").split(b"\0")[:-1]:
            about, _, name = line.partition(b"\t")
            mode, _, blob = about.decode().split()
            if mode.startswith("100"):  # neither a link nor another repository, whose content would be elsewhere
                blobs[Path(top, os.fsdecode(name))] = blob
        return cls(Path(top), commit, blobs)

    def has(self, module: Path) -> bool:
        return module.resolve() in self.blobs

    def loaded(self) -> Iterator[Path]:
        """Modules that this process imported from the repository, but for those installed in an environment in it."""
        for name, module in list(sys.modules.items()):
            path = Path(getattr(module, "__file__", None) or "")  # some say a bare name, of no file
            if name != "__main__" and path.suffix == ".py" and path.is_absolute() and not _INSTALLED & set(path.parts):
                yield from _own([path.resolve()], self.top)

    def astray(self, modules: Iterable[Path], *, below: Path) -> list[str]:
        """Modules that are not as they stand in the commit, and those of the commit that are gone from a folder, by name."""
        files = sorted({module.resolve() for module in modules})
        known = [path for path in files if path in self.blobs and path.is_file() and "\n" not in str(path)]
        # By git itself, which knows how it changes the ends of lines; its index may have been told to overlook changes.
        listed = b"".join(os.fsencode(path.relative_to(self.top)) + b"\n" for path in known)
        hashes = _git(self.top, "hash-object", "--stdin-paths", given=listed).decode().split()
        as_committed = {path for path, found in zip(known, hashes, strict=True) if self.blobs[path] == found}
        sources = (path for path in self.blobs if path.suffix == ".py")
        gone = [path for path in _own(sources, below.resolve()) if not path.exists()]
        return [self._named(path) for path in [*(file for file in files if file not in as_committed), *gone]]

    def _named(self, path: Path) -> str:
        return str(path.relative_to(self.top) if path.is_relative_to(self.top) else path)


def _modules(folder: Path) -> Iterator[Path]:
    return _own(folder.rglob("*.py"), folder)


def _own(paths: Iterable[Path], folder: Path) -> Iterator[Path]:
    """Those in a folder, without what is hidden in it, and without packages installed in it."""
    for path in paths:
        if path.is_relative_to(folder):
            parts = path.relative_to(folder).parts
            if not any(part.startswith(".") or part in _INSTALLED for part in parts):
                yield path


def _told(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {'is' if len(names) == 1 else 'are'} not as in the commit"


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git answers, as the bytes that it is; raises _Refused if it does not."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER} | {"LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], input=given, capture_output=True, env=environment, check=False
        )
    except OSError as error:
        raise _Refused(f"git cannot be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="backslashreplace").strip().splitlines() or ["git gives no reason"]
        raise _Refused(said[0].removeprefix("fatal: "))
    return done.stdout
