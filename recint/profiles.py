"""How hard Hypothesis hunts."""

from __future__ import annotations

import importlib
import pkgutil

from hypothesis import HealthCheck, Phase, settings

import recint

# What a wheel has in the package beside recint's own: a property takes the profile in force when it is defined, so not before.
_SHIPPED = ("recint.hypotheses", "recint.fixtures")


def usual_profile() -> str:
    """The profile that Hypothesis picks by itself, which depends on whether it runs in CI."""
    picked = settings.get_current_profile_name()
    return picked if picked in ("default", "ci") else "default"


def register_profiles() -> None:
    """The built-in names `default` and `ci` are registered again, and never loaded: Hypothesis picks by itself.

    Now and then Hypothesis draws a number that it has read in the source of a loaded module of the project: so that a search is
    the same in every process that makes it, all of recint's are loaded here.

    Verdicts come from derandomized runs without an example database, or from `nightly`, which hunts longer.
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
    """The profile that is asked for, or else the usual one, with its settings as they are here: others may have loaded theirs."""
    register_profiles()
    settings.load_profile(asked or usual_profile())
