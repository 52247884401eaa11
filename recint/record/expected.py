"""Verdicts on record for a checkpoint: `hypotheses/expected/<checkpoint>.toml`, matched by identity.

sha256 = "..."
config = { act_fn = "gelu_new", layer_norm_eps = 1e-05, order = 1 }

[claims]
"l1.low-effective-rank" = { verdict = "refuted", reason = "..." }

A file without a config, as earlier versions wrote it, speaks of its tensors with any.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recint.judging.entry import Entry, Run
from recint.record import schema
from recint.record.identity import identity, told
from recint.system.escaping import line, toml
from recint.verdict import Verdict


class ExpectedError(ValueError):
    """A file of expected verdicts that cannot be used."""


@dataclass(frozen=True)
class Expectation:
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Record:
    """A file of expected verdicts.

    Attributes:
        config: what it says of the configuration beside the tensors; None if it says nothing.
        claims: by id.
    """

    sha256: str
    config: Mapping[str, Any] | None
    claims: Mapping[str, Expectation]

    def speaks_of(self, checkpoint: Mapping[str, Any]) -> bool:
        """Whether it does, of a checkpoint as a verdict file has it."""
        config = told(checkpoint) if self.config is None else self.config
        return identity({"sha256": self.sha256, "config": config}) == identity(checkpoint)


def load(path: Path) -> Record:
    """What a file has on record.

    Raises:
        ExpectedError: not TOML, a key too few or too many, or an unknown verdict.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ExpectedError(f"{path}: cannot be read as expected verdicts ({error})") from None
    if unknown := sorted(content.keys() - {"sha256", "config", "claims"}):
        raise ExpectedError(f"{path}: found {', '.join(unknown)}, but expected sha256, config and claims")
    if flaw := schema.flaw(content, "expected"):
        raise ExpectedError(f"{path}: {flaw}")
    claims = {claim: Expectation(entry["verdict"], entry["reason"]) for claim, entry in content["claims"].items()}
    return Record(content["sha256"], content.get("config"), claims)


def text(run: Run, known: Mapping[str, Expectation]) -> str:
    """The file that puts the verdicts of a run on record; reasons already there stay with the verdicts they were given for."""
    of = run.checkpoint
    lines = [f"# Verdicts on record for {line(of['name'])}: found by `recint verify`, never wished for."]
    config = ", ".join(f"{name} = {_plain(value)}" for name, value in told(of).items())
    lines += [f"sha256 = {toml(of['sha256'])}", f"config = {{ {config} }}", "", "[claims]"]
    for entry in run.claims:
        old = known.get(entry.id)
        reason = old.reason if old and old.verdict == entry.verdict else _found(entry)
        lines.append(f"{toml(entry.id)} = {{ verdict = {toml(entry.verdict)}, reason = {toml(reason)} }}")
    return "\n".join(lines) + "\n"


def _plain(value: str | float) -> str:
    return toml(value) if isinstance(value, str) else repr(value)


def changes(known: Mapping[str, Expectation], run: Run) -> list[str]:
    """What the record will say otherwise than before: verdicts that changed, which lose their reasons, and claims that are gone."""
    now = {entry.id: entry.verdict for entry in run.claims}
    moved = [
        f"{claim}: was {old.verdict} ({old.reason}), now {now[claim]}: look at its reason"
        for claim, old in known.items()
        if claim in now and now[claim] != old.verdict
    ]
    return moved + [f"{claim}: is no longer claimed" for claim in known if claim not in now]


def _found(entry: Entry) -> str:
    """A first reason, to be put better by a person: what the run says of it."""
    if entry.verdict == "refuted":
        return entry.refutation
    if entry.message:
        return entry.message
    return "no figure" if entry.value is None else f"{entry.value:.3g} {entry.relation} {entry.threshold:g}"


def find(folder: Path, checkpoint: Mapping[str, Any]) -> Mapping[str, Expectation]:
    """What the folder has on record for a checkpoint, as a verdict file has it; nothing if it has no such file."""
    found = [record for path in sorted(folder.glob("*.toml")) if (record := load(path)).speaks_of(checkpoint)]
    found.sort(key=lambda record: record.config is None)  # what was said of just this configuration goes first
    return found[0].claims if found else {}
