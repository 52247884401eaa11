"""Rows of a sweep -> HTML: when in training the claims begin to hold, and in how many trained networks they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape
from importlib.resources import files
from math import nan
from typing import Any, TypeVar

from recint.judging.entry import Estimate, Measurement
from recint.pages import sweep_figures
from recint.pages.report import bar, should, with_interval
from recint.sweep.emergence import (
    Appearance,
    Appearances,
    Checkpoint,
    Network,
    Row,
    Sweep,
    agreement,
    held,
    order,
    roles,
    spread,
    sweep,
)
from recint.system import escaping
from recint.system.escaping import markdown as inline
from recint.verdict import SYMBOLS, words

T = TypeVar("T")

# Columns of a heat-map that fit a screen, and those of all heat-maps together that a page bears.
_COLUMNS = 56
_ALL_COLUMNS = 560
# Points of a curve that a figure some 400 pixels wide can tell apart.
_POINTS = 200
# Up to so many trainings, their heat-maps are unfolded at first, and what is known of each is listed.
_UNFOLDED = 4
_LISTED = 6


def html(rows: Sequence[Mapping[str, Any]], *, command: str) -> str:
    """The whole sweep as a page that needs nothing else.

    Args:
        rows: one for each checkpoint and claim, and one without a claim for each checkpoint that could not be judged.
        command: what makes it again.
    """
    found = sweep(rows)
    appearing = order(found)
    style = files("recint.pages").joinpath("report.css").read_text()
    parts = [
        _timeline(found, appearing),
        _heat_maps(found, appearing),
        _curves(found),
        _across(found),
        _networks(found),
    ]
    about = (
        f"{_count(sum(len(network.checkpoints) for network in found.networks), 'checkpoint')} · "
        f"{_count(len(found.claims), 'claim')} · <code>{escape(command)}</code>"
    )
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>recint: sweep</title>
<style>{style}</style></head>
<body class="log"><div class="recint"><h1>{escape(headline(found))}</h1>
<p class="answer">{escape(when(found))}</p>
<p class="facts">{about}</p>
{"".join(parts) if found.networks else ""}{_left_out(found)}</div></body></html>
"""


def markdown(rows: Sequence[Mapping[str, Any]], *, command: str) -> str:
    """The answer, the order of the roles and a line for each claim, for a page of a repository; arguments as for `html`."""
    found = sweep(rows)
    lines = [f"# {headline(found)}", "", when(found), "", "Made by", "", escaping.block(command), ""]
    lines += [f"- left out: {inline(path)}: {inline(sentence)}" for path, sentence in found.left_out]
    lines += [""] * bool(found.left_out)
    if not found.networks:
        return "\n".join(lines)
    if appearing := roles(found):
        told = ", ".join(f"{inline(role)} {step:,}" for role, step in appearing)
        lines += [f"Half of the claims about a role hold, in half of the trainings, by step: {told}.", ""]
    if told := _agreement(order(found)):
        lines += [told, ""]
    heads = ["claim", "holds in", "95 % interval", *(inline(network.name) for network in found.networks)]
    lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for claim, of in found.claims.items():
        share = held(found.at_the_end(claim))
        begins = dict(zip((training.name for training in found.trainings), found.appearances(claim).each, strict=True))
        cells = [
            f"{escaping.code(claim)}<br>{inline(of['statement'])}",
            f"{share.held} of {share.of}",
            f"{share.low:.0%} to {share.high:.0%}",
        ]
        cells += [_ending(network, claim, begins.get(network.name)) for network in found.networks]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"{_KEY}\n"])


_KEY = (
    f"At the last snapshot: {', '.join(f'{symbol} {words(verdict)}' for verdict, symbol in SYMBOLS.items())}. "
    "(100, 200]: begins to hold for good after step 100, at step 200 at the latest. "
    "The interval is exact, of the share among all networks that could be trained alike."
)


def _ending(network: Network, claim: str, begins: Appearance | None) -> str:
    """The last verdict on a claim in one network, and where it begins to hold."""
    row = network.final.found.get(claim)
    symbol = SYMBOLS[row["verdict"]] if row else ""
    return f"{symbol} {_bracket(begins)}" if begins else symbol


