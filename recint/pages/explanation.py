"""What a verdict rests on, in lines of text: the estimate with its tests, contrasts, search, controls, and the values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recint import words
from recint.judging.entry import Entry, Estimate, Measurement, Run
from recint.judging.values import DrawnValues
from recint.pages.console import table
from recint.pages.statistic import should, with_interval
from recint.verdict import LEVEL
from recint.verdict import words as verdict_words

SHARES = (0, 0.05, 0.5, 0.95, 1)


def explained(entry: Entry, run: Run, values: DrawnValues | None, follows: Entry | None = None) -> Iterator[str]:
    """The lines on one claim.

    Args:
        run: the run that the entry is of.
        values: the values of the claim's draws; None if it was not estimated from draws.
        follows: the same claim as it follows from these values; None if it was not derived again.
    """
    yield f"{entry.id}, version {entry.version}: {verdict_words(entry.verdict)}"
    yield f"  {entry.statement}"
    if entry.why:
        yield f"  why: {entry.why}"
    yield f"  {entry.statistic}: {_measured(entry)}"
    if entry.estimate:
        yield f"  {words.counted(entry.estimate.n, entry.noun)} (seed {run.seed}), {_looks(run)}"
        yield f"  {_tests(entry, len(run.claims))}"
    for name, contrast in entry.contrast.items():
        p = f", p = {contrast.estimate.p:.2g}" if contrast.estimate else ""
        yield f"  contrast, {name}: {_measured(contrast)}{p}"
    if entry.search:
        counterexample = entry.counterexample
        failing = [counterexample, *entry.search.further] if counterexample else []
        where = "".join(f"; fails at {one.where}: {one.value:.3g}" for one in failing)
        yield f"  search: {words.reach(entry) or words.counted(entry.search.examples, 'trial')}{where}"
    yield from (f"  {sentence}" for sentence in (words.share_that_fails(entry), words.untrained(entry)) if sentence)
    if values is not None:
        yield from (f"  {line}" for line in _spread(values, entry.noun))
        if follows:
            yield "  derived again:"
            yield from (f"    {line}" for line in _beside(entry, follows))


def _beside(said: Entry, follows: Entry) -> list[str]:
    """A table of what the file says beside what follows from the values."""
    rows = [
        ("", "the file says", "the values give"),
        ("verdict", *(verdict_words(one.verdict) for one in (said, follows))),
    ]
    for name, was in said.measurements.items():
        now, about = follows.measurements[name], "" if name == said.id else f"{name}: "
        rows.append((f"{about}statistic", *map(_number, (was, now))))
        rows.append((f'{about}p of "it does not hold"', *(_p(one, "p") for one in (was, now))))
        rows.append((f'{about}p of "it holds"', *(_p(one, "p_against") for one in (was, now))))
    return table([list(column) for column in zip(*rows, strict=True)])


def _number(of: Measurement) -> str:
    return with_interval(of.value, of.estimate.ci if of.estimate else None)


def _p(of: Measurement, which: str) -> str:
    return f"{getattr(of.estimate, which):.4g}" if of.estimate else ""


def _measured(of: Measurement) -> str:
    return f"{_number(of)}, should be {should(of)}"


def _looks(run: Run) -> str:
    stages = run.stages or (run.draws,)
    return f"looked at after {', '.join(map(str, stages))}" if len(stages) > 1 else "looked at once"


def _tests(entry: Entry, family: int) -> str:
    estimate = entry.estimate
    assert isinstance(estimate, Estimate)
    holm = (
        f"; {estimate.p_holm:.2g} over all {family} claims, at most {LEVEL} supports"
        if estimate.p_holm is not None
        else ""
    )
    return f'p of "it does not hold" = {estimate.p:.2g}{holm}; p of "it holds" = {estimate.p_against:.2g}'


def _spread(values: DrawnValues, noun: str) -> Iterator[str]:
    """How the values of single draws are spread, one line for each column of values."""
    own = np.asarray(values.own, np.float64).reshape(len(values.own), -1)
    yield f"values of single {noun}s ({', '.join(f'{share:.0%}' for share in SHARES)} of them lie below):"
    for number, column in enumerate(own.T):
        quantiles = ", ".join(f"{quantile:.3g}" for quantile in np.quantile(column, SHARES))
        yield f"  {f'{number}: ' if own.shape[1] > 1 else ''}{quantiles}"
