"""A history -> the terminal, and a page with the timeline, claims x runs, that stands by itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any

from recint.judging.entry import Entry
from recint.pages.report import should, with_interval
from recint.record.history import Changes, History, Version
from recint.record.identity import brief
from recint.record.log import Line
from recint.system.escaping import line as one_line
from recint.verdict import SYMBOLS, words

MARK = "*"
STOPPED = "stopped before its verdicts"
LEGEND = ", ".join(f"{symbol} {words(verdict)}" for verdict, symbol in SYMBOLS.items())
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

    >>> summary(history)                                                    # doctest: +SKIP
    '3 runs on 2 checkpoints, 40 claims registered; 38 of 120 verdicts are confirmatory.'
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
    width = get_terminal_size().columns
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
        ["checkpoint", *(_cut(run["checkpoint"]["name"], max(10, width - _BESIDE)) for run in history.runs)],
        ["verdicts", *(_outcome(history.of_run(run)) for run in history.runs)],
        ["commit", *(_commit(run) for run in history.runs)],
        ["tensors", *(brief(run["checkpoint"], digits=8) for run in history.runs)],
        ["seed", *(str(run["seed"]) for run in history.runs)],
        ["draws", *(str(run["draws"]) for run in history.runs)],
    ]
    lines, left_out = _table(columns, width)
    return lines + (wrap(f"No room for: {', '.join(left_out)}; --json has all.", width) if left_out else [])


def _cut(name: str, width: int) -> str:
    shown = one_line(name)
    return shown if len(shown) <= width else f"{shown[: width - 1]}…"


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


def _table(columns: Sequence[Sequence[str]], width: int) -> tuple[list[str], list[str]]:
    """Columns, each with its head first, side by side in lines: as many as fit; and the heads of those that do not."""
    fitting: list[list[str]] = []
    for column in columns:
        widest = max(map(len, column))
        taken = sum(len(fit[0]) + 2 for fit in fitting)
        if fitting and taken + widest > width:
            break
        fitting.append([cell.ljust(widest) for cell in column])
    lines = ["  ".join(cells).rstrip() for cells in zip(*fitting, strict=True)]
    return lines, [column[0] for column in columns[len(fitting) :]]


def _timeline(history: History, width: int) -> list[str]:
    """Claims x runs, these under their numbers in the list: the latest that fit."""
    label = max((len(one_line(claim.id)) for claim in history.claims), default=0)
    step = max(len(str(len(history.runs))), 2) + 1
    fit = max(1, (width - label) // step)
    shown = list(enumerate(history.runs, start=1))[-fit:]
    lines = [" " * label + "".join(f" {number:<{step - 1}}" for number, _ in shown).rstrip()]
    for claim in history.claims:
        cells = (_symbol(history.cells.get((claim.id, run["run"]))) for _, run in shown)
        lines.append((one_line(claim.id).ljust(label) + "".join(f" {cell:<{step - 1}}" for cell in cells)).rstrip())
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
        ["  when", *(f"  {_when(run)}" for run, _ in found)],
        ["checkpoint", *(one_line(run["checkpoint"]["name"]) for run, _ in found)],
        ["verdict", *(f"{SYMBOLS[line.verdict]} {words(line.verdict)}" for _, line in found)],
        ["statistic", *(figure(line) for _, line in found)],
        ["should be", *(should(line) for _, line in found)],
        ["standing", *(str(line.standing) for _, line in found)],
        ["run", *(run["run"] for run, _ in found)],
    ]
    yield from _table(columns, width)[0]


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
    lines = wrap(f"From {_named(changed.before)} to {_named(changed.now)}", width)
    for heading, sentences in _changes(changed):
        lines += ["", heading]
        for sentence in sentences:
            lines += wrap(sentence, width, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


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
    style = files("recint.pages").joinpath("report.css").read_text()
    if history.runs:
        body = f"{_html_changes(changed)}{_html_timeline(history)}{_html_runs(history)}"
        title, answer = finding(history), summary(history)
    else:
        body, title, answer = "", "No runs yet", f"{empty(folder)}."
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>recint: research log</title>
<style>{style}</style></head>
<body class="log"><div class="recint"><h1>{escape(title)}</h1>
<p class="answer">{escape(answer)}</p>
<p class="facts">Research log in <code>{escape(folder)}</code></p>
{body}{_html_damaged(history)}</div></body></html>
"""


def _html_timeline(history: History) -> str:
    groups = history.checkpoints
    heads = "".join(_html_head(runs) for runs in groups)
    dates = "".join(_html_date(run, first=run is runs[0]) for runs in groups for run in runs)
    bodies = "".join(
        f"<tbody>{''.join(_html_claim(history, claim, groups) for claim in claims)}</tbody>"
        for _, claims in groupby(history.claims, key=lambda claim: claim.id.partition(".")[0])
    )
    dense = " dense" if len(history.runs) >= _DENSE else ""
    complete = all(map(history.of_run, history.runs))
    stopped = "" if complete else f'<span class="badge stopped">hatched</span> {STOPPED}. '
    key = " ".join(
        f'<span class="badge {verdict}">{symbol} {words(verdict)}</span>' for verdict, symbol in SYMBOLS.items()
    )
    return f"""<p class="small key">{key} <span class="badge confirmatory">boxed</span> confirmatory: {CONFIRMATORY};
all others are exploratory. {stopped}Point at a cell for its statistic.</p>
<div class="wide-table"><table class="matrix timeline{dense}"><thead><tr><td></td>{heads}<td></td></tr>
<tr><td></td>{dates}<td></td></tr></thead>{bodies}</table></div>"""


