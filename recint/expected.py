"""Verdicts on record for a checkpoint: `hypotheses/expected/<checkpoint>.toml`, matched by tensor hash.

sha256 = "..."

[claims]
"l1.low-effective-rank" = { verdict = "refuted", reason = "..." }
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from recint.verdict import Verdict


class ExpectedError(ValueError):
    """A file of expected verdicts that cannot be used."""


@dataclass(frozen=True)
class Expectation:
    verdict: Verdict
    reason: str


def load(path: Path) -> tuple[str, dict[str, Expectation]]:
    """The tensor hash that the file speaks of and its claims.

    Raises:
        ExpectedError: not TOML, a key too few or too many, or an unknown verdict.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ExpectedError(f"{path}: cannot be read as expected verdicts ({error})") from None
    claims = content.get("claims")
    if content.keys() != {"sha256", "claims"} or not isinstance(claims, dict):
        raise ExpectedError(f"{path}: found keys {sorted(content)}, but expected sha256 and claims")
    expectations = {}
    for claim, entry in claims.items():
        if not isinstance(entry, dict) or entry.keys() != {"verdict", "reason"}:
            raise ExpectedError(f"{path}: {claim} must have a verdict and a reason, found {entry!r}")
        if entry["verdict"] not in get_args(Verdict):
            raise ExpectedError(
                f"{path}: {claim} has verdict={entry['verdict']!r}, which is none of {get_args(Verdict)}"
            )
        expectations[claim] = Expectation(entry["verdict"], entry["reason"])
    return content["sha256"], expectations


def text(run: Mapping[str, Any], known: Mapping[str, Expectation]) -> str:
    """The file that puts the verdicts of a run on record; reasons already there stay with the verdicts they were given for."""
    lines = [f"# Verdicts on record for {run['checkpoint']['name']}: found by `recint verify`, never wished for."]
    lines += [f"sha256 = {json.dumps(run['checkpoint']['sha256'])}", "", "[claims]"]
    for entry in run["claims"]:
        old = known.get(entry["id"])
        reason = old.reason if old and old.verdict == entry["verdict"] else _found(entry)
        verdict, reason = (json.dumps(part, ensure_ascii=False) for part in (entry["verdict"], reason))
        lines.append(f'"{entry["id"]}" = {{ verdict = {verdict}, reason = {reason} }}')
    return "\n".join(lines) + "\n"


def changes(known: Mapping[str, Expectation], run: Mapping[str, Any]) -> list[str]:
    """What the record will say otherwise than before: verdicts that changed, which lose their reasons, and claims that are gone."""
    now = {entry["id"]: entry["verdict"] for entry in run["claims"]}
    moved = [
        f"{claim}: was {old.verdict} ({old.reason}), now {now[claim]}: look at its reason"
        for claim, old in known.items()
        if claim in now and now[claim] != old.verdict
    ]
    return moved + [f"{claim}: is no longer claimed" for claim in known if claim not in now]


def _found(entry: Mapping[str, Any]) -> str:
    """A first reason, to be put better by a person: what the run says of it."""
    told = entry["message"].removeprefix(f"{entry['id']}: ")
    return told or f"{entry['value']:.3g} {entry['relation']} {entry['threshold']:g}"


def find(folder: Path, sha256: str) -> dict[str, Expectation]:
    """What the folder has on record for tensors of this hash; nothing if it has no such file."""
    for path in sorted(folder.glob("*.toml")):
        of, expectations = load(path)
        if of == sha256:
            return expectations
    return {}
