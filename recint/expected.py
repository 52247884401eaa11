"""Verdicts on record for a checkpoint: `hypotheses/expected/<checkpoint>.toml`, matched by tensor hash.

sha256 = "..."

[claims]
"l1.low-effective-rank" = { verdict = "refuted", reason = "..." }
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

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


def find(folder: Path, sha256: str) -> dict[str, Expectation]:
    """What the folder has on record for tensors of this hash; nothing if it has no such file."""
    for path in sorted(folder.glob("*.toml")):
        of, expectations = load(path)
        if of == sha256:
            return expectations
    return {}
