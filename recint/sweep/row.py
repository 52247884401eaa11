"""The rows of the table of a sweep."""

from __future__ import annotations

from dataclasses import dataclass

from recint.judging.relation import Relation


@dataclass(frozen=True, kw_only=True)
class Row:
    """The verdict on one claim about one checkpoint.

    Attributes:
        series: the training that the checkpoint is a snapshot of.
        step: the training step; None if the path names none.
        training_seed: the seed of the training; None if it is not known.
        sha256: the hash of the tensors.
        config: the part of the configuration that the tensors do not determine, as JSON.
        standing: whether the verdict is confirmatory; None if it is not in the log.
        low, high: the ends of the interval; None for an open end, and if there is no interval.
        n: the number of draws; None without an estimate.
        per_head: the statistic of every head, layer by layer.
    """

    path: str
    series: str
    step: int | None
    training_seed: int | None
    name: str
    sha256: str
    config: str | None = None
    claim: str
    version: int
    claim_hash: str
    statement: str
    verdict: str
    standing: str | None
    statistic: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    relation: Relation
    threshold: float
    quantifier: str
    per_head: tuple[float, ...] | None
    seconds: float
    message: str


@dataclass(frozen=True, kw_only=True)
class Unjudged:
    """A checkpoint that could not be judged, with the reason. It has one row in the table, without a claim."""

    path: str
    series: str
    step: int | None
    training_seed: int | None
    error: str
