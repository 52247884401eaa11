"""What a verdict rests on: the entry of a claim, from the judge to the last page.

Plain frozen records, which load neither PyTorch nor SciPy. `recint.judging.entries` makes them of evidence,
`recint.record.verdict_file` writes them as JSON and reads them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from recint.judging.relation import Relation, holds, shortfall
from recint.verdict import LEVEL, Verdict

Standing = Literal["confirmatory", "exploratory"]
Interval = tuple[float | None, float | None]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What independent draws say of a statistic.

    Attributes:
        ci: the 95 % confidence interval; None for an end that is open.
        n: the number of recurrences.
        p: the one-sided p-value of "it does not hold".
        p_against: the one-sided p-value of "it holds".
        draws_to_decide: about how many recurrences would decide; None if that cannot be told.
        p_holm: `p` of the claim and its contrasts, corrected over all claims of the run; None before they are settled together.
    """

    ci: Interval
    n: int = 0
    p: float = 1.0
    p_against: float = 1.0
    draws_to_decide: int | None = None
    p_holm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A statistic as it was measured, and the threshold that it is held against.

    Attributes:
        statistic: its name.
        value: the point estimate, or the figure itself for claims about weights; None if nothing was measured.
        estimate: None for claims about weights, which have no sampling error.
    """

    statistic: str
    relation: Relation
    threshold: float
    value: float | None = None
    estimate: Estimate | None = None

    @property
    def holds(self) -> bool:
        """Whether the value is on the right side of the threshold; False if nothing was measured."""
        return self.value is not None and holds(self.value, self.relation, self.threshold)


@dataclass(frozen=True, kw_only=True)
class Failing:
    """How many of the drawn recurrences break a claim about every single recurrence.

    Attributes:
        ci: the exact 95 % interval of the share of all recurrences that break it.
    """

    count: int
    of: int
    ci: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Counterexample:
    """A place where the claim fails, confirmed on fresh draws.

    Attributes:
        value: the statistic there.
        where: the place in a few words, e.g. "c = -0.5, 14 terms".
        text: the equation of the recurrence.
        code: a snippet that computes the value again.
    """

    value: float
    where: str
    text: str = ""
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class SearchSummary:
    """What the search for a counterexample saw.

    Attributes:
        examples: the number of trials.
        conditions: the number of different places that these trials visited.
        worst: the worst value of the statistic; it counts as evidence only if it was confirmed.
        worst_at: where that was.
        unconfirmed: the number of places that failed in the search but not on fresh draws.
    """

    examples: int = 0
    conditions: int = 0
    worst: float | None = None
    worst_at: str = ""
    unconfirmed: int = 0
    counterexample: Counterexample | None = None


@dataclass(frozen=True, kw_only=True)
class UntrainedAnswer:
    """How many untrained models of the same shape pass the claim.

    Attributes:
        vacuous: whether these are too many for the claim to say anything about training.
    """

    passed: int
    of: int
    vacuous: bool = False


@dataclass(frozen=True, kw_only=True)
class Entry(Measurement):
    """A claim with its verdict, and all that the verdict rests on.

    The inherited attributes are the claim's own statistic. Defaults are what a claim has of which nothing is known yet, and
    what stands for something that a file of an earlier version does not tell.

    Attributes:
        hash: of all that decides what is claimed.
        expected: the verdict on record for this checkpoint, or that of the baseline; None if there is none.
        standing: whether the verdict confirms; None without a log.
        question: what all versions and kinds of this claim ask.
        caveat: what the statistic measures instead, if that is something else than the statement says.
        partner: for a claim about weights, the claim that asks the same of behaviour.
        failing: None but for claims about every single recurrence.
        search: None if there was none.
        contrast: by name, what must hold beside the claim for it to be supported.
        untrained: None if no untrained models were asked; a verdict in files of before the models were counted.
        per_head: the statistic of each head, or of each layer and head; None if the claim has no heads.
        parts: the names of what `per_head` is of, if that is not heads.
        estimate_refutes: whether the claim is refuted if its own estimate is on the wrong side.
        message: why the verdict is what it is, in a sentence; empty if there is nothing to add.
    """

    id: str
    hash: str
    quantifier: str
    version: int = 1
    verdict: Verdict = "error"
    expected: Verdict | None = None
    standing: Standing | None = None
    question: str = ""
    statement: str = ""
    source: str = ""
    caveat: str = ""
    partner: str = ""
    failing: Failing | None = None
    search: SearchSummary | None = None
    contrast: Mapping[str, Measurement] = field(default_factory=dict)
    untrained: UntrainedAnswer | str | None = None
    per_head: tuple[Any, ...] | None = None
    parts: tuple[str, ...] = ()
    estimate_refutes: bool = True
    seconds: float = 0.0
    message: str = ""

    @property
    def name(self) -> str:
        """The id without its version: what all versions of a claim have in common."""
        return self.id.partition("@")[0]

    @property
    def counterexample(self) -> Counterexample | None:
        """The confirmed one, if there is one."""
        return self.search.counterexample if self.search else None

    @property
    def measurements(self) -> dict[str, Measurement]:
        """All that was measured, by name: the claim's own statistic (under its id) and that of each contrast."""
        return {self.id: self, **self.contrast}

    @property
    def estimates(self) -> dict[str, Estimate]:
        """All that was estimated, by the same names; empty for claims about weights."""
        return {name: part.estimate for name, part in self.measurements.items() if part.estimate}

    @property
    def deciding(self) -> dict[str, Estimate]:
        """Those of the estimates that can refute the claim by themselves."""
        return {name: found for name, found in self.estimates.items() if name != self.id or self.estimate_refutes}

    @property
    def lost(self) -> dict[str, Measurement]:
        """Of a claim about weights, which has no sampling error: what does not hold, by name."""
        return {} if self.estimates else {name: part for name, part in self.measurements.items() if not part.holds}

    @property
    def decisive(self) -> Counterexample | None:
        """A counterexample that refutes the claim: one place does not decide about an average."""
        return self.counterexample if self.quantifier != "average" else None

    @property
    def refuted_by(self) -> str:
        """The name of the measurement that refutes a refuted claim, where no counterexample does."""
        lost, deciding = next(iter(self.lost), None), self.deciding
        return lost or min(deciding, key=lambda name: deciding[name].p_against, default=self.id)

    @property
    def refutation(self) -> str:
        """What refutes a refuted claim, e.g. "attention = 0.41, but should be >= 0.5 [c = -0.5, 14 terms]"."""
        if found := self.decisive:
            return shortfall(self, found.value, found.text)
        name = self.refuted_by
        part, own = self.measurements[name], "reference distribution" if self.estimates else "weights"
        assert part.value is not None
        return shortfall(part, part.value, own if name == self.id else f"contrast: {name}")

    @property
    def p(self) -> float:
        """Of "the claim or one of its contrasts does not hold": all have to hold, so the largest p-value speaks for them."""
        return max((estimate.p for estimate in self.estimates.values()), default=1.0)

    @property
    def is_open(self) -> bool:
        """Whether a claim that was judged by itself is inconclusive only until all claims of the run are settled together.

        Every other verdict is final: Holm's correction can make up for what Bonferroni's took away, and for nothing else.
        """
        return self.verdict == "inconclusive" and self.p <= LEVEL


