"""What a check of the research log found, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recint.pages import console
from recint.record.check import Checked
from recint.record.lines import Line
from recint.system.escaping import line as one_line
from recint.words import counted


def terminal(checked: Checked, runs: Sequence[Line]) -> str:
    """The files, the first commit of each run, notes, findings, and at the end one sentence about all of it.

    Args:
        runs: the lines of the runs that are listed.
    """
    blocks = [_files(checked), _runs(checked, runs), checked.notes, checked.findings, [summary(checked)]]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def summary(checked: Checked) -> str:
    """One sentence: how many lines were checked, and whether anything is wrong."""
    lines = sum(len(chain.lines) for chain in checked.chains.values())
    chained = lines - sum(chain.start for chain in checked.chains.values())
    about = f"{counted(lines, 'line')} in {counted(len(checked.chains), 'file')}, {chained} of them chained: "
    if checked.findings:
        return f"{about}{counted(len(checked.findings), 'finding')}."
    if not chained:
        return f"{about}no finding, but without a chain only git and the registered claims could tell."
    return f"{about}nothing was edited, removed, reordered or inserted, and their verdicts follow."


def _files(checked: Checked) -> list[str]:
    if not checked.chains:
        return []
    files = checked.chains.items()
    return console.table(
        [
            ["file", *(one_line(path.name) for path, _ in files)],
            ["lines", *(str(len(chain.lines)) for _, chain in files)],
            ["chained", *(_from(chain.start, len(chain.lines)) for _, chain in files)],
        ]
    )


def _from(start: int, lines: int) -> str:
    return f"from line {start + 1} on" if start < lines else "not yet"


def _runs(checked: Checked, runs: Sequence[Line]) -> list[str]:
    """A table of the commit that first held each run's line."""
    if checked.first is None or not runs:
        return []
    rows = list(_rows(checked, runs))
    return console.table(
        [list(column) for column in zip(("run", "began", "first in commit", "of"), *rows, strict=True)]
    )


def _rows(checked: Checked, runs: Sequence[Line]) -> Iterator[tuple[str, str, str, str]]:
    assert checked.first is not None
    for run in runs:
        commit = checked.first.get(run["run"])
        held = (commit.hash[:12], commit.when[:16].replace("T", " ")) if commit else ("none yet", "")
        yield one_line(run["run"]), str(run["when"])[:16].replace("T", " "), *held
