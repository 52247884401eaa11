"""Which shipped claims are on record: somebody ran them on the shipped checkpoints and kept the verdicts.

A claim that was just added is not on record yet. Tests hold it to all that needs no run; what a run has to tell, they hold for
the others.
"""

import pytest

from recint.catalogue import SHIPPED, properties
from recint.record.expected import load

FILES = sorted((SHIPPED / "expected").glob("*.toml"))
DECLARED = [prop.claim.id for prop in properties()]
ON_RECORD = frozenset().union(*(load(path).claims for path in FILES))
NEW = frozenset(DECLARED) - ON_RECORD


def skip_what_is_new(lacking):
    """Skip the rest of a test, which found this lacking for some claims, if they all are new; their absence is an error else."""
    lacking = set(lacking)
    assert lacking <= NEW, f"missing: {sorted(lacking - NEW)}"
    if lacking:
        pytest.skip(f"not on record yet: {', '.join(sorted(lacking))}")
