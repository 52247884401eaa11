"""The claims declared in the modules of a package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Sequence
from fnmatch import fnmatch

from recint.claim import Property
from recint.profiles import register_profiles


def properties(package: str) -> tuple[Property, ...]:
    """Every claim of a package with the property that tries it, in the order of the modules and, in these, of the code.

    >>> [prop.claim.id for prop in properties("hypotheses")][0]            # doctest: +SKIP
    'composition.k-l1-l2'
    """
    register_profiles()  # a property takes the profile in force when it is defined
    root = importlib.import_module(package)
    names = sorted(found.name for found in pkgutil.iter_modules(root.__path__, f"{package}."))
    tests = [value for name in names for value in vars(importlib.import_module(name)).values()]
    return tuple(test.recint_property for test in tests if hasattr(test, "recint_property"))


def find(claim: str, package: str = "hypotheses") -> Property:
    """The property of one claim, by its id.

    >>> find("l0.previous-token").measure(model, Condition(c=-1.5)).value   # doctest: +SKIP
    0.79
    """
    known = {prop.claim.id: prop for prop in properties(package)}
    require_matches([claim], known)
    return known[claim]


def require_matches(globs: Sequence[str], known: Collection[str]) -> Sequence[str]:
    """The globs, each of which selects a claim.

    Raises:
        ValueError: names the glob that does not, and the claims there are.
    """
    for glob in globs:
        if not any(fnmatch(claim, glob) for claim in known):
            raise ValueError(f"claims={glob!r} matches none of {', '.join(sorted(known))}")
    return globs


def selected(claim: str, globs: Sequence[str]) -> bool:
    """Whether a claim is among those asked for; no globs ask for all."""
    return not globs or any(fnmatch(claim, glob) for glob in globs)
