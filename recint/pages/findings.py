"""Sentences about the result of a run: how many claims hold, what refuted the others, and what may be concluded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from recint.judging.entry import NOUN, Baseline, Entry, Pair, Run
from recint.verdict import LEVEL, tally, words
from recint.words import noun as noun_of


def answer(run: Run) -> str:
    """Says how many claims have each verdict.

    >>> answer(run)
    '2 of 3 claims about affine-a are supported, 1 refuted'
    """
    counts = dict(tally(claim.verdict for claim in run.claims))
    supported = counts.pop("supported", 0)
    parts = [f"{supported} of {len(run.claims)} claims about {run.checkpoint['name']} are supported"]
    return ", ".join([*parts, *(f"{count} {words(verdict)}" for verdict, count in counts.items())])


def headline(run: Run) -> str:
    """One sentence: how many claims have each verdict, and whether these are the expected verdicts.

    >>> headline(run)
    '2 of 3 claims about affine-a are supported, 1 refuted; 2 as expected, 1 without an expected verdict.'
    """
    return f"{answer(run)}; {_drifted(run, run.against) if run.against else _expectation(run.claims)}."


def _expectation(claims: Sequence[Entry]) -> str:
    known = [claim for claim in claims if claim.expected]
    if not known:
        return "no verdicts are expected yet"
    if departed := unexpected(claims):
        return f"{len(departed)} not as expected"
    new = len(claims) - len(known)
    return f"{len(known)} as expected, {new} without an expected verdict" if new else "all as expected"


def _drifted(run: Run, against: Baseline) -> str:
    drifted = len(run.not_allowed)
    allowed = len(run.drift) - drifted
    beside = f" ({allowed} more may)" if allowed else ""
    return f"{drifted or 'none'} drifted from {against.name}{beside}"


# The outcome of a pair, in the words of a table.
OUTCOMES: Mapping[str, str] = {
    "error": "error",
    "verdict": "another verdict",
    "moved": "moved",
    "flips": "flips, did not move",
    "within": "moved within the tolerance",
    "same": "",
}


def told(run: Run) -> list[Pair]:
    """The pairs that fail nothing, but that a reader should know: verdicts that flip, and what moved within the tolerance."""
    drifted = {drift.claim for drift in run.drift}
    return [pair for pair in run.pairs if pair.outcome in ("flips", "within") and pair.claim not in drifted]


def unexpected(claims: Iterable[Entry]) -> list[Entry]:
    """The claims whose expected verdict is another one."""
    return [claim for claim in claims if claim.expected and claim.expected != claim.verdict]


@dataclass(frozen=True)
class Refutations:
    """How many claims of a run are refuted, and by what.

    Attributes:
        counterexamples: refuted by a confirmed place where the claim fails.
        estimates: refuted by the average over independent draws.
        weights: refuted by a statistic of the weights.
        noun: what one draw is called.
        contrasts: the claim's own statistic is as it should be, but a contrast of the claim fails.
    """

    counterexamples: int = 0
    estimates: int = 0
    weights: int = 0
    contrasts: int = 0
    noun: str = NOUN

    def __str__(self) -> str:
        """A sentence without its full stop.

        >>> str(Refutations(counterexamples=2, weights=1))
        '3 claims are refuted: 2 by a confirmed counterexample, 1 by the weights alone'
        """
        ways = {
            "by a confirmed counterexample": self.counterexamples,
            f"by the average over {self.noun}s": self.estimates,
            "by the weights alone": self.weights,
            "by a contrast that fails": self.contrasts,
        }
        if not (total := sum(ways.values())):
            return "No claim is refuted"
        parts = [f"{count} {way}" if count < total else way for way, count in ways.items() if count]
        return f"{total} {'claim is' if total == 1 else 'claims are'} refuted{',' if len(parts) == 1 else ':'} {', '.join(parts)}"


def refuted(claims: Sequence[Entry]) -> Refutations:
    """Count the refuted claims of a run by what refutes them."""
    by: Counter[str] = Counter()
    for claim in claims:
        if claim.verdict != "refuted":
            continue
        if claim.decisive:
            by["counterexamples"] += 1
        elif claim.refuted_by != claim.id:
            by["contrasts"] += 1
        else:
            by["estimates" if claim.estimate else "weights"] += 1
    return Refutations(**by, noun=noun_of(claims))


def reach(claims: Sequence[Entry]) -> str:
    """One or two sentences about what the verdicts allow to conclude, and what not."""
    said, noun = [], noun_of(claims)
    if drawn := [claim.estimate.n for claim in claims if claim.estimate]:
        said.append(
            f"Each estimate rests on {_range(drawn)} independent {noun}s; at most {LEVEL * 100:g} % of such runs would "
            f"support a false claim about averages, and at most {LEVEL * 100:g} % would refute a true claim."
        )
    conditions = [claim.search.conditions for claim in claims if claim.search and claim.quantifier == "everywhere"]
    # The draws of the estimate count too, because each of them was compared with the threshold.
    singles = [claim.draws_tried for claim in claims if claim.search and claim.quantifier == "pointwise"]
    means = [f"“everywhere” means at the {_range(conditions)} conditions that were tried"] if conditions else []
    means += [f"“every {noun}” means the {_range(singles)} that were tried"] if singles else []
    if means:
        both = ", and ".join(means)
        said.append(f"{both[0]}{both[1].upper()}{both[2:]}; the verdicts say nothing about others.")
    return (
        " ".join(said) or "The claims are about the weights of this checkpoint; the verdicts say nothing about others."
    )


def _range(numbers: Sequence[int]) -> str:
    """The smallest and the largest number, e.g. "200 to 5,000"."""
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
