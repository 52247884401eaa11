"""Which shipped claims are on record: somebody ran them on the shipped checkpoints and kept the verdicts.

A claim that was just added is not on record yet. Tests hold it to all that needs no run; what a run has to tell, they hold for
the others.
"""

import json
from pathlib import Path

import pytest

from recint.catalogue import SHIPPED, properties
from recint.record.expected import load

CHECKPOINTS = Path(__file__).parents[1] / "fixtures" / "checkpoints"
# Networks that do not come with recint have verdicts on record too: their tensors are made by the command in docs/mechanism.md.
FILES = sorted(path for path in (SHIPPED / "expected").glob("*.toml") if list(CHECKPOINTS.glob(f"{path.stem}*")))
DECLARED = [prop.claim.id for prop in properties()]
# A claim that every shipped checkpoint was asked does not become new by being taken out of the expected verdicts.
LOGS = [SHIPPED / "log" / f"{path.stem}.jsonl" for path in FILES]
LOGGED = [
    {line["id"] for line in map(json.loads, path.read_text().splitlines()) if line["kind"] == "verdict"}
    for path in LOGS
]
ON_RECORD = frozenset().union(*(load(path).claims for path in FILES)) | (
    frozenset.intersection(*map(frozenset, LOGGED)) & frozenset(DECLARED)
)
NEW = frozenset(DECLARED) - ON_RECORD


def skip_what_is_new(lacking):
    """Skip the rest of a test, which found this lacking for some claims, if they all are new; their absence is an error else."""
    lacking = set(lacking)
    assert lacking <= NEW, f"missing: {sorted(lacking - NEW)}"
    if lacking:
        pytest.skip(f"not on record yet: {', '.join(sorted(lacking))}")
