"""The procedure: the numbers by which every claim is judged. The log registers them like claims, so that a change is noticed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from recint import verdict
from recint.judging import means, scan, search, subject, untrained
from recint.judging.claim import POINTWISE, Claim
from recint.record import registration
from recint.record.log import SEED

NAME, VERSION = "procedure", 7
BECAUSE = (
    "whoever chose the seed could choose among verdicts; now the seed follows from the tensors, and the claims of a run share the "
    "draws of the second visit of the scan"
)


def fields() -> dict[str, Any]:
    """The numbers, each under a phrase that says what it decides. Their hash is registered: no phrase may change."""
    return {
        "id": f"{NAME}@{VERSION}",
        "statement": "How evidence becomes a verdict, whatever the claim.",
        "level of a run": verdict.LEVEL,
        SEED: "follows from the tensors",
        "least draws of an estimate": verdict.LEAST_DRAWS,
        "distance of the one more draw of a test": means.FURTHER,
        "draws after which it is looked at whether they decide": list(verdict.STAGES),
        "draws from which on they may support": verdict.SUPPORT_FROM,
        "recurrences of the scan at each condition": scan.VISIT,
        "visited again": [scan.WIDE, scan.SIMPLE, scan.AGAIN, scan.DOUBT],
        "conditions of a grid that is too large": subject.POINTS,
        "recurrences of a search at each condition": subject.SEARCH_BATCH,
        "p-value of a suspicious batch": search.SUSPICIOUS,
        "recurrences that screen a suspect": search.SCREEN,
        "recurrences that confirm a counterexample": search.RETEST,
        "tries": search.TRIES,
        "hunts": search.HUNTS,
        "single recurrences drawn": POINTWISE,
        "untrained models asked": [untrained.FIRST, untrained.ALL],
        "recurrences for each of them": untrained.DRAWS,
        "share of them that may pass": untrained.TOLERATED,
    }


def registrations(claims: Iterable[Claim]) -> list[dict[str, Any]]:
    """What the log registers: each of the claims, and the procedure."""
    return [*map(registration.of_claim, claims), _registration()]


def _registration() -> dict[str, Any]:
    constants = fields()
    return {
        "claim": constants["id"],
        "hash": sha256(json.dumps(constants, sort_keys=True).encode()).hexdigest(),
        "fields": constants,
        "name": NAME,
        "version": VERSION,
        "because": BECAUSE,
        "corrected": "",
    }
