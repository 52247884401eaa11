"""A claim, its registration, and runs, made up."""

from recint.claim import Claim, Contrast
from recint.record import log, registration, verdict_file

NOW = "2026-01-01T00:00:00+00:00"
CLAIM = Claim(
    id="l0.made-up",
    statement="It is at least 1.",
    quantifier="everywhere",
    statistic="it",
    relation=">=",
    threshold=1.0,
    source="nowhere",
    contrasts=(Contrast(name="beside", statistic="that", relation="<=", threshold=0.5),),
)


def registrations(*claims):
    return [registration.of_claim(claim) for claim in claims]


def run(number, sha256, *, when, registered=(), dirty=False):
    return {
        "kind": "run", "run": number, "when": when, "checkpoint": {"name": "m", "sha256": sha256, "config": {}},
        "environment": {}, "seed": 0, "draws": 2, "profile": "default", "commit": "c", "dirty": dirty,
        "registered": list(registered),
    }  # fmt: skip


VERDICT = {
    "kind": "verdict", "run": "a", "id": "l0.made-up", "hash": "h", "version": 1, "verdict": "supported", "value": 1.0,
    "estimate": None, "relation": ">=", "threshold": 1.0, "statistic": "it",
}  # fmt: skip


def settled(number, **changes):
    return log.Settled(number, verdict_file.entry(VERDICT | changes))
