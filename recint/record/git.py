"""What git knows about the code: which commit is checked out, and whether the files on disk are those of the commit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# git sets these variables for its hooks. They may point to another repository than the one that a folder is in.
_OF_ANOTHER = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE",
)  # fmt: skip
_INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True)
class Code:
    """Whether the commit contains the code of a run.

    Attributes:
        commit: the commit of the repository that holds the claims; None if there is no repository, or if none of their modules
            is in the commit.
        dirty: whether a module on disk differs from the commit; None if there is no commit.
        why: why the commit does not contain all of the code, in words; empty if it does.
    """

    commit: str | None
    dirty: bool | None
    why: str = ""


def code(claims: Path, package: Path) -> Code:
    """The state of the claims, of the modules that they import from their repository, and of recint, if it is under git too.

    Args:
        claims: the folder of the claims.
        package: the folder of recint.
    """
    try:
        repository = _Repository.of(claims)
        modules = set(_modules(claims))
        if not any(repository.has(module) for module in modules):
            return Code(None, True, f"no module of {claims} is in a commit")
        differing = repository.differing({*modules, *repository.loaded()}, below=claims)
    except Refused as refused:
        return Code(None, None, f"{claims} is in no commit ({refused})")
    try:
        own, modules = _Repository.of(package), set(_modules(package))
        if any(own.has(module) for module in modules):  # an installed recint is not under git
            differing += own.differing(modules, below=package)
    except Refused:
        pass
    return Code(repository.commit, bool(differing), _sentence(list(dict.fromkeys(differing))))


def committed(path: Path) -> bytes | None:
    """The content of a file in the commit that is checked out; None if the file is not in it."""
    try:
        return ask(path.parent, "cat-file", "blob", f"HEAD:./{path.name}") if path.parent.is_dir() else None
    except Refused:
        return None


class Refused(Exception):
    """git gives no answer. The message is the first line of its error."""


@dataclass(frozen=True)
class _Repository:
    """A repository at a commit.

    Attributes:
        top: the folder of the working tree.
        blobs: the hash of every regular file in the commit, by its path.
    """

    top: Path
    commit: str
    blobs: dict[Path, str]

    @classmethod
    def of(cls, folder: Path) -> _Repository:
        """The repository that a folder is in; raises Refused if there is none, or if it has no commit."""
        top, commit = (
            os.fsdecode(ask(folder, "rev-parse", wanted).rstrip(b"\n")) for wanted in ("--show-toplevel", "HEAD")
        )
        blobs = {}
        for line in ask(folder, "ls-tree", "-r", "-z", "--full-tree", "HEAD").split(b"\0")[:-1]:
            about, _, name = line.partition(b"\t")
            mode, _, blob = about.decode().split()
            if mode.startswith("100"):  # a regular file; the content of a link or a submodule is elsewhere
                blobs[Path(top, os.fsdecode(name))] = blob
        return cls(Path(top), commit, blobs)

    def has(self, module: Path) -> bool:
        return module.resolve() in self.blobs

    def loaded(self) -> Iterator[Path]:
        """The modules that this process imported from the repository, without those installed in an environment inside it."""
        for name, module in list(sys.modules.items()):
            path = Path(getattr(module, "__file__", None) or "")  # for some modules it is a name without a file
            if name != "__main__" and path.suffix == ".py" and path.is_absolute() and not _INSTALLED & set(path.parts):
                yield from _own([path.resolve()], self.top)

    def differing(self, modules: Iterable[Path], *, below: Path) -> list[str]:
        """The names of modules that differ from the commit, and of modules of the commit that are missing in the folder `below`."""
        files = sorted({module.resolve() for module in modules})
        known = [path for path in files if path in self.blobs and path.is_file() and "\n" not in str(path)]
        # git computes the hashes, since it may convert line ends. `git status` would not do: its index can hide changes.
        paths = b"".join(os.fsencode(path.relative_to(self.top)) + b"\n" for path in known)
        hashes = ask(self.top, "hash-object", "--stdin-paths", given=paths).decode().split()
        as_committed = {path for path, blob in zip(known, hashes, strict=True) if self.blobs[path] == blob}
        sources = (path for path in self.blobs if path.suffix == ".py")
        gone = [path for path in _own(sources, below.resolve()) if not path.exists()]
        return [self._named(path) for path in [*(file for file in files if file not in as_committed), *gone]]

    def _named(self, path: Path) -> str:
        return str(path.relative_to(self.top) if path.is_relative_to(self.top) else path)


def _modules(folder: Path) -> Iterator[Path]:
    return _own(folder.rglob("*.py"), folder)


def _own(paths: Iterable[Path], folder: Path) -> Iterator[Path]:
    """The paths that lie in a folder, without hidden files and without installed packages."""
    for path in paths:
        if path.is_relative_to(folder):
            parts = path.relative_to(folder).parts
            if not any(part.startswith(".") or part in _INSTALLED for part in parts):
                yield path


def _sentence(names: Sequence[str]) -> str:
    """Which modules differ from the commit; empty if none does."""
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {'is' if len(names) == 1 else 'are'} not as in the commit"


def ask(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """The output of a git command in a folder, as bytes; raises Refused if it fails.

    Args:
        given: what the command reads from standard input.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER} | {"LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], input=given, capture_output=True, env=environment, check=False
        )
    except OSError as error:
        raise Refused(f"git cannot be run: {error.strerror}") from None
    if done.returncode:
        reason = done.stderr.decode(errors="backslashreplace").strip().splitlines() or ["git gives no reason"]
        raise Refused(reason[0].removeprefix("fatal: "))
    return done.stdout