def headline(found: Sweep) -> str:
    """How many claims hold at the end, in one sentence.

    >>> headline(sweep(rows))                                               # doctest: +SKIP
    '23 of 46 claims hold in all 4 trained networks'
    """
    if not found.networks:
        return "No checkpoint could be judged"
    everywhere = len(_everywhere(found))
    networks = len(found.networks)
    where = {1: "the one trained network", 2: "both trained networks"}.get(
        networks, f"all {networks:,} trained networks"
    )
    return f"{everywhere} of {_count(len(found.claims), 'claim')} {_verb(everywhere, 'hold')} in {where}"


def _everywhere(found: Sweep) -> list[str]:
    return [claim for claim in found.claims if held(found.at_the_end(claim)).held == len(found.networks)]


def when(found: Sweep) -> str:
    """When these claims begin to hold, in one sentence, and what the others do."""
    if not found.networks:
        return "Below is why."
    claims = [found.appearances(claim) for claim in _everywhere(found)]
    somewhere = sum(held(found.at_the_end(claim)).held > 0 for claim in found.claims) - len(claims)
    rest = []
    if len(found.networks) > 1:
        rest = [f"{somewhere or 'none'} more {_verb(somewhere, 'hold')} in some"]
    if not found.trainings:
        return _sentence([*rest, "none came with snapshots, so when a claim begins to hold is not known"])
    during = [claim for claim in claims if any(at.after is not None for at in claim.found)]
    parts = []
    if during:
        after = min(at.step if at.after is None else at.after for claim in during for at in claim.found)
        last = max(claim.range[1] for claim in during)
        which = "all of these" if len(during) == len(claims) > 1 else len(during)
        parts.append(f"{which} {_verb(len(during), 'appear')} between step {after:,} and {last:,}")
    if begun := len(claims) - len(during):
        parts.append(f"{begun} {_verb(begun, 'hold')} from the first snapshot on")
    return _sentence([*parts, *rest] or ["none of them holds at the end"])


def _sentence(parts: Sequence[str]) -> str:
    return f"{'; '.join(parts).capitalize()}."


