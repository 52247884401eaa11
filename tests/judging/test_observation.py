"""Who collects what a property measures."""

import numpy as np
import pytest

from recint.judging.observation import ARM, Observation, observing


class Kept(list):
    contrasts = True
    observe = list.append


def fail(seen):
    ARM.get().observe(seen)
    raise ZeroDivisionError


def test_the_innermost_arm_collects_and_after_a_failure_none_does():
    outer, inner, seen = Kept(), Kept(), Observation(np.zeros(3), None, 0.0)
    with observing(outer):
        with observing(inner), pytest.raises(ZeroDivisionError):
            fail(seen)
        ARM.get().observe(seen)
        with pytest.raises(ZeroDivisionError), observing(inner):
            fail(seen)
        ARM.get().observe(seen)
    assert (len(outer), len(inner)) == (2, 2)
    assert ARM.get() is None
