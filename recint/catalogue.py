"""The claims declared in a folder of modules: the shipped one, or a researcher's own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Sequence
from fnmatch import fnmatch
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import settings

from recint import shipped
from recint.judging.claim import Claim, Property
from recint.profiles import register_profiles

SHIPPED = shipped.CLAIMS


def properties(folder: str | Path = SHIPPED) -> tuple[Property, ...]:
    """Every claim of a folder with the property that tries it, in the order of the modules and, in these, of the code.

    >>> [prop.claim.id for prop in properties()][0]
    'circuit.sufficient'

    Raises:
        ValueError: no such folder, no claim in it, a module that cannot be imported, or an id that is claimed twice.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder, but one with modules of claims is asked for")
    register_profiles()
    profile = settings.get_current_profile_name()
    tests: list[Any] = []
    for path in modules(folder):
        settings.load_profile(
            profile
        )  # a property takes the one in force when it is defined, and a module may load its own
        tests += vars(_module(path)).values()
    settings.load_profile(profile)
    found = tuple(test.recint_property for test in tests if hasattr(test, "recint_property"))
    if not found:
        raise ValueError(f"{folder}: holds no claims, but modules that declare some are expected in it")
    require_sound([prop.claim for prop in found], folder)
    return found


def modules(folder: Path) -> list[Path]:
    """The modules of a folder that may declare claims; what lies in folders within it may not, nor may pytest's `conftest.py`."""
    return [path for path in sorted(folder.glob("*.py")) if path.stem not in ("__init__", "conftest")]


def require_sound(claims: Sequence[Claim], folder: Path) -> None:
    """Raises ValueError if an id is claimed twice."""
    ids = [claim.id for claim in claims]
    if twice := sorted({claim for claim in ids if ids.count(claim) > 1}):
        raise ValueError(f"{folder}: {', '.join(twice)} is claimed more than once, but an id names one claim")


@cache
def _module(path: Path) -> ModuleType:
    """A module by its file alone: two folders may have modules, and a name, in common."""
    name = f"recint_claims_{sha256(str(path.parent).encode()).hexdigest()[:8]}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ValueError(f"{path}: cannot be imported ({type(error).__name__}: {error})") from error
    return module


def find(claim: str, folder: str | Path = SHIPPED) -> Property:
    """The property of one claim, by its id.

    >>> find("l0.previous-token").measure(model, Condition(c=-1.5)).value
    0.80...
    """
    known = {prop.claim.id: prop for prop in properties(folder)}
    require_matches([claim], known)
    return known[claim]


def require_matches(globs: Sequence[str], known: Collection[str], *, option: str = "claims") -> Sequence[str]:
    """The globs, each of which selects a claim.

    Raises:
        ValueError: names the glob that does not, and the claims there are.
    """
    for glob in globs:
        if not any(fnmatch(claim, glob) for claim in known):
            raise ValueError(f"{option}={glob!r} matches none of {', '.join(sorted(known))}")
    return globs


def selected(claim: str, globs: Sequence[str]) -> bool:
    """Whether a claim is among those asked for; no globs ask for all."""
    return not globs or any(fnmatch(claim, glob) for glob in globs)
