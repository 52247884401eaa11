"""What changed between a baseline and a run: verdicts, and statistics whose intervals no longer overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recint.catalogue import selected
from recint.pages import board
from recint.record.log import Log
from recint.verdict import words

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Drift:
    """One claim that came out otherwise than in the baseline.

    Attributes:
        kind: "verdict" if that changed, "statistic" if it stayed but the two 95 % intervals have nothing in common.
        allowed: whether the claim was named as one that may.
    """

    claim: str
    kind: str
    sentence: str
    allowed: bool


def drift(baseline: Mapping[str, Any], claims: Sequence[Entry], *, allow: Sequence[str] = ()) -> list[Drift]:
    """All claims that drifted, in the order of the run.

    A claim about weights has no interval: of it only the verdict can drift. Claims that the baseline did not judge, or judged
    in another version, cannot be compared; see `incomparable`.
    """
    before = {entry["id"]: entry for entry in baseline["claims"]}
    found = []
    for now in claims:
        was = before.get(now["id"])
        if was is None or was["hash"] != now["hash"]:
            continue
        failed = now["verdict"] == "error"  # never what one can want, whatever it was before
        kind = "verdict" if failed or was["verdict"] != now["verdict"] else "statistic" if _apart(was, now) else None
        if kind:
            sentence = _sentence(was, now, baseline["checkpoint"]["name"])
            allowed = bool(allow) and selected(now["id"], allow) and not failed
            found.append(Drift(now["id"], kind, sentence, allowed))
    return found


def compared(baseline: Mapping[str, Any], run: Mapping[str, Any], *, allow: Sequence[str] = ()) -> dict[str, Any]:
    """What a verdict file says of its baseline: which it was, what drifted, what was not compared, and how else it was judged."""
    claims = run["claims"]
    return {
        "against": {key: baseline["checkpoint"][key] for key in ("name", "sha256")} | {"started": baseline["started"]},
        "drift": [asdict(found) for found in drift(baseline, claims, allow=allow)],
        "incomparable": incomparable(baseline, claims),
        "judged_otherwise": [
            f"{name}={baseline.get(name)} in {baseline['checkpoint']['name']}, now {name}={run[name]}"
            for name in ("draws", "stages", "seed")
            if name in baseline and baseline[name] != run[name]
        ],
    }


def incomparable(baseline: Mapping[str, Any], claims: Sequence[Entry]) -> list[str]:
    """A sentence for every claim of the run that the baseline lacks, or has under the same id as another claim."""
    before, now = ({entry["id"]: entry["hash"] for entry in entries} for entries in (baseline["claims"], claims))
    name = baseline["checkpoint"]["name"]
    return [
        *(f"{claim}: not judged in the baseline, {name}" for claim in now if claim not in before),
        *(
            f"{claim}: another claim in the baseline, {name}"
            for claim in now
            if claim in before and before[claim] != now[claim]
        ),
    ]


def _apart(was: Entry, now: Entry) -> bool:
    if not was["estimate"] or not now["estimate"]:
        return False
    (low, high), (other_low, other_high) = _interval(was), _interval(now)
    return high < other_low or other_high < low


def _interval(entry: Entry) -> tuple[float, float]:
    low, high = entry["estimate"]["ci"]  # an open end is written as null
    return (float("-inf") if low is None else low, float("inf") if high is None else high)


def _sentence(was: Entry, now: Entry, name: str) -> str:
    change = (
        f"{words(was['verdict'])} in {name}, now {words(now['verdict'])}"
        if was["verdict"] != now["verdict"]
        else f"{words(now['verdict'])} as in {name}, but not for the same figure"
    )
    return f"{now['id']}: {change} ({_figure(was)} -> {_figure(now)}, should be {now['relation']} {now['threshold']:g})"


def _figure(entry: Entry) -> str:
    if entry["value"] is None:
        return "no figure"
    if not entry["estimate"]:
        return f"{entry['value']:.3g}"
    low, high = _interval(entry)
    return f"{entry['value']:.3g} [{low:.3g}, {high:.3g}]"


def logged(log: Log, name: str) -> dict[str, Any] | None:
    """A settled run on a checkpoint of this name, on tensors whose hash begins so, or with this number, in the form of a verdict
    file: the last of those that judged the most claims; None if there is none."""
    named = log.on(name) or tuple(run for run in log.runs if run["run"] == name)
    known = [run for run in named if log.verdicts_of(run["run"])]
    return run_of(log, max(reversed(known), key=lambda run: len(log.verdicts_of(run["run"])))) if known else None


def run_of(log: Log, run: Entry) -> dict[str, Any]:
    """A logged run in the form of a verdict file."""
    kept = ("checkpoint", "environment", "seed", "draws", "profile")
    return {"schema": 1, "started": run["when"], "claims": log.verdicts_of(run["run"])} | {
        key: run[key] for key in kept
    }


def baseline(name: str, log: Log) -> dict[str, Any]:
    """What a run is held against: a verdict file, or a checkpoint in the log.

    Raises:
        ValueError: it is neither.
    """
    if Path(name).is_file() and name.endswith(".json"):
        return board.read(Path(name))
    if (found := logged(log, name)) is not None:
        return found
    known = ", ".join(dict.fromkeys(str(run["checkpoint"]["name"]) for run in log.runs)) or "none"
    raise ValueError(
        f"against={name!r} is neither a verdict file nor a checkpoint of the log, which has runs on: {known}"
    )
