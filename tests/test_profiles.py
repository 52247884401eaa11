"""How hard Hypothesis hunts: the usual profile, whatever somebody else has registered under its name."""

import pytest
from hypothesis import settings

from recint.profiles import load_profile, register_profiles, usual_profile


@pytest.fixture(autouse=True)
def as_before():
    before = settings.get_current_profile_name()
    yield
    register_profiles()
    settings.load_profile(before)


def test_what_others_registered_and_loaded_does_not_count():
    settings.register_profile("default", max_examples=2)
    settings.register_profile("hasty", max_examples=3)
    settings.load_profile("hasty")
    assert usual_profile() == "default"
    load_profile(None)
    assert settings.get_current_profile_name() == "default"
    assert settings().max_examples == 60
    assert settings().derandomize


def test_nightly_hunts_longer_and_is_not_the_same_every_time():
    load_profile("nightly")
    assert (settings().max_examples, settings().derandomize) == (2000, False)
    assert usual_profile() == "default"


def test_ci_hunts_as_long_as_default():
    load_profile("ci")
    assert usual_profile() == "ci"
    assert settings().max_examples == 60
