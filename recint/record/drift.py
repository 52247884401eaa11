"""What changed between a baseline and a run: verdicts, and statistics whose intervals no longer overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recint.catalogue import selected
from recint.judging.entry import Baseline, Drift, Entry, Estimate, Run
from recint.record import verdict_file
from recint.record.lines import Line
from recint.record.log import Log
from recint.verdict import words


def drift(baseline: Run, claims: Sequence[Entry], *, allow: Sequence[str] = ()) -> list[Drift]:
    """All claims that drifted, in the order of the run.

    A claim about weights has no interval: of it only the verdict can drift. Claims that the baseline did not judge, or judged
    in another version, cannot be compared; see `incomparable`.
    """
    before = {entry.id: entry for entry in baseline.claims}
    found = []
    for now in claims:
        was = before.get(now.id)
        if was is None or was.hash != now.hash:
            continue
        failed = now.verdict == "error"  # never what one can want, whatever it was before
        kind = "verdict" if failed or was.verdict != now.verdict else "statistic" if _apart(was, now) else None
        if kind:
            sentence = _sentence(was, now, baseline.checkpoint["name"])
            allowed = bool(allow) and selected(now.id, allow) and not failed
            found.append(Drift(claim=now.id, kind=kind, sentence=sentence, allowed=allowed))
    return found


def compared(baseline: Run, run: Run, *, allow: Sequence[str] = ()) -> Run:
    """The run with what it says of its baseline: which it was, what drifted, what was not compared, and how else it was judged."""
    of = baseline.checkpoint
    return replace(
        run,
        against=Baseline(name=of["name"], sha256=of["sha256"], started=baseline.started),
        drift=tuple(drift(baseline, run.claims, allow=allow)),
        incomparable=tuple(incomparable(baseline, run.claims)),
        judged_otherwise=tuple(_judged_otherwise(baseline, run)),
    )


def _judged_otherwise(baseline: Run, run: Run) -> list[str]:
    """A sentence for each option that the two runs do not have in common, where the baseline tells it."""
    name, sentences = baseline.checkpoint["name"], []
    for option in ("draws", "stages", "seed"):
        was, now = (
            list(of) if isinstance(of, tuple) else of for of in (getattr(baseline, option), getattr(run, option))
        )
        if was is not None and was != now:
            sentences.append(f"{option}={was} in {name}, now {option}={now}")
    return sentences


def incomparable(baseline: Run, claims: Sequence[Entry]) -> list[str]:
    """A sentence for every claim of the run that the baseline lacks, or has under the same id as another claim."""
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
    if not was.estimate or not now.estimate:
        return False
    (low, high), (other_low, other_high) = _interval(was.estimate), _interval(now.estimate)
    return high < other_low or other_high < low


def _interval(estimate: Estimate) -> tuple[float, float]:
    low, high = estimate.ci  # an open end is None
    return (float("-inf") if low is None else low, float("inf") if high is None else high)


def _sentence(was: Entry, now: Entry, name: str) -> str:
    change = (
        f"{words(was.verdict)} in {name}, now {words(now.verdict)}"
        if was.verdict != now.verdict
        else f"{words(now.verdict)} as in {name}, but not for the same figure"
    )
    return f"{now.id}: {change} ({_figure(was)} -> {_figure(now)}, should be {now.relation} {now.threshold:g})"


def _figure(entry: Entry) -> str:
    if entry.value is None:
        return "no figure"
    if not entry.estimate:
        return f"{entry.value:.3g}"
    low, high = _interval(entry.estimate)
    return f"{entry.value:.3g} [{low:.3g}, {high:.3g}]"


def logged(log: Log, name: str) -> Run | None:
    """A settled run on a checkpoint of this name, on tensors whose hash begins so, or with this number: the last of those that
    judged the most claims; None if there is none."""
    named = log.on(name) or tuple(run for run in log.runs if run["run"] == name)
    known = [run for run in named if log.verdicts_of(run["run"])]
    return run_of(log, max(reversed(known), key=lambda run: len(log.verdicts_of(run["run"])))) if known else None


def run_of(log: Log, run: Line) -> Run:
    """A logged run, as its verdict file would hold it; the log does not tell how long it took."""
    return Run(
        checkpoint=run["checkpoint"],
        environment=run["environment"],
        seed=run["seed"],
        draws=run["draws"],
        profile=run["profile"],
        started=run["when"],
        claims=tuple(log.verdicts_of(run["run"])),
    )


def baseline(name: str, log: Log) -> Run:
    """What a run is held against: a verdict file, or a checkpoint in the log.

    Raises:
        ValueError: it is neither.
    """
    if Path(name).is_file() and name.endswith(".json"):
        return verdict_file.read(Path(name))
    if (found := logged(log, name)) is not None:
        return found
    known = ", ".join(dict.fromkeys(str(run["checkpoint"]["name"]) for run in log.runs)) or "none"
    raise ValueError(
        f"against={name!r} is neither a verdict file nor a checkpoint of the log, which has runs on: {known}"
    )
