"""Drift: what moved between a baseline and a run. Each statistic is compared with that of the baseline, and so is each verdict.

A claim drifts if its statistic, or that of a contrast, moved significantly and by more than a tolerance. A verdict may flip though
no statistic moved, if one lies near its threshold; such a flip is told, and fails a strict comparison only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from recint.globs import nearest, selected
from recint.judging.entry import Baseline, Drift, Entry, Interval, Measurement, Outcome, Pair, Run
from recint.judging.holm import holm
from recint.record import verdict_file
from recint.record.lines import Line
from recint.record.log import Log
from recint.verdict import LEVEL, TOLERANCE, words

if TYPE_CHECKING:  # which would load SciPy, and a look into the log is to be quick
    from recint.judging.difference import Difference, Key

ROUNDING = 1e-5  # smaller shares may come from rounding


def pairs(
    baseline: Run,
    claims: Sequence[Entry],
    *,
    differences: Mapping[Key, Difference] | None = None,
    tolerance: float = TOLERANCE,
) -> tuple[Pair, ...]:
    """Every claim that a baseline and a run have in common, in the order of the run, each followed by its contrasts.

    A claim that the baseline did not judge, or that has another hash there, is left out; see `incomparable`.

    Args:
        differences: the differences on recurrences that both runs drew. For all other statistics the difference comes from the two
            intervals.
        tolerance: how far a statistic may move, as a share of that in the baseline or of its threshold, whichever is larger.
    """
    before = {entry.id: entry for entry in baseline.claims}
    statistics = [
        statistic
        for now in claims
        if now.id in before and before[now.id].hash == now.hash
        for statistic in _compared(before[now.id], now)
    ]
    moved = {statistic.key: (differences or {}).get(statistic.key) or statistic.unpaired() for statistic in statistics}
    adjusted = holm({key: difference.p for key, difference in moved.items() if difference})
    name = baseline.checkpoint["name"]
    return tuple(
        _pair(statistic, moved[statistic.key], adjusted.get(statistic.key), tolerance=tolerance, name=name)
        for statistic in statistics
    )


@dataclass(frozen=True)
class _Compared:
    """A statistic of a claim that a baseline and a run have in common.

    Attributes:
        contrast: the name of the contrast; empty for the claim's own statistic.
        was, now: the claim in the baseline and in the run.
        others: the names of all contrasts of the claim that are compared.
    """

    contrast: str
    was: Entry
    now: Entry
    others: tuple[str, ...]

    @property
    def key(self) -> Key:
        return self.now.id, self.contrast

    @property
    def ends(self) -> tuple[Measurement, Measurement]:
        """The statistic in the baseline, and in the run."""
        if not self.contrast:
            return self.was, self.now
        return self.was.contrast[self.contrast], self.now.contrast[self.contrast]

    def unpaired(self) -> Difference | None:
        """The difference of the two estimates; None if one of them is missing."""
        from recint.judging.difference import unpaired

        was, now = self.ends
        if was.value is None or now.value is None or not was.estimate or not now.estimate:
            return None
        return unpaired((was.value, was.estimate), (now.value, now.estimate))

    @property
    def flips(self) -> bool:
        """Whether the verdict of the claim differs, and nothing but statistics that are compared here can be the reason."""
        return self.was.verdict != self.now.verdict and all(map(self._by_statistics, (self.was, self.now)))

    def _by_statistics(self, entry: Entry) -> bool:
        """Whether the statistics of an entry decide its verdict: no counterexample, and no untrained models."""
        if entry.verdict == "refuted":
            return entry.decisive is None and entry.refuted_by in (entry.id, *self.others)
        return entry.verdict in ("supported", "inconclusive")


def _compared(was: Entry, now: Entry) -> list[_Compared]:
    values = {
        name: (was.contrast[name].value, now.contrast[name].value) for name in now.contrast if name in was.contrast
    }
    contrasts = tuple(name for name, both in values.items() if None not in both)
    return [_Compared(name, was, now, contrasts) for name in ("", *contrasts)]


def _pair(of: _Compared, moved: Difference | None, p: float | None, *, tolerance: float, name: str) -> Pair:
    was, now = of.ends
    scale = max(abs(was.value or 0.0), abs(now.threshold))
    pair = Pair(
        claim=of.now.id,
        contrast=of.contrast,
        before=was.value,
        after=now.value,
        verdict_before=of.was.verdict,
        verdict_after=of.now.verdict,
        difference=moved.value if moved else _of_weights(was, now),
        ci=_interval(moved) if moved else None,
        p=p,
        n=moved.n if moved else 0,
        tolerance=tolerance * scale,
    )
    pair = replace(pair, outcome=_outcome(pair, of, noise=ROUNDING * scale))
    return replace(pair, happened=_happened(pair, now, name))


def _of_weights(was: Measurement, now: Measurement) -> float | None:
    """The difference of two statistics without an estimate; None if one of them is missing."""
    return None if was.value is None or now.value is None else now.value - was.value


def _outcome(pair: Pair, of: _Compared, *, noise: float) -> Outcome:
    if of.now.verdict == "error":  # also if the baseline has an error too
        return "error"
    differs = of.was.verdict != of.now.verdict and not of.contrast  # which is told of the claim, not of its contrasts
    if pair.difference is None:
        return "verdict" if differs else "same"
    size = abs(pair.difference)
    significant = size > noise if pair.p is None else pair.p <= LEVEL  # statistics of weights have no sampling error
    if significant and size > max(pair.tolerance, noise):
        return "moved"
    if differs:
        return "flips" if of.flips else "verdict"
    return "within" if significant and size > noise else "same"


def drift(pairs: Sequence[Pair], *, allow: Sequence[str] = (), strict: bool = False) -> list[Drift]:
    """The claims that drifted, each once. An error always counts, and cannot be allowed.

    Args:
        allow: globs of claims that may drift.
        strict: whether a verdict that flips counts, though its statistic did not move.
    """
    fails: tuple[Outcome, ...] = ("error", "verdict", "moved", *(("flips",) if strict else ()))
    failing: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair.outcome in fails:
            failing.setdefault(pair.claim, []).append(pair)
    return [
        Drift(
            claim=claim,
            contrast=found[0].contrast,
            happened="; ".join([found[0].happened, *(pair.beside for pair in found[1:])]),
            kind=found[0].outcome,
            allowed=bool(allow) and selected(claim, allow) and found[0].outcome != "error",
        )
        for claim, found in failing.items()
    ]


def compared(
    baseline: Run,
    run: Run,
    *,
    differences: Mapping[Key, Difference] | None = None,
    tolerance: float = TOLERANCE,
    allow: Sequence[str] = (),
    strict: bool = False,
) -> Run:
    """The run with the comparison: the baseline, all pairs, the drift, what was not compared, and the options that differ."""
    checkpoint = baseline.checkpoint
    found = pairs(baseline, run.claims, differences=differences, tolerance=tolerance)
    return replace(
        run,
        against=Baseline(name=checkpoint["name"], sha256=checkpoint["sha256"], started=baseline.started),
        pairs=found,
        drift=tuple(drift(found, allow=allow, strict=strict)),
        incomparable=tuple(incomparable(baseline, run.claims)),
        judged_otherwise=(*_judged_otherwise(baseline, run), *_unpaired_note(found, checkpoint["name"])),
    )


def _unpaired_note(found: Sequence[Pair], name: str) -> Iterator[str]:
    if any(pair.ci for pair in found) and not any(pair.n for pair in found):
        yield f"no values of {name} are at hand, or they are of other draws: statistics are compared by their intervals"


def _judged_otherwise(baseline: Run, run: Run) -> list[str]:
    """A sentence for each option that has another value than in the baseline, if the baseline's value is known."""
    name, sentences = baseline.checkpoint["name"], []
    for option in ("draws", "stages", "seed"):
        values = getattr(baseline, option), getattr(run, option)
        was, now = (list(value) if isinstance(value, tuple) else value for value in values)
        if was is not None and was != now:
            sentences.append(f"{option}={was} in {name}, now {option}={now}")
    return sentences


