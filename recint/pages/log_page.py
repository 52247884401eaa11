"""A history -> the terminal, and a page with the timeline, claims x runs, that stands by itself."""

from __future__ import annotations

import json
from collections import Counter
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
from recint.verdict import SYMBOLS, words
from recint.words import LEGEND

MARK = "*"
STOPPED = "stopped before its verdicts"
CONFIRMATORY = (
    "the first verdict on a claim that stood registered, in a commit without changes beside it, before the first run on "
    "this checkpoint, by that code"
)
# From so many runs on, the columns of the page are narrow.
_DENSE = 25
# What the list of runs needs beside the names of the checkpoints, to show the verdicts too.
_BESIDE = 61


def summary(history: History) -> str:
    """What there is, in one sentence.

    >>> summary(History())
    '0 runs on 0 checkpoints, 0 claims registered; 0 of 0 verdicts are confirmatory.'
    """
    registered = sum(claim.registered is not None for claim in history.claims)
    confirmed = sum(settled.entry.standing == "confirmatory" for settled in history.verdicts)
    stopped = sum(not history.of_run(run) for run in history.runs)
    aside = f" ({stopped} stopped before {'its' if stopped == 1 else 'their'} verdicts)" if stopped else ""
    return (
        f"{_count(len(history.runs), 'run')}{aside} on {_count(len(history.checkpoints), 'checkpoint')}, "
        f"{_count(registered, 'claim')} registered; "
        f"{confirmed} of {_count(len(history.verdicts), 'verdict')} {'is' if confirmed == 1 else 'are'} confirmatory."
    )


def finding(history: History) -> str:
    """What the timeline shows, in one sentence."""
    verdicts = [[line.verdict for _, line in history.of_claim(claim)] for claim in history.claims]
    judged, again = [found for found in verdicts if found], [found for found in verdicts if len(found) > 1]
    if not judged:
        return "No claim was judged yet"
    if again:
        same = sum(len(set(found)) == 1 for found in again)
        return f"{same} of {_count(len(again), 'claim')} got the same verdict in every run"
    supported = sum(found == ["supported"] for found in judged)
    return f"{supported} of {_count(len(judged), 'claim')} {'is' if supported == 1 else 'are'} supported; none was judged twice"


def empty(folder: str) -> str:
    """What to say of a log without runs."""
    if not Path(folder).is_dir():
        return f"{folder} is not there yet: `recint verify` makes it"
    return f"{folder} holds no runs yet: `recint verify` writes one"


def terminal(history: History, changed: Changes | None = None, *, folder: str, by_claim: bool = False) -> str:
    """What changed, if two runs are compared; else the verdicts by claim, or every run in a line and the timeline."""
    width = console.width()
    if changed:
        return comparison(changed, width)
    if by_claim:
        return claims(history, width)
    return overview(history, width) if history.runs else empty(folder)


def overview(history: History, width: int) -> str:
    """Every run in a line, and the timeline, in so many columns."""
    legend = f"{LEGEND}. {MARK} confirmatory: {CONFIRMATORY}; all others are exploratory. + uncommitted changes."
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
    """How often each verdict was reached, and how many of them confirm; the others explore."""
    if not verdicts:
        return STOPPED
    confirmed = sum(line.standing == "confirmatory" for line in verdicts)
    counts = " ".join(f"{count}{SYMBOLS[verdict]}" for verdict, count in _tally(verdicts))
    return f"{counts}, {confirmed}{MARK} of {len(verdicts)}"


def _tally(verdicts: Sequence[Entry]) -> list[tuple[str, int]]:
    counts = Counter[str](line.verdict for line in verdicts)
    return [(verdict, counts[verdict]) for verdict in SYMBOLS if counts[verdict]]


