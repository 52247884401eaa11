"""What the verdicts on controls say of the claims: how often they err, what refutes them, and what nothing refutes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from recint.judging.intervals import exact_interval
from recint.verdict import Verdict

GROUPS = {
    "untrained": "Untrained models of the checkpoint's shape",
    "scrambled": "The checkpoint with its weights scrambled",
    "mutant": "Mutants of the checkpoint",
    "planted": "Planted models: every role strongly present or absent",
    "positive": "Planted models of which claims about interventions are true by construction",
    "graded": "Planted models at and around the thresholds",
    "planted mutant": "Mutants of the planted model with every role present",
}


@dataclass(frozen=True)
class Grade:
    """How strongly a model plays the role that one claim is about: "strong", "weak" or "near miss"."""

    claim: str
    strength: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """What came of a control: verdict, figure and sentence by the id of the claim.

    Attributes:
        index: its place among all controls.
        name, group, base, change, made_for, truth, grade: as of the control.
    """

    index: int
    name: str
    group: str
    base: str | None
    made_for: Sequence[str]
    truth: Mapping[str, bool]
    verdicts: Mapping[str, Verdict]
    values: Mapping[str, float | None]
    messages: Mapping[str, str]
    seconds: float
    change: str = ""
    grade: Grade | None = None

    @property
    def short(self) -> str:
        """The name without that of the base, where this is told beside it."""
        return self.change or self.name

    def document(self) -> dict[str, Any]:
        """The row as plain values, for JSON."""
        return {key: value for key, value in asdict(self).items() if key not in ("change", "grade")}


@dataclass(frozen=True)
class Rate:
    """How often something went wrong, with the exact (Clopper-Pearson) 95 % interval."""

    wrong: int
    of: int
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.wrong} of {self.of} ({self.low:.1%} to {self.high:.1%})"


def rate(wrong: int, of: int) -> Rate:
    """
    >>> rate(0, 100)
    Rate(wrong=0, of=100, low=0.0, high=0.0362...)
    """
    return Rate(wrong, of, *exact_interval(wrong, of))


def false_rates(rows: Iterable[Row]) -> dict[str, Rate]:
    """Of models with claims that are false by construction, how many have one of these supported; with true ones, refuted.

    Models are counted, not verdicts: those on one model rest on the same draws, and err together.
    """
    supported: list[bool] = []
    refuted: list[bool] = []
    for row in rows:
        told = [(truth, row.verdicts.get(claim)) for claim, truth in row.truth.items()]
        judged = [(truth, verdict) for truth, verdict in told if verdict not in (None, "error", "not_applicable")]
        for wrong, on_side, verdict in ((supported, False, "supported"), (refuted, True, "refuted")):
            if verdicts := [found for truth, found in judged if truth == on_side]:
                wrong.append(verdict in verdicts)
    return {
        "false support": rate(sum(supported), len(supported)),
        "false refutation": rate(sum(refuted), len(refuted)),
    }


def kills(rows: Sequence[Row]) -> dict[str, list[str]]:
    """For every mutant, the claims that it turns from supported to refuted."""
    verdicts = {row.name: row.verdicts for row in rows}
    return {
        row.name: [
            claim
            for claim, verdict in row.verdicts.items()
            if verdict == "refuted" and verdicts.get(row.base or "", {}).get(claim) == "supported"
        ]
        for row in rows
        if row.base
    }


def survivors(rows: Sequence[Row]) -> list[str]:
    """Claims that no mutant kills although it was made to: "mutant: claim", where the base supports the claim."""
    killed, verdicts = kills(rows), {row.name: row.verdicts for row in rows}
    return [
        f"{row.name} is not killed by {claim}"
        for row in rows
        for claim in row.made_for
        if verdicts.get(row.base or "", {}).get(claim) == "supported" and claim not in killed[row.name]
    ]


def never_refuted(rows: Sequence[Row]) -> list[str]:
    """Claims that no control refutes: nothing here can make them lose."""
    claims = dict.fromkeys(claim for row in rows for claim in row.verdicts)
    return [claim for claim in claims if all(row.verdicts.get(claim) != "refuted" for row in rows)]


def never_supported(rows: Sequence[Row]) -> list[str]:
    """Claims that no control supports: nothing here shows that they can win."""
    claims = dict.fromkeys(claim for row in rows for claim in row.verdicts)
    return [claim for claim in claims if all(row.verdicts.get(claim) != "supported" for row in rows)]