def incomparable(baseline: Run, claims: Sequence[Entry]) -> list[str]:
    """A sentence for every claim that only one of the two judged, or that is another claim with the same id in the baseline."""
    before, now = ({entry.id: entry.hash for entry in entries} for entries in (baseline.claims, claims))
    name = baseline.checkpoint["name"]
    return [
        *(f"{claim}: judged in the baseline, {name}, and not now" for claim in before if claim not in now),
        *(f"{claim}: not judged in the baseline, {name}" for claim in now if claim not in before),
        *(
            f"{claim}: another claim in the baseline, {name}"
            for claim in now
            if claim in before and before[claim] != now[claim]
        ),
    ]


def _interval(of: Difference) -> Interval:
    low, high = (end if isfinite(end) else None for end in (of.low, of.high))
    return low, high


def _happened(pair: Pair, now: Measurement, name: str) -> str:
    """What became of a statistic."""
    verdicts = (
        f"{words(pair.verdict_before)} in {name}, now {words(pair.verdict_after)}"
        if pair.verdict_before != pair.verdict_after
        else f"{words(pair.verdict_after)} as in {name}"
    )
    if pair.outcome == "error":
        return verdicts
    flips = "flips, moved within the tolerance, " if (pair.p or 1.0) <= LEVEL else "flips, but did not move, "
    happened = {"moved": "moved, ", "within": "moved within the tolerance, ", "flips": flips}
    values = f"{_value(pair.before)} -> {_value(pair.after)}, should be {now.relation} {now.threshold:g}"
    return f"{happened.get(pair.outcome, '')}{verdicts} ({values}{_change(pair)})"