def _timeline(history: History, width: int) -> list[str]:
    """Claims x runs, these under their numbers in the list: the latest that fit."""
    label = max((len(one_line(claim.id)) for claim in history.claims), default=0)
    step = max(len(str(len(history.runs))), 2) + 1
    shown = list(enumerate(history.runs, start=1))[-max(1, (width - label) // step) :]
    columns = [["", *(one_line(claim.id) for claim in history.claims)]]
    for number, run in shown:
        cells = (_symbol(history.cells.get((claim.id, run["run"]))) for claim in history.claims)
        columns.append([str(number), *cells])
    lines = console.table(columns, gap=1, least=step - 1)
    if left_out := len(history.runs) - len(shown):
        lines += wrap(f"No room for {_count(left_out, 'earlier run')}; --html shows all.", width)
    return lines


def _symbol(verdict: Entry | None) -> str:
    if verdict is None:
        return ""
    return SYMBOLS[verdict.verdict] + (MARK if verdict.standing == "confirmatory" else "")


def claims(history: History, width: int) -> str:
    """Every version of every claim, with all the verdicts on it."""
    return "\n\n".join("\n".join(_claim(history, claim, width)) for claim in history.claims)


def _claim(history: History, claim: Version, width: int) -> Iterator[str]:
    yield one_line(claim.id)
    about = [claim.statement, _registered(claim), *([_amended(claim)] if claim.amended else [])]
    about += _moves(claim.moved)
    for sentence in about:
        yield from wrap(sentence, width, initial_indent="  ", subsequent_indent="    ")
    found = history.of_claim(claim)
    if not found:
        yield "  not judged yet"
        return
    columns = [
        ["when", *(_when(run) for run, _ in found)],
        ["checkpoint", *(one_line(run["checkpoint"]["name"]) for run, _ in found)],
        ["verdict", *(f"{SYMBOLS[line.verdict]} {words(line.verdict)}" for _, line in found)],
        ["statistic", *(figure(line) for _, line in found)],
        ["should be", *(should(line) for _, line in found)],
        ["standing", *(str(line.standing) for _, line in found)],
        ["run", *(run["run"] for run, _ in found)],
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
    """A plain value for people: hashes by their first digits, words without quotes."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:12] if len(text) in (40, 64) and not text.strip("0123456789abcdef") else text


def figure(verdict: Entry) -> str:
    return with_interval(verdict.value, verdict.estimate.ci if verdict.estimate else None)


def comparison(changed: Changes, width: int) -> str:
    """What came out otherwise in the second run, and what the two were made with."""
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
    yield f"{len(changed.drift)} of {_count(changed.compared, 'claim')} drifted", changed.drift
    if changed.incomparable:
        yield "Not comparable", changed.incomparable
    if changed.how:
        yield "Made otherwise", _moves(changed.how)


def _named(run: Line) -> str:
    return f"run {run['run']} ({run['checkpoint']['name']}, {_when(run)})"


def _when(line: Line) -> str:
    return str(line["when"])[:16].replace("T", " ")


def _commit(run: Line) -> str:
    if run["commit"] is None:
        return "none"
    return f"{run['commit'][:7]}{'+' if run['dirty'] else ''}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def html(history: History, changed: Changes | None = None, *, folder: str) -> str:
    """The timeline, what changed if two runs are compared, the runs, and what is damaged, as a page that needs nothing else."""
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
        tallied=_tally,
        when=_when,
    )


def _about(run: Line, verdict: Entry) -> str:
    """What a cell of the timeline stands for."""
    return (
        f"{verdict.id}: {words(verdict.verdict)}, {figure(verdict)}, should be {should(verdict)} · "
        f"{verdict.standing} · {_named(run)}"
    )


def _amendment(claim: Version) -> str:
    assert claim.amended is not None
    return f"↳ {_when(claim.amended)[:10]}: {_amended(claim)}"


def _moved(claim: Version) -> str:
    """What the version of a claim changes, but for its statement, which is in its row."""
    return "; ".join(_moves({path: change for path, change in claim.moved.items() if path != "statement"}))
