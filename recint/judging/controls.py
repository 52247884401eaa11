"""What verdicts on controls say about the claims: how often verdicts are wrong, and which claims no control refutes.

A control is a model whose truth is known, or a changed model that a claim should notice.
"""

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
    """The verdicts on one control.

    Attributes:
        index: the number of the control in the list of all controls.
        name, group, base, change, made_for, truth, grade: as declared for the control.
        verdicts, values, messages: the verdict, the value of the statistic, and the sentence, by the id of the claim.
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
        """The name without the name of the base, for tables that show the base too."""
        return self.change or self.name

    def document(self) -> dict[str, Any]:
        """The row as plain values, for JSON."""
        return {key: value for key, value in asdict(self).items() if key not in ("change", "grade")}


@dataclass(frozen=True)
class Rate:
    """How often verdicts were wrong, with the exact 95 % interval of the share (Clopper and Pearson 1934)."""

    wrong: int
    of: int
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.wrong} of {self.of} ({self.low:.1%} to {self.high:.1%})"


def rate(wrong: int, of: int) -> Rate:
    """The rate of `wrong` in `of` cases.

    >>> rate(0, 100)
    Rate(wrong=0, of=100, low=0.0, high=0.0362...)
    """
    return Rate(wrong, of, *exact_interval(wrong, of))


def false_rates(rows: Iterable[Row]) -> dict[str, Rate]:
    """The rates of false support and of false refutation, over models for which the truth of some claims is known.

    False support: of the models with claims that are false by construction, how many have such a claim supported. False
    refutation: of the models with claims that are true by construction, how many have such a claim refuted. Models are counted
    and not verdicts, since verdicts on one model come from the same draws and are not independent.
    """
    supported: list[bool] = []
    refuted: list[bool] = []
    for row in rows:
        known = [(truth, row.verdicts.get(claim)) for claim, truth in row.truth.items()]
        judged = [(truth, verdict) for truth, verdict in known if verdict not in (None, "error", "not_applicable")]
        for mistaken, is_true, mistake in ((supported, False, "supported"), (refuted, True, "refuted")):
            if verdicts := [verdict for truth, verdict in judged if truth == is_true]:
                mistaken.append(mistake in verdicts)
    return {
        "false support": rate(sum(supported), len(supported)),
        "false refutation": rate(sum(refuted), len(refuted)),
    }


def kills(rows: Sequence[Row]) -> dict[str, list[str]]:
    """For every mutant, the claims that are supported on its base and refuted on the mutant."""
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
    """A sentence for each claim that should have refuted a mutant made for it, and did not, though it is supported on the base."""
    killed, verdicts = kills(rows), {row.name: row.verdicts for row in rows}
    return [
        f"{row.name} is not killed by {claim}"
        for row in rows
        for claim in row.made_for
        if verdicts.get(row.base or "", {}).get(claim) == "supported" and claim not in killed[row.name]
    ]


def never_refuted(rows: Sequence[Row]) -> list[str]:
    """The claims that no control refutes: the controls do not show that these claims can lose."""
    claims = dict.fromkeys(claim for row in rows for claim in row.verdicts)
    return [claim for claim in claims if all(row.verdicts.get(claim) != "refuted" for row in rows)]


def never_supported(rows: Sequence[Row]) -> list[str]:
    """The claims that no control supports: the controls do not show that these claims can win."""
    claims = dict.fromkeys(claim for row in rows for claim in row.verdicts)
    return [claim for claim in claims if all(row.verdicts.get(claim) != "supported" for row in rows)]
