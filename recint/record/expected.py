"""Files of expected verdicts, `hypotheses/expected/<checkpoint>.toml`.

    sha256 = "..."
    config = { act_fn = "gelu_new", layer_norm_eps = 1e-05, order = 1 }

    [claims]
    "l1.low-effective-rank" = { verdict = "refuted", reason = "..." }

A file belongs to a checkpoint if its hash and configuration match; its name does not matter. A file without `config`, as earlier
versions wrote it, matches these tensors with any configuration.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recint.judging.entry import Entry, Run
from recint.record import schema
from recint.record.identity import identity, undetermined
from recint.system.escaping import line, toml
from recint.system.files import read
from recint.verdict import Verdict


class ExpectedError(ValueError):
    """A file of expected verdicts cannot be used."""


@dataclass(frozen=True)
class Expectation:
    """The expected verdict on a claim, and the reason for it."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class ExpectedVerdicts:
    """The content of a file of expected verdicts.

    Attributes:
        sha256: the hash of the checkpoint's tensors.
        config: the part of the configuration that the tensors do not determine; None if the file does not have it.
        claims: the expected verdicts, by the id of the claim.
    """

    sha256: str
    config: Mapping[str, Any] | None
    claims: Mapping[str, Expectation]

    def speaks_of(self, checkpoint: Mapping[str, Any]) -> bool:
        """Whether the file belongs to a checkpoint, given as in a verdict file."""
        config = undetermined(checkpoint) if self.config is None else self.config
        return identity({**checkpoint, "sha256": self.sha256, "config": config}) == identity(checkpoint)


def load(path: Path) -> ExpectedVerdicts:
    """Read a file of expected verdicts.

    Raises:
        ExpectedError: the file is not TOML, a key is missing or unknown, or a verdict is unknown.
    """
    try:
        content = tomllib.loads(read(path).decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ExpectedError(f"{path}: cannot be read as expected verdicts ({error})") from None
    if unknown := sorted(content.keys() - {"sha256", "config", "claims"}):
        raise ExpectedError(f"{path}: found {', '.join(unknown)}, but expected sha256, config and claims")
    if flaw := schema.flaw(content, "expected"):
        raise ExpectedError(f"{path}: {flaw}")
    claims = {claim: Expectation(entry["verdict"], entry["reason"]) for claim, entry in content["claims"].items()}
    return ExpectedVerdicts(content["sha256"], content.get("config"), claims)


def text(run: Run, known: Mapping[str, Expectation]) -> str:
    """The file of expected verdicts that a run gives.

    Args:
        known: the expected verdicts so far, by the id of the claim. If a verdict stays the same, its reason is kept.
    """
    of = run.checkpoint
    lines = [f"# Expected verdicts for {line(of['name'])}. `recint verify` found them; nobody chose them."]
    lines += [f"sha256 = {toml(of['sha256'])}", f"config = {configuration(of)}", "", "[claims]"]
    for entry in run.claims:
        old = known.get(entry.id)
        reason = old.reason if old and old.verdict == entry.verdict else _reason(entry)
        lines.append(f"{toml(entry.id)} = {{ verdict = {toml(entry.verdict)}, reason = {toml(reason)} }}")
    return "\n".join(lines) + "\n"


def configuration(checkpoint: Mapping[str, Any]) -> str:
    """The part of the configuration that is not in the tensors, as TOML, of a checkpoint as in the log or a verdict file.

    Raises:
        ExpectedError: a list holds None, for which TOML has no word.
    """
    return _plain(undetermined(checkpoint))


def _plain(value: Any) -> str:
    """A value of a configuration as TOML, on one line."""
    if value is None:
        raise ExpectedError("a list in the configuration of the checkpoint holds None, which cannot be written as TOML")
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(str(name))} = {_plain(inner)}' for name, inner in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain, value))}]"
    return toml(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else toml(name)


def changes(known: Mapping[str, Expectation], run: Run) -> list[str]:
    """A sentence for each verdict of the file that changes, and so loses its reason, and for each claim that is gone."""
    now = {entry.id: entry.verdict for entry in run.claims}
    moved = [
        f"{claim}: was {old.verdict} ({old.reason}), now {now[claim]}: look at its reason"
        for claim, old in known.items()
        if claim in now and now[claim] != old.verdict
    ]
    return moved + [f"{claim}: is no longer claimed" for claim in known if claim not in now]


def _reason(entry: Entry) -> str:
    """A first reason for a verdict, from the run. A person may replace it by a better one."""
    if entry.why:
        return entry.why
    return "no value" if entry.value is None else f"{entry.value:.3g} {entry.relation} {entry.threshold:g}"


def find(folder: Path, checkpoint: Mapping[str, Any]) -> Mapping[str, Expectation]:
    """The expected verdicts of a folder for a checkpoint, by the id of the claim; empty if no file belongs to it.

    Args:
        checkpoint: name, hash and configuration, as in a verdict file.

    Raises:
        ExpectedError: a file of the folder cannot be used.
    """
    matching = [content for path in sorted(folder.glob("*.toml")) if (content := load(path)).speaks_of(checkpoint)]
    matching.sort(key=lambda content: content.config is None)  # a file that names this configuration comes first
    return matching[0].claims if matching else {}
