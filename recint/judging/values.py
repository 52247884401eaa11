"""The values of the draws of every claim: what estimates, intervals and p-values follow from, and can be derived from again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isclose

import numpy as np
from numpy.typing import NDArray

from recint.judging import entries
from recint.judging.claim import Claim
from recint.judging.entry import Entry, Run
from recint.judging.evaluate import Evidence, estimated_arm

AGREES = 1e-4  # numbers that differ by less than this share count as equal: other versions of NumPy may round otherwise


@dataclass(frozen=True, eq=False)
class DrawnValues:
    """The values of one claim.

    Attributes:
        own: the values of the claim's statistic, shape (draw, *head).
        contrasts: those of each contrast, by its name.
    """

    own: NDArray
    contrasts: Mapping[str, NDArray] = field(default_factory=dict)

    @classmethod
    def of(cls, evidence: Evidence) -> DrawnValues | None:
        """The values of the draws; None if the claim was not estimated from draws."""
        if evidence.estimate is None or evidence.values is None:
            return None
        return cls(evidence.values, evidence.contrast_values)


def derived(run: Run, kept: Mapping[str, DrawnValues], claims: Mapping[str, Claim]) -> tuple[Entry, ...]:
    """The entries of a run, with all that follows from the values of the draws derived again, and with the verdicts that follow.

    What the search found, what untrained models got, and claims about weights stay what they are: no values of draws decide them.

    Args:
        kept: the values, by the id of the claim.
        claims: the claims, by id. An entry whose claim is not among them, with the same hash, stays what it is.
    """
    looks, family = len(run.stages or (run.draws,)), len(run.claims)

    def again(entry: Entry) -> Entry:
        claim, values = claims.get(entry.id), kept.get(entry.id)
        if claim is None or values is None or claim.hash != entry.hash:
            return entry
        contrasts = {name: np.asarray(numbers, np.float64) for name, numbers in values.contrasts.items()}
        arm = estimated_arm(claim, np.asarray(values.own, np.float64), contrasts, looks=looks)
        fresh = entries.entry(Evidence(claim=claim, seconds=entry.seconds, **vars(arm)), family=family)
        return replace(fresh, search=entry.search, untrained=entry.untrained, standing=entry.standing)

    expected = {entry.id: entry.expected for entry in run.claims if entry.expected is not None}
    return entries.settle([again(entry) for entry in run.claims], expected)


def departures(said: Sequence[Entry], follows: Sequence[Entry]) -> Iterator[str]:
    """A sentence for each claim of which something is said that does not follow from its values.

    Args:
        said: the entries of a run.
        follows: the same entries, as `derived` gives them.
    """
    for was, now in zip(said, follows, strict=True):
        wrong = [
            f"{what} is {_shown(before)}, but its values give {_shown(after)}"
            for what, before, after in _compared(was, now)
            if not _same(before, after)
        ]
        if wrong:
            yield f"{was.id}: {'; '.join(wrong)}"


def _compared(was: Entry, now: Entry) -> Iterator[tuple[str, object, object]]:
    yield "the verdict", was.verdict, now.verdict
    for name, part in was.measurements.items():
        about = "" if name == was.id else f" of the contrast '{name}'"
        other = now.measurements.get(name)
        if other is None:
            yield f"the value{about}", part.value, None
            continue
        yield f"the value{about}", part.value, other.value
        yield f"the threshold{about}", part.threshold, other.threshold
        if part.estimate and other.estimate:
            yield f"the number of draws{about}", part.estimate.n, other.estimate.n
            for end, before, after in zip(("lower", "upper"), part.estimate.ci, other.estimate.ci, strict=True):
                yield f"the {end} end of the interval{about}", before, after
            yield f"p{about}", part.estimate.p, other.estimate.p
            yield f"p with Holm's correction{about}", part.estimate.p_holm, other.estimate.p_holm


def _same(before: object, after: object) -> bool:
    if isinstance(before, float) and isinstance(after, float):
        return isclose(before, after, rel_tol=AGREES, abs_tol=1e-12)
    return before == after


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "none" if value is None else str(value)
