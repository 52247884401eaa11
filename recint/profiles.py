"""The profiles of Hypothesis: how long it searches for a counterexample."""

from __future__ import annotations

import importlib
import pkgutil

from hypothesis import HealthCheck, Phase, settings

import recint

# Modules that a wheel has inside the package. They must not be imported here: a property keeps the profile that is loaded when
# the property is defined, and the profiles are only being registered.
_SHIPPED = ("recint.hypotheses", "recint.fixtures")


def usual_profile() -> str:
    """The name of the profile that Hypothesis loads by itself: `ci` if it detects that it runs in CI, otherwise `default`."""
    picked = settings.get_current_profile_name()
    return picked if picked in ("default", "ci") else "default"


def register_profiles() -> None:
    """Register `default`, `ci` and `nightly`. None is loaded: Hypothesis chooses between `default` and `ci` by itself.

    `default` and `ci` are derandomized and have no example database, so that a search is the same in every run. `nightly`
    searches longer, and is not derandomized.

    Now and then Hypothesis draws a number that it has read in the source code of a loaded module of the project. All modules of
    recint are loaded here, so that a search is also the same in every process.
    """
    for module in pkgutil.walk_packages(recint.__path__, "recint."):
        if not module.name.startswith(_SHIPPED):
            importlib.import_module(module.name)
    phases = (Phase.explicit, Phase.generate, Phase.target, Phase.shrink)
    usual = settings(
        max_examples=60,
        phases=phases,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=False,
    )
    settings.register_profile("default", usual)
    settings.register_profile("ci", usual)
    settings.register_profile("nightly", usual, max_examples=2000, derandomize=False)


def load_profile(asked: str | None) -> None:
    """Load the profile of this name, or the usual one for None. It is registered again first: other code may have changed it."""
    register_profiles()
    settings.load_profile(asked or usual_profile())
