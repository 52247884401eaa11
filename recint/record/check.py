"""Check a log: whether lines were edited, removed, reordered or inserted, and whether its verdicts follow from what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from recint.record import log_file
from recint.record.chain import Chain, unpacked
from recint.record.derivation import Derivation, Placed
from recint.record.git_history import Commit, past
from recint.record.lines import Line, parsed


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        findings: a sentence for each thing that is wrong, with file and line or commit.
        notes: sentences on what is not wrong, but worth knowing.
        chains: the chain of each file.
        first: the commit that first held the line of each run, by the run; None if the log is in no repository. A run that is
            not committed is not in it.
    """

    findings: tuple[str, ...]
    notes: tuple[str, ...]
    chains: Mapping[Path, Chain]
    first: Mapping[str, Commit] | None


def check(folder: Path, *, procedure: str) -> Checked:
    """Check the log in a folder.

    Args:
        procedure: the hash of the procedure by which this version of recint judges; verdicts by another are not derived again.

    Raises:
        LogError: a whole file cannot be read.
    """
    chains = {path: Chain(content) for path, content in log_file.contents(folder).items()}
    known = log_file.read(folder)
    lines = [placed for path, chain in chains.items() for placed in _placed(path, chain)]
    derivation = Derivation(lines, known, procedure)
    runs = {bytes_: line["run"] for path, chain in chains.items() for bytes_, line in _runs(chain)}
    history = past(folder, runs.keys())
    findings = [
        *(f"{path}:{index + 1}: {said}" for path, chain in chains.items() for index, said in chain.flaws()),
        *known.damaged,
        *_cut(chains, lines),
        *derivation.flaws(),
        *(history.flaws if history else ()),
    ]
    notes = [f"{path}:{index + 1}: {said}" for path, chain in chains.items() for index, said in chain.forks()]
    if other := derivation.of_another_procedure():
        notes.append(f"the verdicts of {', '.join(other)} were not derived again: another procedure gave them")
    if known.lost:
        notes.append("no verdict of this log is confirmatory until the lost lines are put back")
    if history is None:
        notes.append(f"{folder} is in no commit of git: only the chain could be checked")
    elif history.shallow:
        notes.append("the repository is a shallow clone: only a part of the history could be checked")
    first = None if history is None else {runs[line]: commit for line, commit in history.first.items()}
    return Checked(tuple(findings), tuple(notes), chains, first)


def _placed(path: Path, chain: Chain) -> Iterator[Placed]:
    """The lines of a file that can be read; a line that a merge repeated counts once."""
    for index, line in enumerate(parsed(chain.content)):
        if not isinstance(line, str) and chain.places[chain.hashes[index]] == index:
            yield Placed(f"{path}:{index + 1}", line, bool(chain.before[index]))


def _runs(chain: Chain) -> Iterator[tuple[bytes, Line]]:
    for content, line in zip(chain.lines, parsed(chain.content), strict=True):
        if not isinstance(line, str) and line["kind"] == "run":
            yield content, line


def _cut(chains: Mapping[Path, Chain], lines: list[Placed]) -> Iterator[str]:
    """A sentence for each file that lacks a line which a later run saw at its end."""
    there = {path.name: chain.places for path, chain in chains.items()}
    told = set()
    for placed in lines:
        for name, ends in placed.line.get("heads", {}).items():
            for end in unpacked(ends):
                if end not in there.get(name, {}) and (name, end) not in told:
                    told.add((name, end))
                    yield f"{placed.where}: {name} is cut: run {placed.line['run']} saw a line at its end that is gone"