def _verb(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def thinned(items: Sequence[T], most: int) -> list[T]:
    """So many of them at most, evenly, with the first and the last.

    Evenly in their order: snapshots that were taken evenly in the step stay so, and of those that were taken ever more rarely the
    early ones are not lost.
    """
    if len(items) <= most:
        return list(items)
    return [items[round(index * (len(items) - 1) / (most - 1))] for index in range(most)]


def _timeline(found: Sweep, appearing: Sequence[Appearances]) -> str:
    if not found.trainings:
        return (
            "<p>No training came with two snapshots or more, so there is no order of appearance and no curve here: "
            "every checkpoint is taken for a trained network of its own.</p>"
        )
    begun = [claim for claim in appearing if any(at.after is not None for at in claim.found)]
    if not begun:
        return "<p>No claim begins to hold in any training.</p>"
    first, last = (f"{claim.claim} (step {_half_by(claim)})" for claim in (begun[0], begun[-1]))
    title = f"First to appear is {first}" + (f", last {last}" if len(begun) > 1 else "")
    figure = sweep_figures.timeline(
        title, claims=appearing, trainings=[training.name for training in found.trainings], axis=_axis(found)
    )
    by = f" by the median over {len(found.trainings)} trainings" if len(found.trainings) > 1 else ""
    return f"""<h2>Order of appearance</h2>
<p><b>{escape(title)}.</b> {escape(f"{_roles(found)} {_agreement(appearing)}".strip())}</p>
<p class="small">A claim begins to hold at the first step from which on it is supported for good. The snapshots bracket that step
(which is no confidence interval). Claims are in that order{by}; what untrained models satisfy too, and is vacuous, does not
count as holding.</p><div class="figure wide-table">{figure}</div>"""


def _roles(found: Sweep) -> str:
    steps = [f"about {role} by step {step:,}" for role, step in roles(found)]
    return f"Half of the claims hold: {', '.join(steps)}." if steps else ""


def _agreement(appearing: Sequence[Appearances]) -> str:
    alike = agreement(appearing)
    if alike is None:
        return ""
    pairs = f"mean over pairs of {alike.trainings:,} trainings" if alike.trainings > 2 else "between two trainings"
    return (
        f"How far trainings agree on the order: rank correlation {alike.correlation:.2f} over {alike.claims} claims, "
        f"{pairs} (1: one order, 0: chance)."
    )


def _half_by(claim: Appearances) -> str:
    """The median step, or the first one where fewer than half of the trainings have it."""
    return f"{claim.range[0] if claim.half_by is None else claim.half_by:,}"


def _axis(found: Sweep) -> sweep_figures.Steps:
    return sweep_figures.steps([at.step or 0 for training in found.trainings for at in training.checkpoints])


def _heat_maps(found: Sweep, appearing: Sequence[Appearances]) -> str:
    """Claims x steps for every training, and claims x networks for those without snapshots."""
    claims = {claim.claim: found.claims[claim.claim] for claim in appearing} | dict(found.claims)
    trainings = found.trainings
    most = max(2, min(_COLUMNS, _ALL_COLUMNS // max(1, len(trainings))))
    maps = []
    for training in trainings:
        columns = [(f"{at.step:,}", at) for at in training.checkpoints]
        unfolded = len(trainings) <= _UNFOLDED
        maps.append(_heat_map(training.name, "snapshot", columns, claims, most=most, unfolded=unfolded))
    single = [(network.name, network.final) for network in found.networks if len(network.checkpoints) == 1]
    if single:
        title = "Networks without a series of snapshots" if trainings else "All networks"
        maps.append(_heat_map(title, "network", single, claims, most=_ALL_COLUMNS, unfolded=not trainings))
    key = " ".join(
        f'<span class="badge {verdict}">{symbol} {words(verdict)}</span>' for verdict, symbol in SYMBOLS.items()
    )
    cells = (row for network in found.networks for at in network.checkpoints for row in at.found.values())
    if any(row["standing"] == "confirmatory" for row in cells):
        key += ' <span class="badge confirmatory">framed</span> confirmatory: the claim was registered before the look.'
    order_of = "in the order in which they appear" if appearing else "in the order of the suite"
    return f"""<h2>Every verdict</h2><p class="small key">{key} Claims are {order_of}. Point at a cell for its statistic.</p>
<div class="maps">{"".join(maps)}</div>"""


def _heat_map(
    title: str,
    noun: str,
    columns: Sequence[tuple[str, Checkpoint]],
    claims: Mapping[str, Row],
    *,
    most: int,
    unfolded: bool,
) -> str:
    """A table: of so many columns as words and symbols it stays legible, where a picture of all of them would be colour alone."""
    shown = thinned(columns, most)
    told = _count(len(columns), noun)
    if len(shown) < len(columns):
        told = f"{len(shown)} of {told} shown, evenly"
    heads = "".join(
        f'<th class="turned date" scope="col" title="{escape(at.path)}"><div>{escape(label)}</div></th>'
        for label, at in shown
    )
    body = "".join(
        f'<tr><th scope="row" title="{escape(of["statement"])}"><a href="#claim-{escape(claim)}">{escape(claim)}</a></th>'
        f"{''.join(_cell(label, at.found.get(claim)) for label, at in shown)}</tr>"
        for claim, of in claims.items()
    )
    corner = "training step" if noun == "snapshot" else ""
    return f"""<details{" open" if unfolded else ""}><summary>{escape(title)} <span class="small">{told}</span></summary>
<div class="wide-table"><table class="matrix timeline dense"><thead><tr><td class="corner">{corner}</td>{heads}</tr></thead>
<tbody>{body}</tbody></table></div></details>"""


def _cell(label: str, row: Row | None) -> str:
    if row is None:
        return "<td></td>"
    classes = row["verdict"] + (" confirmatory" if row["standing"] == "confirmatory" else "")
    return f'<td class="{classes}" title="{escape(f"{label}: {_figure(row)}")}">{SYMBOLS[row["verdict"]]}</td>'


def _against(of: Row) -> Measurement:
    """What the statistic of a claim is held against."""
    return Measurement(statistic=of["statistic"], relation=of["relation"], threshold=of["threshold"])


def _figure(row: Row) -> str:
    ends = (row["low"], row["high"])
    return with_interval(row["value"], None if ends == (None, None) else ends)


def _number(value: float) -> str:
    return f"{value:.3g}"


def _curves(found: Sweep) -> str:
    """A small figure for every claim: its statistic against the step."""
    if not found.trainings:
        return ""
    axis = _axis(found)
    cards = "".join(_card(found, claim, axis) for claim in found.claims)
    key = sweep_figures.key("What the lines mean", trainings=[training.name for training in found.trainings])
    longest = max(len(training.checkpoints) for training in found.trainings)
    told = f" Of each training at most {_POINTS} snapshots are drawn, evenly." if longest > _POINTS else ""
    return f"""<h2>The statistics against the step</h2>
<p class="small">One line for each training.{told} Beside the name of a claim: its verdicts at the last snapshots.</p>
<div class="figure">{key}</div><div class="multiples">{cards}</div>"""


def _card(found: Sweep, claim: str, axis: sweep_figures.Steps) -> str:
    of, appearances = found.claims[claim], found.appearances(claim)
    told = _told(appearances)
    figure = sweep_figures.against_step(
        f"{claim}: {told}",
        curves=[_curve(training, claim, at) for training, at in zip(found.trainings, appearances.each, strict=True)],
        threshold=of["threshold"],
        relation=of["relation"],
        ylabel=of["statistic"],
        axis=axis,
    )
    return (
        f'<section class="claim" id="claim-{escape(claim)}"><h3>{escape(claim)} {_badges(found.at_the_end(claim))}</h3>'
        f'<p>{escape(of["statement"])}</p><p class="small">Should be {should(_against(of))}. <b>{told.capitalize()}.</b></p>'
        f"{_brackets(found, appearances)}{figure}</section>"
    )


def _badges(rows: Iterable[Row]) -> str:
    """How often each verdict was reached."""
    counts = Counter(row["verdict"] for row in rows)
    return " ".join(
        f'<span class="badge {verdict}" title="{words(verdict)}">{counts[verdict]:,} {symbol}</span>'
        for verdict, symbol in SYMBOLS.items()
        if counts[verdict]
    )


def _brackets(found: Sweep, appearances: Appearances) -> str:
    """The interval in which a claim begins to hold, in each of a few trainings."""
    if not 1 < len(found.trainings) <= _LISTED or not appearances.found:
        return ""
    items = "".join(
        f"<li>{escape(training.name)}: {_bracket(at)}</li>"
        for training, at in zip(found.trainings, appearances.each, strict=True)
    )
    return f'<ul class="heads" title="steps: after the first, by the second">{items}</ul>'


def _bracket(at: Appearance | None) -> str:
    if at is None:
        return "never"
    return f"from {at.step:,} on" if at.after is None else f"({at.after:,}, {at.step:,}]"


def _curve(training: Network, claim: str, begins: Appearance | None) -> sweep_figures.Curve:
    """The curve of a training, thinned, but with the step at which the claim begins to hold."""
    every = training.of_claim(claim)
    kept = {step for step, _ in thinned(every, _POINTS)} | ({begins.step} if begins else set())
    points = [(step, row) for step, row in every if step in kept]
    value, low, high = (
        [nan if row[field] is None else row[field] for _, row in points] for field in ("value", "low", "high")
    )
    return sweep_figures.Curve([step for step, _ in points], value, low, high, begins)


def _told(appearances: Appearances) -> str:
    """When a claim begins to hold, for people."""
    found, of = appearances.found, len(appearances.each)
    if not found:
        return "never holds for good" if of == 1 else f"holds for good in none of {of} trainings"
    all_of_them = "both" if of == 2 else f"all {of}"
    where = "" if of == 1 else f"in {all_of_them if len(found) == of else f'{len(found)} of {of}'} trainings, "
    if all(at.after is None for at in found):
        return f"{where}holds from the first snapshot on"
    first, last = appearances.range
    if len(found) == 1:
        return f"{where}begins to hold after step {found[0].after:,}, by step {found[0].step:,}"
    by = f"by step {first:,}" if first == last else f"by steps {first:,} to {last:,}"
    return f"{where}begins to hold {by}"


def _across(found: Sweep) -> str:
    """What holds in how many networks, and how far their statistics lie apart."""
    rows = "".join(_across_row(found, claim) for claim in found.claims)
    at = ", each at its last snapshot" if found.trainings else ""
    appears = "<th>begins to hold:<br>median step (range)</th>" if found.trainings else ""
    return f"""<h2>Across networks</h2>
<p class="small">Over {_count(len(found.networks), "network")}{at}. The interval is for the share among all networks that could be
trained alike, exact at 95 % (Clopper and Pearson); errors are not counted.</p>
<div class="wide-table"><table class="board sweep"><thead><tr><th>claim</th><th>holds in,<br>95 % interval</th><th>verdicts</th>
<th>median ●, range ━,<br>where it should be: shaded</th><th>median [range]</th>{appears}</tr></thead>
<tbody>{rows}</tbody></table></div>"""


def _across_row(found: Sweep, claim: str) -> str:
    of, rows = found.claims[claim], found.at_the_end(claim)
    share, spreads = held(rows), spread(rows)
    drawn, figures = "", "not measured"
    if spreads:
        ends = [spreads.low, spreads.high]
        drawn = bar(replace(_against(of), value=spreads.median, estimate=Estimate(ci=(spreads.low, spreads.high))))
        figures = f"<b>{_number(spreads.median)}</b> [{', '.join(map(_number, ends))}]"
    cells = [
        f'<b>{share.held:,} of {share.of:,}</b><div class="small">{share.low:.1%} to {share.high:.1%}</div>',
        _badges(rows),
        drawn,
        f'{figures}<div class="small">should be {should(_against(of))}</div>',
    ]
    if found.trainings:
        row, name = "<tr>", f'<a href="#claim-{escape(claim)}">{escape(claim)}</a>'
        cells.append(_begins(found.appearances(claim)))
    else:
        row, name = f'<tr id="claim-{escape(claim)}">', f"<b>{escape(claim)}</b>"
    return (
        f'{row}<td>{name}<div class="small">{escape(of["statement"])}</div></td>'
        f"{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    )


def _begins(appearances: Appearances) -> str:
    if not appearances.found:
        return "never"
    first, last = appearances.range
    median = "in fewer than half" if appearances.half_by is None else f"<b>{appearances.half_by:,}</b>"
    span = f"{first:,}" if first == last else f"{first:,} to {last:,}"
    open_ended = sum(at.after is None for at in appearances.found)
    note = f'<div class="small">{open_ended} from the first snapshot on</div>' if open_ended else ""
    return f"{median} ({span}){note}"


def _networks(found: Sweep) -> str:
    rows = "".join(_network(network) for network in found.networks)
    heads = ("network", "training seed", "snapshots", "steps", "final verdicts", "final tensors")
    return f"""<h2>The networks</h2><div class="wide-table"><table class="board runs">
<thead><tr>{"".join(f"<th>{head}</th>" for head in heads)}</tr></thead><tbody>{rows}</tbody></table></div>"""


def _network(network: Network) -> str:
    final = network.final
    steps = [at.step for at in network.checkpoints if at.step is not None]
    cells = (
        escape(network.name),
        "" if final.seed is None else str(final.seed),
        str(len(steps)) if steps else "none",
        " to ".join(f"{step:,}" for step in dict.fromkeys((steps[0], steps[-1]))) if steps else "",
        _badges(final.found.values()),
        f"<code>{escape(final.sha256[:12])}</code>",
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _left_out(found: Sweep) -> str:
    if not found.left_out:
        return ""
    items = "".join(f"<li><code>{escape(path)}</code>: {escape(sentence)}</li>" for path, sentence in found.left_out)
    return f"<h2>Left out</h2><ul class='damaged'>{items}</ul>"
