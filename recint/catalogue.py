"""The claims that the modules of a folder declare: the folder that comes with recint, or a researcher's own.

A folder of claims is a package without a name of its own: its modules may import each other (`from .figures import ...`).
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import settings

from recint import shipped
from recint.globs import require_matches
from recint.judging.claim import Claim, Property
from recint.judging.subject import SUBJECT
from recint.profiles import register_profiles

SHIPPED = shipped.CLAIMS


def properties(folder: str | Path = SHIPPED) -> tuple[Property, ...]:
    """Every claim of a folder, with the property that tries it.

    Modules come in the order of their names, and the claims of a module in the order of its code.

    >>> [prop.claim.id for prop in properties()][0]
    'circuit.sufficient'

    Raises:
        ValueError: the folder does not exist or holds no claim, a module cannot be imported, or two claims have one id.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder, but one with modules of claims is asked for")
    register_profiles()
    profile = settings.get_current_profile_name()
    tests: list[Any] = []
    for path in modules(folder):
        # A property keeps the profile that is loaded when the property is defined, and the module before may have loaded its own.
        settings.load_profile(profile)
        tests += vars(module(path)).values()
    settings.load_profile(profile)
    declared = tuple(test.recint_property for test in tests if hasattr(test, "recint_property"))
    if not declared:
        raise ValueError(f"{folder}: holds no claims, but modules that declare some are expected in it")
    require_sound([prop.claim for prop in declared], folder)
    return declared


def modules(folder: Path) -> list[Path]:
    """The modules of a folder that may declare claims. Subfolders are not read."""
    return [path for path in sorted(folder.glob("*.py")) if path.name not in ("__init__.py", "conftest.py", SUBJECT)]


def require_sound(claims: Sequence[Claim], folder: Path) -> None:
    """Raises ValueError if two claims have one id."""
    ids = [claim.id for claim in claims]
    if twice := sorted({claim for claim in ids if ids.count(claim) > 1}):
        raise ValueError(f"{folder}: {', '.join(twice)} is claimed more than once, but an id names one claim")


def module(path: str | Path) -> ModuleType:
    """The module in this file of a folder of claims. It is loaded once.

    >>> module("hypotheses/layer_0.py").PREVIOUS_TOKEN.threshold
    0.5

    Raises:
        ValueError: the module cannot be imported.
    """
    path = Path(path).resolve()
    name = f"{_package(path.parent)}.{path.stem}"
    return sys.modules[name] if name in sys.modules else _loaded(name, path)


def module_anew(path: Path) -> ModuleType:
    """As `module`, but the module is loaded again: its properties keep the profile of Hypothesis that is loaded now."""
    return _loaded(f"{_package(path.parent)}.{path.stem}", path)


@cache
def _package(folder: Path) -> str:
    """The name in `sys.modules` of the package of a folder. It holds a hash, since two folders may have modules of one name."""
    package = ModuleType(f"recint_claims_{sha256(os.fsencode(folder)).hexdigest()[:8]}")
    package.__path__ = [str(folder)]
    sys.modules[package.__name__] = package
    return package.__name__


def _loaded(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    try:
        spec.loader.exec_module(made)
    except Exception as error:
        del sys.modules[name]
        raise ValueError(f"{path}: cannot be imported ({type(error).__name__}: {error})") from error
    return made


def find(claim: str, folder: str | Path = SHIPPED) -> Property:
    """The property of the claim with this id.

    >>> find("l0.previous-token").measure(model, Condition(c=-1.5)).value
    0.80...

    Raises:
        ValueError: the folder has no such claim; see `properties` too.
    """
    known = {prop.claim.id: prop for prop in properties(folder)}
    require_matches([claim], known)
    return known[claim]
