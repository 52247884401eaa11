"""The research log, for the terminal and as an HTML page with a timeline of claims and runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import Any

from recint.judging.entry import Entry
from recint.pages import console
from recint.pages.statistic import should, with_interval
from recint.pages.templating import render
from recint.record.history import Changes, History, Version
from recint.record.identity import brief
from recint.record.lines import Line
from recint.system.escaping import line as one_line
from recint.verdict import SYMBOLS, tally, words
from recint.words import LEGEND, counted

MARK = "*"
STOPPED = "stopped before its verdicts"
CONFIRMATORY = (
    "the claim was registered in a clean commit before this checkpoint's first logged run, this run uses the code of that commit, "
    "and this is the first verdict on the claim and the checkpoint"
)
# With at least so many runs the page has narrow columns.
_DENSE = 25
# Width in characters that the list of runs needs for the other columns up to the verdicts, without the names of checkpoints.
_BESIDE = 61


def summary(history: History) -> str:
    """One sentence that counts runs, checkpoints, claims and confirmatory verdicts.

    >>> summary(History())
    '0 runs on 0 checkpoints, 0 claims registered; 0 of 0 verdicts are confirmatory.'
    """
    registered = sum(claim.registered is not None for claim in history.claims)
    confirmed = sum(settled.entry.standing == "confirmatory" for settled in history.verdicts)
    stopped = sum(not history.of_run(run) for run in history.runs)
    aside = f" ({stopped} stopped before {'its' if stopped == 1 else 'their'} verdicts)" if stopped else ""
    return (
        f"{counted(len(history.runs), 'run')}{aside} on {counted(len(history.checkpoints), 'checkpoint')}, "
        f"{counted(registered, 'claim')} registered; "
        f"{confirmed} of {counted(len(history.verdicts), 'verdict')} {'is' if confirmed == 1 else 'are'} confirmatory."
    )


def finding(history: History) -> str:
    """One sentence about the timeline: how many claims got the same verdict in every run."""
    verdicts = [[line.verdict for _, line in history.of_claim(claim)] for claim in history.claims]
    judged, again = [each for each in verdicts if each], [each for each in verdicts if len(each) > 1]
    if not judged:
        return "No claim was judged yet"
    if again:
        same = sum(len(set(each)) == 1 for each in again)
        return f"{same} of {counted(len(again), 'claim')} got the same verdict in every run"
    supported = sum(each == ["supported"] for each in judged)
    return f"{supported} of {counted(len(judged), 'claim')} {'is' if supported == 1 else 'are'} supported; none was judged twice"


def empty(folder: str) -> str:
    """A sentence about a log without runs."""
    if not Path(folder).is_dir():
        return f"{folder} does not exist yet: `recint verify` makes it"
    return f"{folder} has no runs yet: `recint verify` writes one"


def terminal(history: History, changed: Changes | None = None, *, folder: str, by_claim: bool = False) -> str:
    """The log as text: the comparison of two runs if `changed` is given, all verdicts by claim, or a line for each run.

    Args:
        folder: the folder of the log.
        by_claim: list the verdicts of every claim.
    """
    width = console.width()
    if changed:
        return comparison(changed, width)
    if by_claim:
        return claims(history, width)
    return overview(history, width) if history.runs else empty(folder)


def overview(history: History, width: int) -> str:
    """A line for every run, and the timeline.

    Args:
        width: of the terminal, in characters.
    """
    legend = (
        f"{LEGEND}. {MARK} confirmatory: {CONFIRMATORY}. All other verdicts are exploratory. + uncommitted changes."
    )
    blocks = [wrap(summary(history), width), _runs(history, width), _timeline(history, width), wrap(legend, width)]
    return "\n\n".join("\n".join(block) for block in blocks)


def _runs(history: History, width: int) -> list[str]:
    columns = [
        ["#", *(str(number) for number, _ in enumerate(history.runs, start=1))],
        ["run", *(run["run"] for run in history.runs)],
        ["when", *(_when(run) for run in history.runs)],
        ["checkpoint", *(_name(run, most=max(10, width - _BESIDE)) for run in history.runs)],
        ["verdicts", *(_outcome(history.of_run(run)) for run in history.runs)],
        ["commit", *(_commit(run) for run in history.runs)],
        ["tensors", *(brief(run["checkpoint"], digits=8) for run in history.runs)],
        ["seed", *(str(run["seed"]) for run in history.runs)],
        ["draws", *(str(run["draws"]) for run in history.runs)],
    ]
    fit = console.fitting(columns, width)
    left_out = ", ".join(column[0] for column in columns[fit:])
    return console.table(columns[:fit]) + (wrap(f"No room for: {left_out}; --json has all.", width) if left_out else [])


def _name(run: Line, *, most: int) -> str:
    return console.cut(one_line(run["checkpoint"]["name"]), most)


def _outcome(verdicts: Sequence[Entry]) -> str:
    """Counts the verdicts of a run, and how many of them are confirmatory."""
    if not verdicts:
        return STOPPED
    confirmed = sum(line.standing == "confirmatory" for line in verdicts)
    counts = " ".join(f"{count}{SYMBOLS[verdict]}" for verdict, count in tally(line.verdict for line in verdicts))
    return f"{counts}, {confirmed}{MARK} of {len(verdicts)}"


def _timeline(history: History, width: int) -> list[str]:
    """A table of claims and runs. The runs have their numbers from the list; only the latest runs that fit are shown."""
    label = max((len(one_line(claim.id)) for claim in history.claims), default=0)
    step = max(len(str(len(history.runs))), 2) + 1
    shown = list(enumerate(history.runs, start=1))[-max(1, (width - label) // step) :]
    columns = [["", *(one_line(claim.id) for claim in history.claims)]]
    for number, run in shown:
        cells = (_symbol(history.cells.get((claim.id, run["run"]))) for claim in history.claims)
        columns.append([str(number), *cells])
    lines = console.table(columns, gap=1, least=step - 1)
    if left_out := len(history.runs) - len(shown):
        lines += wrap(f"No room for {counted(left_out, 'earlier run')}; --html shows all.", width)
    return lines


def _symbol(verdict: Entry | None) -> str:
    if verdict is None:
        return ""
    return SYMBOLS[verdict.verdict] + (MARK if verdict.standing == "confirmatory" else "")


def claims(history: History, width: int) -> str:
    """Every version of every claim, with all its verdicts."""
    return "\n\n".join("\n".join(_claim(history, claim, width)) for claim in history.claims)


def _claim(history: History, claim: Version, width: int) -> Iterator[str]:
    yield one_line(claim.id)
    about = [claim.statement, _registered(claim), *([_amended(claim)] if claim.amended else [])]
    about += _moves(claim.moved)
    for sentence in about:
        yield from wrap(sentence, width, initial_indent="  ", subsequent_indent="    ")
    verdicts = history.of_claim(claim)
    if not verdicts:
        yield "  not judged yet"
        return
    columns = [
        ["when", *(_when(run) for run, _ in verdicts)],
        ["checkpoint", *(one_line(run["checkpoint"]["name"]) for run, _ in verdicts)],
        ["verdict", *(f"{SYMBOLS[line.verdict]} {words(line.verdict)}" for _, line in verdicts)],
        ["statistic", *(number(line) for _, line in verdicts)],
        ["should be", *(should(line) for _, line in verdicts)],
        ["standing", *(str(line.standing) for _, line in verdicts)],
        ["run", *(run["run"] for run, _ in verdicts)],
    ]
    fit = console.fitting(columns, width - 2)
    yield from (f"  {line}" for line in console.table(columns[:fit]))


def _registered(claim: Version) -> str:
    return f"registered {_when(claim.registered)}" if claim.registered else "its registration is missing"


def _amended(claim: Version) -> str:
    assert claim.amended is not None
    corrected = "".join(f"; corrected on {_when(line)[:10]}: {line['why']}" for line in claim.corrected)
    return f"version {claim.amended['to']} beside version {claim.amended['from']}, because {claim.amended['why']}{corrected}"


def _moves(moved: Mapping[str, tuple[Any, Any]]) -> list[str]:
    return [f"{path.replace('_', ' ')}: {_told(old)} → {_told(new)}" for path, (old, new) in moved.items()]


def _told(value: Any) -> str:
    """A value of JSON as text: only the first digits of a hash, and words without quotes."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:12] if len(text) in (40, 64) and not text.strip("0123456789abcdef") else text