def _change(pair: Pair) -> str:
    """The difference with its interval, and what it rests on; empty if nothing was compared."""
    if pair.difference is None:
        return ""
    tolerated = f"tolerated {pair.tolerance:.2g}"
    if pair.ci is None:
        return f"; difference {pair.difference:.3g}, {tolerated}"
    low, high = (end if end is not None else sign * inf for end, sign in zip(pair.ci, (-1, 1), strict=True))
    on = f"on the same {pair.n} draws" if pair.n else "by the two intervals"
    return f"; difference {pair.difference:.3g} [{low:.3g}, {high:.3g}] {on}, {tolerated}"


def _value(value: float | None) -> str:
    return "no value" if value is None else f"{value:.3g}"


def logged(log: Log, name: str) -> Run | None:
    """The run of the log that a name stands for; None if there is none.

    Among the settled runs with this name, those that judged the most claims are taken, and of these the last one.

    Args:
        name: the name of a checkpoint, the beginning of the hash of its tensors, its identity, or the number of a run.
    """
    named = log.on(name) or tuple(run for run in log.runs if run["run"] == name)
    settled = [run for run in named if log.verdicts_of(run["run"])]
    return run_of(log, max(reversed(settled), key=lambda run: len(log.verdicts_of(run["run"])))) if settled else None


def run_of(log: Log, run: Line) -> Run:
    """A run of the log, as its verdict file would hold it. How long it took is not in the log."""
    return Run(
        checkpoint=run["checkpoint"],
        environment=run["environment"],
        seed=run["seed"],
        seed_from=run.get("seed_from"),
        draws=run["draws"],
        stages=tuple(run["stages"]) if "stages" in run else None,  # older lines have none
        profile=run["profile"],
        started=run["when"],
        claims=tuple(log.verdicts_of(run["run"])),
    )


def baseline(name: str, log: Log, *, option: str = "against") -> Run:
    """The run that a name stands for.

    Args:
        name: the path of a verdict file, or what `logged` accepts.
        option: the name of the option that gave it, for the error.

    Raises:
        ValueError: there is no such file and no such run in the log, or the file is not a verdict file.
    """
    if Path(name).is_file() and name.endswith(".json"):
        return verdict_file.read(Path(name))
    if (run := logged(log, name)) is not None:
        return run
    known = nearest(log.names, like=name, noun="checkpoints", command="recint log")
    raise ValueError(
        f"{option}={name!r} is neither a verdict file nor a checkpoint of the log, which has runs on: {known}"
    )
