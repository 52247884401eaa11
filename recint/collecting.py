"""How pytest collects claims: a part of the plugin."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

from recint.catalogue import SHIPPED, module_anew, modules
from recint.judging.claim import Property
from recint.judging.subject import is_own
from recint.profiles import load_profile


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest collect the modules of the shipped claims, which are not called test_*.py, wherever they are installed."""
    config.addinivalue_line("python_files", f"{glob.escape(str(SHIPPED))}/*.py")


class _Module(pytest.Module):
    """A module of a folder of claims with a subject of its own. It is loaded as the catalogue does: it may import its siblings."""

    def _getobj(self) -> ModuleType:
        return module_anew(self.path)


class _Claims(pytest.Directory):
    """The modules of a folder of claims.

    The folder is an option and not a path among pytest's arguments: pytest reads brackets and colons in a path as parts of the
    name of a test.
    """

    def collect(self) -> Iterator[pytest.Collector]:
        for path in modules(Path(self.config.getoption("--recint-hypotheses")).resolve()):
            yield _module(path, self)


def _module(path: Path, parent: pytest.Collector) -> pytest.Module:
    kind = _Module if is_own(path.parent) else pytest.Module
    return kind.from_parent(parent, path=path)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Load a module of a folder of claims as the catalogue does, if the folder has a subject of its own."""
    return _module(module_path, parent) if is_own(module_path.parent) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """With `--recint-hypotheses`, collect its claims in place of the folder that is among pytest's arguments."""
    asked = parent.config.getoption("--recint-hypotheses") is not None and parent.session.isinitpath(path)
    return _Claims.from_parent(parent, path=path) if asked else None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> pytest.Item | None:
    """In a folder of claims, collect every claim, whatever the name of its function: pytest alone wants names like test_*."""
    if isinstance(collector.parent, _Claims) and isinstance(getattr(obj, "recint_property", None), Property):
        return pytest.Function.from_parent(collector, name=name, callobj=obj)
    return None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Import every module under the profile of this run, even if other modules or conftest files load other profiles."""
    profile = settings.get_current_profile_name()
    if isinstance(collector, pytest.Module):
        load_profile(collector.config.getoption("--hypothesis-profile", None))
    try:
        return (yield)
    finally:
        settings.load_profile(profile)