def number(verdict: Entry) -> str:
    """The statistic with its interval."""
    return with_interval(verdict.value, verdict.estimate.ci if verdict.estimate else None)


def comparison(changed: Changes, width: int) -> str:
    """The differences between two runs: verdicts, values, and how the runs were made."""
    lines = wrap(_between(changed), width)
    for heading, sentences in _changes(changed):
        lines += ["", heading]
        for sentence in sentences:
            lines += wrap(sentence, width, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


def _between(changed: Changes) -> str:
    return f"From {_named(changed.before)} to {_named(changed.now)}"


def _changes(changed: Changes) -> Iterator[tuple[str, Sequence[str]]]:
    """Headings, each with its sentences."""
    yield f"{len(changed.drift)} of {counted(changed.compared, 'claim')} drifted", changed.drift
    if changed.incomparable:
        yield "Not comparable", changed.incomparable
    if changed.how:
        yield "Made in another way", _moves(changed.how)


def _named(run: Line) -> str:
    return f"run {run['run']} ({run['checkpoint']['name']}, {_when(run)})"


def _when(line: Line) -> str:
    return str(line["when"])[:16].replace("T", " ")


def _commit(run: Line) -> str:
    if run["commit"] is None:
        return "none"
    return f"{run['commit'][:7]}{'+' if run['dirty'] else ''}"


def html(history: History, changed: Changes | None = None, *, folder: str) -> str:
    """The log as an HTML page in one file: the comparison of two runs if there is one, the timeline, the runs, damaged lines."""
    return render(
        "log.html",
        history=history,
        title=finding(history) if history.runs else "No runs yet",
        answer=summary(history) if history.runs else f"{empty(folder)}.",
        folder=folder,
        changes=changed and {"title": _between(changed), "parts": _changes(changed)},
        roles=[list(claims) for _, claims in groupby(history.claims, key=lambda claim: claim.id.partition(".")[0])],
        dense=len(history.runs) >= _DENSE,
        confirmatory=CONFIRMATORY,
        stopped=not all(map(history.of_run, history.runs)),
        stopped_means=STOPPED,
        about=_about,
        amendment=_amendment,
        brief=brief,
        moves=_moved,
        named=_named,
        registered=_registered,
        counts=tally,
        when=_when,
    )


def _about(run: Line, verdict: Entry) -> str:
    """The text that appears when the reader points at a cell of the timeline."""
    return (
        f"{verdict.id}: {words(verdict.verdict)}, {number(verdict)}, should be {should(verdict)} · "
        f"{verdict.standing} · {_named(run)}"
    )


def _amendment(claim: Version) -> str:
    assert claim.amended is not None
    return f"↳ {_when(claim.amended)[:10]}: {_amended(claim)}"


def _moved(claim: Version) -> str:
    """What a version of a claim changes, without its statement, which its row shows."""
    return "; ".join(_moves({path: change for path, change in claim.moved.items() if path != "statement"}))
