"""What a run that is judged again says otherwise than the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recint.judging.entry import Entry, Run
from recint.judging.values import shown, unequal
from recint.record.differences import differences

# What is not measured on the model: the expectations of the day, and whether the verdict was the first.
_OF_THE_DAY = ("expected", "standing", "source")
# Paths that end so are not compared: the code of a counterexample names files of one machine.
_OF_THE_PLACE = ".code"
_NOT_REPEATED = "nightly"  # this profile of Hypothesis draws other places each time


def otherwise(before: Run, now: Run) -> Iterator[str]:
    """A sentence for each claim that is judged otherwise, and for each that only one of the two runs judged.

    Verdicts, values, intervals, p-values, searches and untrained models are compared. Numbers count as equal if they differ by less
    than one part in 10,000. What a search of the profile `nightly` saw is not compared, since such a search is not repeated.
    Nor is the code of a counterexample, which says where the claims and the checkpoint lie.

    Args:
        before: the run of the log.
        now: the same run, judged again.
    """
    leave_out = (*_OF_THE_DAY, *(("search", "message") if before.profile == _NOT_REPEATED else ()))
    again = {entry.id: entry for entry in now.claims}
    for was in before.claims:
        if was.id not in again:
            yield f"{was.id}: was not judged again"
            continue
        moved = [
            f"{path} was {shown(old)}, now {shown(new)}"
            for path, old, new in unequal(was, _alike(was, again[was.id]), leave_out=leave_out)
            if not path.endswith(_OF_THE_PLACE)
        ]
        if moved:
            yield f"{was.id}: {'; '.join(moved)}"
    for claim in again.keys() - {entry.id for entry in before.claims}:
        yield f"{claim}: is not in the run of the log"


def _alike(was: Entry, now: Entry) -> Entry:
    """The entry of now. Earlier versions sought one counterexample only: beside a line with one, it has no further ones either."""
    if was.search and now.search and not was.search.further:
        return replace(now, search=replace(now.search, further=()))
    return now


def versions(before: Run, now: Run) -> Iterator[str]:
    """A sentence for each package, and for the device, that is not as it was: it may explain what differs."""
    for name, (was, is_) in differences(dict(before.environment), dict(now.environment)).items():
        yield f"{name} was {was or 'unknown'}, now {is_ or 'unknown'}"
