"""Rows of a sweep's table, made up."""

from dataclasses import fields
from hashlib import sha256

from pyarrow import parquet

from recint.sweep.row import Row, Unjudged

LETTERS = {"s": "supported", "r": "refuted", "i": "inconclusive", "v": "vacuous", "n": "not_applicable", "e": "error"}


def row(claim, verdict, *, series="seed-0", step=None, value=0.5, **more):
    path = more.get("path", f"runs/{series}/{step}.safetensors")
    return Row(**{
        "path": path, "series": series, "step": step, "training_seed": 7, "name": f"{series}-{step}",
        "sha256": sha256(path.encode()).hexdigest(),
        "claim": claim, "version": 1, "claim_hash": "cd" * 32, "statement": f"{claim} is <so> & so.", "verdict": verdict,
        "standing": "exploratory", "statistic": "attention", "value": value, "low": value and value - 0.1,
        "high": value and value + 0.1, "n": 100, "relation": ">=", "threshold": 0.4, "quantifier": "average",
        "per_head": None, "seconds": 1.0, "message": "",
    } | more)  # fmt: skip


def training(series, steps=(0, 100, 200, 300), **claims):
    """Rows of one training from the verdicts of every claim as letters, a space where it was not judged."""
    return [
        row(claim, LETTERS[letter], series=series, step=step)
        for claim, letters in claims.items()
        for step, letter in zip(steps, letters, strict=True)
        if letter != " "
    ]


def unread(path="runs/broken.safetensors", error="runs/broken.safetensors: it ends <early>", series="seed-0", step=50):
    return Unjudged(path=path, series=series, step=step, training_seed=None, error=error)


def rows_of(table):
    """The rows in a Parquet file, as a sweep wrote it."""
    read = parquet.read_table(table).to_pylist()
    kinds = ((Unjudged if each["claim"] is None else Row, each) for each in read)
    return [
        kind(**{field.name: each[field.name] for field in fields(kind) if field.name in each}) for kind, each in kinds
    ]


ONE, REVERSE = {"a": "ssss", "b": "rsss", "c": "rrss"}, {"c": "ssss", "b": "rsss", "a": "rrss"}
