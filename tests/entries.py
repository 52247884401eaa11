"""Entries and runs, made up."""

from recint.judging.entry import Entry, Estimate, Run


def entry(claim, verdict="supported", value=1.0, ci=(0.9, 1.1), **more):
    usual = {
        "id": claim, "hash": f"hash of {claim}", "verdict": verdict, "statement": f"{claim} is claimed.", "statistic": "it",
        "value": value, "relation": ">=", "threshold": 0.5, "quantifier": "average", "question": claim,
        "estimate": Estimate(ci=ci, n=100, p=0.01) if ci else None, "seconds": 0.5,
    }  # fmt: skip
    return Entry(**usual | more)


def run(*entries, name="base", sha256="ab" * 32, draws=1000):
    return Run(
        checkpoint={"name": name, "sha256": sha256, "config": {}}, seed=0, draws=draws, profile="default",
        started="2026-01-01T00:00:00+00:00", seconds=3.0, claims=entries,
    )  # fmt: skip
