"""Drift: the verdicts that differ between a baseline and a run, and the statistics whose intervals do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recint.globs import selected
from recint.judging.entry import Baseline, Drift, Entry, Estimate, Run
from recint.record import verdict_file
from recint.record.lines import Line
from recint.record.log import Log
from recint.verdict import words


def drift(baseline: Run, claims: Sequence[Entry], *, allow: Sequence[str] = ()) -> list[Drift]:
    """All claims that drifted, in the order of the run. An error always counts as drift.

    A claim about weights has no interval, so that only its verdict can drift. A claim that the baseline did not judge, or that
    has another hash there, is not compared; see `incomparable`.

    Args:
        allow: globs of claims that may drift.
    """
    before = {entry.id: entry for entry in baseline.claims}
    drifted = []
    for now in claims:
        was = before.get(now.id)
        if was is None or was.hash != now.hash:
            continue
        failed = now.verdict == "error"  # counts even if the baseline has an error too, and cannot be allowed
        kind = "verdict" if failed or was.verdict != now.verdict else "statistic" if _apart(was, now) else None
        if kind:
            sentence = _sentence(was, now, baseline.checkpoint["name"])
            allowed = bool(allow) and selected(now.id, allow) and not failed
            drifted.append(Drift(claim=now.id, kind=kind, sentence=sentence, allowed=allowed))
    return drifted


def compared(baseline: Run, run: Run, *, allow: Sequence[str] = ()) -> Run:
    """The run with the comparison: the baseline, the drift, the claims that were not compared, and the options that differ."""
    checkpoint = baseline.checkpoint
    return replace(
        run,
        against=Baseline(name=checkpoint["name"], sha256=checkpoint["sha256"], started=baseline.started),
        drift=tuple(drift(baseline, run.claims, allow=allow)),
        incomparable=tuple(incomparable(baseline, run.claims)),
        judged_otherwise=tuple(_judged_otherwise(baseline, run)),
    )


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
    """A sentence for every claim of the run that the baseline lacks, or that is another claim with the same id there."""
    before, now = ({entry.id: entry.hash for entry in entries} for entries in (baseline.claims, claims))
    name = baseline.checkpoint["name"]
    return [
        *(f"{claim}: not judged in the baseline, {name}" for claim in now if claim not in before),
        *(
            f"{claim}: another claim in the baseline, {name}"
            for claim in now
            if claim in before and before[claim] != now[claim]
        ),
    ]


def _apart(was: Entry, now: Entry) -> bool:
    """Whether both have an interval and the two do not overlap."""
    if not was.estimate or not now.estimate:
        return False
    (low, high), (other_low, other_high) = _interval(was.estimate), _interval(now.estimate)
    return high < other_low or other_high < low


def _interval(estimate: Estimate) -> tuple[float, float]:
    low, high = estimate.ci  # None is an open end
    return (float("-inf") if low is None else low, float("inf") if high is None else high)


def _sentence(was: Entry, now: Entry, name: str) -> str:
    change = (
        f"{words(was.verdict)} in {name}, now {words(now.verdict)}"
        if was.verdict != now.verdict
        else f"{words(now.verdict)} as in {name}, but with another value"
    )
    return f"{now.id}: {change} ({_value(was)} -> {_value(now)}, should be {now.relation} {now.threshold:g})"


def _value(entry: Entry) -> str:
    if entry.value is None:
        return "no value"
    if not entry.estimate:
        return f"{entry.value:.3g}"
    low, high = _interval(entry.estimate)
    return f"{entry.value:.3g} [{low:.3g}, {high:.3g}]"


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
    known = ", ".join(dict.fromkeys(str(run["checkpoint"]["name"]) for run in log.runs)) or "none"
    raise ValueError(
        f"{option}={name!r} is neither a verdict file nor a checkpoint of the log, which has runs on: {known}"
    )
