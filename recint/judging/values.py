"""The values of the draws of every claim: what estimates, intervals and p-values follow from, and can be derived from again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isclose
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recint.judging import entries
from recint.judging.claim import Claim
from recint.judging.entry import Entry, Run
from recint.judging.evaluate import Evidence, estimated_arm
from recint.judging.statistic import require_values

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

    Raises:
        ValueError: values have other axes than the claim takes, are not finite, are too few, or are missing for a contrast.
    """
    looks, family = len(run.stages or (run.draws,)), len(run.claims)

    def again(entry: Entry) -> Entry:
        claim, values = claims.get(entry.id), kept.get(entry.id)
        if claim is None or values is None or claim.hash != entry.hash:
            return entry
        own, contrasts = _fitting(claim, values)
        arm = estimated_arm(claim, own, contrasts, looks=looks)
        fresh = entries.entry(Evidence(claim=claim, seconds=entry.seconds, **vars(arm)), family=family)
        return replace(fresh, search=entry.search, untrained=entry.untrained, standing=entry.standing)

    expected = {entry.id: entry.expected for entry in run.claims if entry.expected is not None}
    return entries.settle([again(entry) for entry in run.claims], expected)


def _fitting(claim: Claim, values: DrawnValues) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """The values of a claim, and those of each of its contrasts.

    Raises:
        ValueError: they are not values of this claim.
    """
    if lacking := [contrast.name for contrast in claim.contrasts if contrast.name not in values.contrasts]:
        raise ValueError(f"{claim.id}: there are no values of the contrast {lacking[0]!r}, but they are expected")
    own = np.asarray(values.own, np.float64)
    contrasts = {part.name: np.asarray(values.contrasts[part.name], np.float64) for part in claim.contrasts}
    require_values(claim, own, weights=False, what=f"{claim.id}: {claim.statistic}")
    for part in claim.contrasts:
        require_values(part, contrasts[part.name], weights=False, what=f"{claim.id}: {part.name}")
    return own, contrasts


def departures(said: Sequence[Entry], follows: Sequence[Entry], kept: Collection[str]) -> Iterator[str]:
    """A sentence for each claim of which something is said that does not follow from its values.

    Args:
        said: the entries of a run.
        follows: the same entries, as `derived` gives them.
        kept: the ids of the claims whose values were kept.
    """
    for was, now in zip(said, follows, strict=True):
        if was.estimate and was.id not in kept:
            yield f"{was.id}: has an estimate, but its values were not kept"
            continue
        wrong = [
            f"{path} is {shown(one)}, but the values give {shown(other)}"
            for path, one, other in unequal(was, now, leave_out=_ELSEWHERE)
        ]
        if wrong:
            yield f"{was.id}: {'; '.join(wrong)}"
    for claim in sorted(set(kept) - {entry.id for entry in said}):
        yield f"{claim}: its values were kept, but no verdict"


# What is known from elsewhere than the values of the draws.
_ELSEWHERE = ("expected", "standing", "search", "untrained")


def unequal(was: Entry, now: Entry, *, leave_out: Collection[str]) -> Iterator[tuple[str, Any, Any]]:
    """Whatever two entries say otherwise, but for how long they took: its path, such as `estimate.ci.0`, and both values.

    Numbers are equal if they differ by a share of less than AGREES.

    Args:
        leave_out: fields of the entries that are not compared.
    """

    def leaves(entry: Entry) -> dict[str, Any]:
        return dict(
            _leaves({name: value for name, value in asdict(entry).items() if name not in ("seconds", *leave_out)})
        )

    before, after = leaves(was), leaves(now)
    for path in dict.fromkeys([*before, *after]):
        if not _same(before.get(path), after.get(path)):
            yield path, before.get(path), after.get(path)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values within nested dictionaries and tuples, by their paths."""
    if isinstance(value, dict | tuple):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in parts:
            yield from _leaves(part, f"{path}.{name}" if path else str(name))
    else:
        yield path, value


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, float) and isinstance(after, float):
        return isclose(before, after, rel_tol=AGREES, abs_tol=1e-12)
    return bool(before == after)


def shown(value: Any) -> str:
    """A value as sentences show it.

    >>> shown(0.123456789), shown(None), shown("refuted")
    ('0.123457', 'none', 'refuted')
    """
    return f"{value:.6g}" if isinstance(value, float) else "none" if value is None else str(value)
