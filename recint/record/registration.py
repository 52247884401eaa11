"""Registration of claims in the research log: new claims are added, and a claim that changed without a new version is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recint.record.differences import differences
from recint.record.lines import Line
from recint.record.log import Log, LogError
from recint.record.log_file import CLAIMS, append, read

if TYPE_CHECKING:  # which would load torch
    from recint.judging.claim import Claim


# Fields of a claim that a verdict line has too.
_SHARED = ("statement", "statistic", "relation", "threshold", "quantifier")


def of_claim(claim: Claim) -> dict[str, Any]:
    """What the log keeps of a claim, without the time."""
    return {
        "claim": claim.id,
        "hash": claim.hash,
        "fields": dict(claim.registered),
        "name": claim.name,
        "version": claim.version,
        "because": claim.because,
        "corrected": claim.corrected,
    }


def register(folder: Path, claims: Iterable[Mapping[str, Any]], *, when: str) -> list[str]:
    """Register the new claims among these, with a reason if they amend another claim. Returns the ids of the new claims.

    A correction of such a reason gets its own line, because no line is ever rewritten.

    Args:
        claims: in the form of `of_claim`.

    Raises:
        LogError: a claim differs from what is registered under its id.
    """
    log, claims = read(folder), list(claims)
    require_unmoved(log, claims)
    known = {line["hash"] for line in log.registered}
    new = [claim for claim in claims if claim["hash"] not in known]
    told = {(line["claim"], line["why"]) for line in log.corrected}
    corrections = [
        {"kind": "corrected", "when": when, "claim": claim["claim"], "why": claim["corrected"]}
        for claim in claims
        if claim["corrected"] and (claim["claim"], claim["corrected"]) not in told
    ]
    if new or corrections:
        append(folder / CLAIMS, [*(line for claim in new for line in _registration_lines(claim, when)), *corrections])
    return [claim["claim"] for claim in new]


def _registration_lines(claim: Mapping[str, Any], when: str) -> Iterator[dict[str, Any]]:
    yield {"kind": "registered", "when": when} | {key: claim[key] for key in ("claim", "hash", "fields")}
    if claim["because"]:
        to = claim["version"]
        yield {
            "kind": "amended", "when": when, "claim": claim["name"], "from": to - 1, "to": to, "why": claim["because"],
        }  # fmt: skip


def require_unmoved(log: Log, claims: Iterable[Mapping[str, Any]]) -> None:
    """Raises LogError if a claim differs from what was registered or judged under its id. The error names the fields that moved."""
    first: dict[str, Line] = {}
    for line in log.registered:
        first.setdefault(line["claim"], line)
    when = {run["run"]: run["when"] for run in log.runs}
    for settled in log.verdicts:  # judged claims are registered too, but those lines may be lost
        entry = settled.entry
        fields = {name: value for name in _SHARED if (value := getattr(entry, name)) != ""}
        told = {"hash": entry.hash, "fields": fields, "when": when.get(settled.run, "")}
        first.setdefault(entry.id, told)
    for claim in claims:
        known = first.get(claim["claim"])
        if known and known["hash"] != claim["hash"]:
            moved = [
                f"{path} moved from {json.dumps(before)} to {json.dumps(now)}"
                for path, (before, now) in differences(known["fields"], claim["fields"]).items()
                if before is not None or "id" in known["fields"]  # a verdict line has only the most important fields
            ]
            raise LogError(
                f"{claim['claim']}: {'; '.join(moved) or 'its hash differs'}, since it was registered on {known['when'][:10]}; "
                "put it back, or declare the next version beside it: CLAIM.amended(because='...', ...)"
            )
