"""The entry of a claim: its verdict, and all that the verdict is based on. Every page and file is made from entries.

Entries are plain frozen dataclasses. This module imports neither PyTorch nor SciPy. `recint.judging.entries` makes entries from
evidence, and `recint.record.verdict_file` writes and reads them as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from recint.judging.relation import Relation, holds, shortfall
from recint.judging.told import Departure, Told
from recint.verdict import LEVEL, Verdict

Standing = Literal["confirmatory", "exploratory"]
Interval = tuple[float | None, float | None]
NOUN = "recurrence"  # what one draw is called in files of earlier versions, which had no other subject


def tuples(values: Any) -> Any:
    """Lists within lists as tuples, which an entry can hold; anything else stays what it is.

    >>> tuples([[1.0, 2.0], [3.0]]), tuples(None)
    (((1.0, 2.0), (3.0,)), None)
    """
    return tuple(map(tuples, values)) if isinstance(values, list) else values


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What independent draws say about a statistic.

    Attributes:
        ci: the 95 % confidence interval; None for an open end.
        n: the number of draws.
        p: the one-sided p-value of "it does not hold".
        p_against: the one-sided p-value of "it holds".
        draws_to_decide: about how many draws would decide; None if that is not known.
        p_holm: the largest p of the claim and its contrasts, with Holm's correction over all claims of the run; None before the
            claims of the run are settled together.
    """

    ci: Interval
    n: int = 0
    p: float = 1.0
    p_against: float = 1.0
    draws_to_decide: int | None = None
    p_holm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A statistic that was measured, and its threshold.

    Attributes:
        statistic: the name of the statistic.
        relation, threshold: the value should be >= or <= the threshold.
        value: the point estimate; for a claim about weights, the statistic itself; None if nothing was measured.
        estimate: None for a claim about weights, which has no sampling error.
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
    """How many draws fail, for a claim about every single draw.

    Attributes:
        count: how many draws fail.
        of: how many there are.
        ci: the exact 95 % interval of the share of all draws that fail.
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
        text: the whole place in words.
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
        worst: the worst value of the statistic. It is evidence only if it was confirmed on fresh draws.
        worst_at: the place of the worst value, in a few words.
        unconfirmed: the number of places that failed in the search, but not on fresh draws.
        counterexample: a confirmed one; None if there is none.
        further: more of them, each of another kind, for the reader; the verdict rests on the first.
    """

    examples: int = 0
    conditions: int = 0
    worst: float | None = None
    worst_at: str = ""
    unconfirmed: int = 0
    counterexample: Counterexample | None = None
    further: tuple[Counterexample, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UntrainedAnswer:
    """How many untrained models of the same shape pass the claim.

    Attributes:
        passed: how many of them pass.
        of: how many were judged.
        vacuous: whether so many pass that the claim says nothing about training.
    """

    passed: int
    of: int
    vacuous: bool = False


@dataclass(frozen=True, kw_only=True)
class Entry(Measurement):
    """A claim with its verdict, and all that the verdict is based on.

    The inherited attributes are about the claim's own statistic. A default stands for something that is not known yet, or that a
    file of an earlier version does not contain.

    Attributes:
        hash: the hash of the claim's registered fields; see `Claim.hash`.
        expected: the expected verdict, or that of the baseline; None if there is none.
        standing: whether the verdict is confirmatory or exploratory; None without a log.
        question: the id without version and kind; see `Claim.question`.
        caveat: what the statistic really measures, if that is something else than the statement says.
        partner: for a claim about weights, the id of the claim that asks the same about behaviour.
        failing: None unless the claim is about every single draw.
        search: None if there was no search.
        contrast: the contrasts, by name. Each must hold for the claim to be supported.
        untrained: None if no untrained models were judged. In files of earlier versions this is a verdict.
        per_head: the statistic of each head, or of each layer and head; None if the claim has no heads.
        parts: the names of the values in `per_head`, if these are not heads.
        estimate_refutes: whether the claim is refuted if its own estimate is significantly on the wrong side.
        noun: what one draw of the claim is called.
        seconds: how long it took to judge the claim.
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
    noun: str = NOUN
    seconds: float = 0.0
    message: str = ""

    @property
    def draws_tried(self) -> int:
        """How many single draws were held against the threshold, by the search and by the estimate."""
        return (self.search.examples if self.search else 0) + (self.failing.of if self.failing else 0)

    @property
    def name(self) -> str:
        """The id without its version: what all versions of a claim have in common."""
        return self.id.partition("@")[0]

    @property
    def counterexample(self) -> Counterexample | None:
        """The confirmed counterexample; None if there is none."""
        return self.search.counterexample if self.search else None

    @property
    def measurements(self) -> dict[str, Measurement]:
        """All measurements, by name: the claim's own one under its id, and that of each contrast under the contrast's name."""
        return {self.id: self, **self.contrast}

    @property
    def estimates(self) -> dict[str, Estimate]:
        """All estimates, by the same names; empty for a claim about weights."""
        return {name: part.estimate for name, part in self.measurements.items() if part.estimate}

    @property
    def deciding(self) -> dict[str, Estimate]:
        """The estimates that can refute the claim by themselves, by the same names."""
        return {name: estimate for name, estimate in self.estimates.items() if name != self.id or self.estimate_refutes}

    @property
    def lost(self) -> dict[str, Measurement]:
        """For a claim about weights: the measurements that do not hold, by the same names; empty for all other claims."""
        return {} if self.estimates else {name: part for name, part in self.measurements.items() if not part.holds}

    @property
    def decisive(self) -> Counterexample | None:
        """The counterexample, if it refutes the claim. A claim about an average is not refuted by one place."""
        return self.counterexample if self.quantifier != "average" else None

    @property
    def refuted_by(self) -> str:
        """The name of the measurement that refutes a refuted claim, if no counterexample does."""
        lost, deciding = next(iter(self.lost), None), self.deciding
        return lost or min(deciding, key=lambda name: deciding[name].p_against, default=self.id)

    @property
    def refutation(self) -> str:
        """The reason why a claim is refuted, e.g. "attention = 0.41, but should be >= 0.5 [c = -0.5, 14 terms]"."""
        if counterexample := self.decisive:
            return shortfall(self, counterexample.value, counterexample.text)
        name = self.refuted_by
        part, own = self.measurements[name], "reference distribution" if self.estimates else "weights"
        assert part.value is not None
        return shortfall(part, part.value, own if name == self.id else f"contrast: {name}")

    @property
    def why(self) -> str:
        """Why the verdict is what it is, where the claim is named already; empty if there is nothing to add."""
        if self.verdict == "refuted" and self.value is not None:
            return self.refutation
        return self.message.removeprefix(f"{self.id}: ")

    @property
    def p(self) -> float:
        """The p-value of "the claim or one of its contrasts does not hold": the largest of their p-values, since all must hold."""
        return max((estimate.p for estimate in self.estimates.values()), default=1.0)

    @property
    def is_open(self) -> bool:
        """Whether a claim that was judged by itself is inconclusive, but may become supported when the run is settled.

        This is so if its p-value is at most LEVEL before any correction. Holm's correction may then give a smaller p-value than
        Bonferroni's did. Settling changes no other verdict.
        """
        return self.verdict == "inconclusive" and self.p <= LEVEL


Outcome = Literal["error", "verdict", "moved", "flips", "within", "same"]


@dataclass(frozen=True, kw_only=True)
class Pair(Told):
    """The statistic of a claim, or of one of its contrasts, in the baseline and in a run; and what happened to it.

    Attributes:
        before, after: the value in the baseline, and in the run; None if there is none.
        verdict_before, verdict_after: the verdicts.
        difference: after minus before; None if one of them is missing.
        ci: the 95 % interval of the difference; None for an open end, or for a claim about weights.
        p: the two-sided p-value of "it did not move", with Holm's correction over all pairs; None for a claim about weights.
        n: the number of draws that were compared one by one; 0 if both runs drew their own.
        tolerance: how far the value may move.
        outcome: "moved" if it moved significantly and by more than the tolerance, "within" if by less; "flips" if only the
            verdict differs; "verdict" if it differs and there are no values to compare; "error" if the claim ended in an error.
    """

    before: float | None
    after: float | None
    verdict_before: Verdict
    verdict_after: Verdict
    difference: float | None = None
    ci: Interval | None = None
    p: float | None = None
    n: int = 0
    tolerance: float = 0.0
    outcome: Outcome = "same"


@dataclass(frozen=True, kw_only=True)
class Drift(Departure):
    """A claim whose result differs from the baseline by more than it may.

    Attributes:
        kind: the outcome of its pair.
        allowed: whether `--allow` names the claim.
    """

    kind: str
    allowed: bool


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The run with which another run was compared: the checkpoint's name, the hash of its tensors, and when it was judged."""

    name: str
    sha256: str
    started: str


@dataclass(frozen=True, kw_only=True)
class ValueFile:
    """The file with the values of every draw of a run, beside the verdict file.

    Attributes:
        name: the name of the file, without its folder.
        sha256: the hash of its content.
    """

    name: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """The results of one run on one checkpoint: the content of a verdict file.

    Attributes:
        checkpoint: its name, the hash of its tensors (`sha256`), and its `config`.
        started: when the run began, in ISO format.
        claims: the entries, in the order of the code.
        environment: versions of packages, and the device.
        seed: the seed of the draws.
        seed_from: the hash of the tensors that the seed follows from; None if somebody chose the seed.
        draws: the largest number of draws of an estimate.
        stages: the numbers of draws after which estimates were looked at.
        profile: the name of Hypothesis' profile.
        seconds: how long the run took.
        values: the file with the values of the draws; None if none was kept.
        against: the run that this one was compared with; None without a baseline.
        pairs: every claim that the baseline has too.
        drift: the claims whose result differs from the baseline by more than it may.
        incomparable: a sentence for each claim that could not be compared with the baseline.
        judged_otherwise: a sentence for each option that has another value than in the baseline.
    """

    checkpoint: Mapping[str, Any]
    started: str
    claims: tuple[Entry, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    seed_from: str | None = None
    draws: int | None = None
    stages: tuple[int, ...] | None = None
    profile: str | None = None
    seconds: float = 0.0
    values: ValueFile | None = None
    against: Baseline | None = None
    pairs: tuple[Pair, ...] = ()
    drift: tuple[Drift, ...] = ()
    incomparable: tuple[str, ...] = ()
    judged_otherwise: tuple[str, ...] = ()

    @property
    def not_allowed(self) -> tuple[Drift, ...]:
        """The drift that fails the run."""
        return tuple(drift for drift in self.drift if not drift.allowed)