def _html_head(runs: Sequence[Line]) -> str:
    """The name of a checkpoint over its runs, turned if these are too few for it."""
    of = runs[0]["checkpoint"]
    turned = "turned " if len(of["name"]) > 3 * len(runs) else ""
    about = escape(f"{of['name']}, tensors {brief(of, digits=12)}")
    return (
        f'<th class="{turned}first" colspan="{len(runs)}" scope="colgroup" title="{about}">'
        f"<div>{escape(of['name'])}</div></th>"
    )


def _html_date(run: Line, *, first: bool) -> str:
    return (
        f'<th class="turned date{" first" if first else ""}" scope="col" title="{escape(_named(run))}">'
        f'<div><a href="#run-{escape(run["run"])}">{escape(_when(run)[:10])}</a></div></th>'
    )


def _html_claim(history: History, claim: Version, groups: Sequence[Sequence[Line]]) -> str:
    row = f'<th scope="row" title="{escape(f"{claim.statement} ({_registered(claim)})")}">{escape(claim.id)}</th>'
    for runs in groups:
        for run in runs:
            row += _html_cell(history, claim, run, first=run is runs[0])
    row = f'<tr>{row}<td class="statement">{escape(claim.statement)}</td></tr>'
    if claim.amended is None:
        return row
    # The two statements stand beside the cells.
    moved = {path: change for path, change in claim.moved.items() if path != "statement"}
    told = "; ".join([f"↳ {_when(claim.amended)[:10]}: {_amended(claim)}", *_moves(moved)])
    return (
        f'<tr class="amendment"><td></td><td class="first" colspan="{len(history.runs) + 1}"><div>{escape(told)}</div></td></tr>'
        f"{row}"
    )


def _html_cell(history: History, claim: Version, run: Line, *, first: bool) -> str:
    verdict = history.cells.get((claim.id, run["run"]))
    classes = ["first"] if first else []
    if verdict is None:
        classes.append("unjudged" if history.of_run(run) else "stopped")
        return f'<td class="{" ".join(classes)}"></td>'
    classes += [verdict.verdict, *(["confirmatory"] if verdict.standing == "confirmatory" else [])]
    about = (
        f"{verdict.id}: {words(verdict.verdict)}, {figure(verdict)}, should be {should(verdict)} · "
        f"{verdict.standing} · {_named(run)}"
    )
    return f'<td class="{" ".join(classes)}" title="{escape(about)}">{SYMBOLS[verdict.verdict]}</td>'


def _html_changes(changed: Changes | None) -> str:
    if changed is None:
        return ""
    body = "".join(
        f"<p><b>{escape(heading)}</b></p><ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>"
        for heading, sentences in _changes(changed)
    )
    title = f"From {_named(changed.before)} to {_named(changed.now)}"
    return f'<div class="drift"><h2>{escape(title)}</h2>{body}</div>'


def _html_runs(history: History) -> str:
    heads = ("run", "when", "checkpoint", "verdicts", "confirmatory", "commit", "made with")
    rows = "".join(_html_run(run, history.of_run(run)) for run in history.runs)
    return f"""<h2>The runs</h2><div class="wide-table"><table class="board runs">
<thead><tr>{"".join(f"<th>{head}</th>" for head in heads)}</tr></thead><tbody>{rows}</tbody></table></div>"""


def _html_run(run: Line, verdicts: Sequence[Entry]) -> str:
    of, environment = run["checkpoint"], run["environment"]
    confirmed = sum(line.standing == "confirmatory" for line in verdicts)
    badges = " ".join(
        f'<span class="badge {verdict}" title="{words(verdict)}">{count} {SYMBOLS[verdict]}</span>'
        for verdict, count in _tally(verdicts)
    )
    how = [f"seed {run['seed']}", f"{run['draws']} draws", f"profile {run['profile']}"]
    how += [f"{key} {environment[key]}" for key in ("device", "recint", "torch") if key in environment]
    cells = (
        f"<code>{escape(run['run'])}</code>",
        escape(_when(run)),
        f'{escape(of["name"])}<div class="small"><code>{escape(brief(of, digits=12))}</code></div>',
        badges or escape(STOPPED),
        f"{confirmed} of {len(verdicts)}" if verdicts else "",
        f"<code>{escape(_commit(run).removesuffix('+'))}</code>"
        + ('<div class="small">uncommitted changes</div>' if run["dirty"] else ""),
        escape(" · ".join(how)),
    )
    return f'<tr id="run-{escape(run["run"])}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _html_damaged(history: History) -> str:
    if not history.damaged:
        return ""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in history.damaged)
    return f"<h2>What is damaged</h2><ul class='damaged'>{items}</ul>"
