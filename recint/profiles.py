"""How hard Hypothesis hunts."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings


def register_profiles() -> None:
    """The built-in names `default` and `ci` are registered again, and never loaded: Hypothesis picks by itself.

    Verdicts come from derandomized runs without an example database, or from `nightly`, which hunts longer.
    """
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