@dataclass(frozen=True, kw_only=True)
class Departure:
    """Why a claim keeps the run from status 0.

    Attributes:
        claim: its id.
        sentence: the whole sentence, which begins with the id.
    """

    claim: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Drift(Departure):
    """One claim that came out otherwise than in the baseline.

    Attributes:
        kind: "verdict" if that changed, "statistic" if it stayed but the two 95 % intervals have nothing in common.
        allowed: whether the claim was named as one that may.
    """

    kind: str
    allowed: bool


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Which run a run was held against: the checkpoint, its tensors, and when it was judged."""

    name: str
    sha256: str
    started: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """All that one run found out about one checkpoint: what a verdict file holds.

    Attributes:
        checkpoint: its name, the hash of its tensors (`sha256`), and its `config`.
        environment: versions of packages, and the device.
        draws: recurrences of an estimate at most.
        stages: after how many of them it was looked at whether they decide.
        seconds: how long the run took.
        against: what the run was held against; None without a baseline.
        drift: the claims that came out otherwise than in the baseline.
        incomparable: a sentence for each claim that could not be compared with the baseline.
        judged_otherwise: a sentence for each option that the two runs do not have in common.
    """

    checkpoint: Mapping[str, Any]
    started: str
    claims: tuple[Entry, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    draws: int | None = None
    stages: tuple[int, ...] | None = None
    profile: str | None = None
    seconds: float = 0.0
    against: Baseline | None = None
    drift: tuple[Drift, ...] = ()
    incomparable: tuple[str, ...] = ()
    judged_otherwise: tuple[str, ...] = ()

    @property
    def not_allowed(self) -> tuple[Drift, ...]:
        """The drift that fails the run."""
        return tuple(found for found in self.drift if not found.allowed)
