"""A run that drifted from its baseline, for the pages that tell of it."""

import pytest

from recint.record import drift

from ..entries import entry, run


@pytest.fixture
def drifted():
    before = run(entry("a.a"), entry("a.b"), entry("a.c", "not_applicable", None, None))
    claims = [
        entry("a.a", "refuted", 0.1, (0.05, 0.15), message="it is <small>"),
        entry("a.b", "refuted", 0.1, (0.05, 0.15)),
        entry("a.c", "not_applicable", None, None, message="no layer"),
        entry("a.new"),
    ]
    now = run(*claims, name="new", draws=300)
    return drift.compared(before, now, allow=["a.b"])
