"""The research log in memory: which runs and claims it holds, and whether a verdict is confirmatory.

`log_file` reads a log from its folder and adds lines to it. `registration` registers claims.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from recint.judging.entry import Entry, Standing
from recint.judging.seed import seed_of
from recint.record.identity import identity
from recint.record.lines import Line, is_vouched

LOST = "lines of the log are damaged or missing (`recint log` names them)"
UNCOMMITTED = "this run was made by code that stands in no commit"
SEED = "seed of the draws"  # since a procedure has this field, the seed follows from the tensors
How = tuple[int | None, int | None, str | None]
Signature = tuple[str, str, How, frozenset[str]]


class LogError(ValueError):
    """A run cannot go on with this log: a claim changed without a new version, or files cannot be read or written."""


@dataclass(frozen=True)
class Settled:
    """The verdict of a run on a claim."""

    run: str
    entry: Entry


@dataclass(frozen=True)
class Log:
    """The lines of a folder, by kind and in the order in which they were written.

    Attributes:
        runs: the earliest comes first.
        corrected: what the reason for an amendment left out or got wrong. The line of the amendment itself never changes.
        damaged: one sentence, with file and line number, for each line that could not be read. All other lines are used.
    """

    registered: tuple[Line, ...] = ()
    amended: tuple[Line, ...] = ()
    runs: tuple[Line, ...] = ()
    verdicts: tuple[Settled, ...] = ()
    damaged: tuple[str, ...] = ()
    corrected: tuple[Line, ...] = ()

    @cached_property
    def lost(self) -> bool:
        """Whether lines cannot be read or are missing. Lines are missing if there are verdicts of a run that has no line."""
        return bool(self.damaged) or not self.settled.keys() <= self._numbered.keys()

    @cached_property
    def settled(self) -> dict[str, list[Entry]]:
        """The verdicts by run. A run that stopped before its verdicts is not in it."""
        return by_run(self.verdicts)

    @cached_property
    def fields(self) -> dict[str, Mapping[str, Any]]:
        """The registered fields of each claim, by its hash, where the hash is that of the fields."""
        return {line["hash"]: line["fields"] for line in self.registered if is_vouched(line)}

    @property
    def names(self) -> list[str]:
        """The names of the checkpoints that there are runs on, each once."""
        return list(dict.fromkeys(str(run["checkpoint"]["name"]) for run in self.runs))

    def verdicts_of(self, run: str) -> list[Entry]:
        """The verdicts of a run; none if the run stopped before its verdicts."""
        return self.settled.get(run, [])

    def on(self, checkpoint: str) -> tuple[Line, ...]:
        """The runs on a checkpoint with this name, this identity, or a hash that begins with these digits (8 or more)."""

        def meant(of: Mapping[str, Any]) -> bool:
            digits = len(checkpoint) >= 8 and of["sha256"].startswith(checkpoint)
            return digits or checkpoint in (of["name"], identity(of))

        return tuple(run for run in self.runs if meant(run["checkpoint"]))

    @cached_property
    def first(self) -> dict[str, Line]:
        """The first run on each checkpoint, by identity."""
        return {self._of[line["run"]]: line for line in reversed(self.runs)}

    def doubt(self, run: str, claim_hash: str) -> str | None:
        """Why a run's verdict on a claim is exploratory; None if it is confirmatory. A verdict is confirmatory if

        - the claim was registered in a clean commit before this checkpoint's first logged run,
        - this run uses the same commit, because the hash of a claim does not cover its code,
        - its seed follows from the tensors of the checkpoint, if it was made since that is the rule, and
        - this run is the first that judged the claim on this checkpoint, because another seed is another look.

        Otherwise the claim, or the way it was tested, may have been chosen to fit the checkpoint. If lines are lost, the first
        look may be among them. Then no verdict is confirmatory until the lines are put back.
        """
        if self.lost:
            return LOST
        own = self._numbered.get(run)
        if own is None:
            return "the run is not in the log"
        of = self._of[run]
        first = self.first[of]
        that = (
            "this run" if own is first else f"the first run on this checkpoint ({first['run']}, {first['when'][:10]})"
        )
        earlier = self.judged.get((of, claim_hash), run)
        if first["dirty"] is not False:
            return UNCOMMITTED if own is first else f"{that} was made by code that stands in no commit"
        if claim_hash not in first["registered"]:
            return f"the claim stood registered in no commit before {that}"
        if own["dirty"] is not False:
            return UNCOMMITTED
        if own["commit"] != first["commit"]:
            return f"this run was made by another commit than {that}"
        if earlier != run:
            return f"run {earlier} judged the claim on this checkpoint before"
        return self._doubt_of_seed(own)

    def _doubt_of_seed(self, run: Line) -> str | None:
        """Whoever can choose a seed, or a baseline that has one, can try some without a log. Earlier lines do not say it."""
        is_rule = "seed_from" in run or any(SEED in self.fields.get(known, {}) for known in run["registered"])
        if not is_rule or run["seed"] == seed_of(run["checkpoint"]["sha256"]):
            return None
        if run.get("seed_from"):
            return f"the seed {run['seed']} is that of a baseline, and not that of these tensors"
        return f"the seed {run['seed']} was chosen: without --seed it follows from the tensors"

    def standing(self, run: str, claim_hash: str) -> Standing:
        """Whether a run's verdict on a claim is confirmatory; see `doubt`."""
        return "exploratory" if self.doubt(run, claim_hash) else "confirmatory"

    @cached_property
    def judged(self) -> dict[tuple[str, str], str]:
        """The first run with a verdict on a claim, by the identity of the checkpoint and the hash of the claim."""
        found: dict[tuple[str, str], str] = {}
        for run in self.runs:
            for entry in self.verdicts_of(run["run"]):
                found.setdefault((self._of[run["run"]], entry.hash), run["run"])
        return found

    @cached_property
    def begun(self) -> dict[Signature, str]:
        """Runs by their signature, which a verdict file has too."""
        return {
            signature(line["checkpoint"], line["when"], _how(line), self.verdicts_of(line["run"])): line["run"]
            for line in self.runs
        }

    @cached_property
    def _of(self) -> dict[str, str]:
        """The identity of the checkpoint of each run."""
        return {line["run"]: identity(line["checkpoint"]) for line in self.runs}

    @cached_property
    def _numbered(self) -> dict[str, Line]:
        return {line["run"]: line for line in self.runs}


def signature(checkpoint: Mapping[str, Any], when: str, how: How, claims: Iterable[Entry]) -> Signature:
    """What tells a run from every other run, even from one that begins in the same second. Its verdict file has the same.

    Args:
        how: seed, draws and profile.
    """
    return identity(checkpoint), when, how, frozenset(claim.hash for claim in claims)


def _how(run: Line) -> How:
    return run["seed"], run["draws"], run["profile"]


def by_run(verdicts: Iterable[Settled]) -> dict[str, list[Entry]]:
    """The verdicts, grouped by run."""
    found: dict[str, list[Entry]] = {}
    for settled in verdicts:
        found.setdefault(settled.run, []).append(settled.entry)
    return found
