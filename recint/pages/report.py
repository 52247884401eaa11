"""Evidence -> HTML: the board and a section per claim, put on top of pytest-html's page. Static: no scripts of our own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from math import isfinite, log10
from typing import TYPE_CHECKING

from recint import words as sentences
from recint.judging.entry import Baseline, Counterexample, Entry, Measurement, Run
from recint.statistics.relation import Bar
from recint.verdict import SYMBOLS, words

if TYPE_CHECKING:  # which would load the model's stack
    from recint.replication.rows import Measured, Row


def page(run: Run, figures: Mapping[str, Sequence[str]], *, below: str = "") -> str:
    """Everything of ours: style, board, a section for every claim with its figures (inline SVG, by id), and what goes below."""
    sections = "".join(section(claim, figures.get(claim.id, ())) for claim in run.claims)
    style = files("recint.pages").joinpath("report.css").read_text(encoding="utf-8")
    return f'<style>{style}</style><div class="recint">{board(run)}<h2>The evidence, claim by claim</h2>{sections}{below}</div>'


def headline(run: Run) -> str:
    """The answer in one sentence.

    >>> headline(run)                                                       # doctest: +SKIP
    '7 of 10 claims about affine-a are supported, 3 refuted; all as expected.'
    """
    claims = run.claims
    counts = Counter[str](claim.verdict for claim in claims)
    parts = [f"{counts['supported']} of {len(claims)} claims about {run.checkpoint['name']} are supported"]
    parts += [
        f"{counts[verdict]} {words(verdict)}" for verdict in SYMBOLS if verdict != "supported" and counts[verdict]
    ]
    if run.against:
        return f"{', '.join(parts)}; {_drifted(run, run.against)}."
    recorded = [claim for claim in claims if claim.expected]
    departed = sum(claim.expected != claim.verdict for claim in recorded)
    if not recorded:
        expectation = "no verdicts are on record"
    elif departed:
        expectation = f"{departed} not as expected"
    else:
        expectation = "all as expected" if len(recorded) == len(claims) else "all on record as expected"
    return f"{', '.join(parts)}; {expectation}."


def _drifted(run: Run, baseline: Baseline) -> str:
    drifted = run.not_allowed
    allowed = len(run.drift) - len(drifted)
    beside = f" ({allowed} more may)" if allowed else ""
    return f"{len(drifted) or 'none'} drifted from {baseline.name}{beside}"


def _drift(run: Run) -> str:
    """What came out otherwise than in the baseline, as a list of links to the claims; nothing without a baseline."""
    if not run.against:
        return ""
    items = "".join(
        f'<li><a href="#claim-{escape(found.claim)}">{escape(found.sentence)}</a>'
        f"{' <b>Allowed.</b>' if found.allowed else ''}</li>"
        for found in run.drift
    )
    items += "".join(f"<li class='small'>Not compared: {escape(sentence)}</li>" for sentence in run.incomparable)
    items = items or "<li>None.</li>"
    items += "".join(f"<li class='small'>Judged otherwise: {escape(told)}</li>" for told in run.judged_otherwise)
    baseline = run.against
    about = f"{escape(baseline.name)} <code>{baseline.sha256[:12]}</code>, judged on {baseline.started[:10]}"
    return f'<div class="drift"><h2>Drift from {about}</h2><ul>{items}</ul></div>'


def board(run: Run) -> str:
    """The first screen: what was judged, the answer, and a table of claims that links to their sections."""
    checkpoint, config = run.checkpoint, run.checkpoint["config"]
    shape = (
        f"{config['n_layers']} layers × {config['n_heads']} heads, d_model {config['d_model']}, "
        f"recurrences of order {config['order']} in R<sup>{config['d_vocab']}</sup>"
    )
    rows = "".join(_board_row(claim) for claim in run.claims)
    return f"""
<h1>Do the claims hold? <code style="font-size:inherit">{escape(checkpoint["name"])}</code></h1>
<p class="answer">{escape(headline(run))}</p>
<p class="facts">{escape(sentences.questions(run.claims))}.</p>
<p class="facts">{shape} · tensors sha256 <code>{checkpoint["sha256"][:12]}</code> · seed {run.seed} ·
profile {escape(str(run.profile))} · {escape(run.environment["device"])} · {run.seconds:.0f} s</p>
{_drift(run)}{_chips(run.claims)}
<table class="board"><thead><tr><th>verdict</th><th>claim</th><th>statistic ●, where it fails ✕,<br>where it should be: shaded</th>
<th class="wide">worst place the search found</th></tr></thead><tbody>{rows}</tbody></table>"""


def _chips(claims: Sequence[Entry]) -> str:
    """Every verdict at a glance: the claims by where they are made, each a link to its section."""
    groups: dict[str, list[str]] = {}
    for claim in claims:
        where, _, what = claim.id.partition(".")
        groups.setdefault(where, []).append(
            f'<a class="chip {claim.verdict}" href="#claim-{escape(claim.id)}" title="{words(claim.verdict)}">'
            f"{SYMBOLS[claim.verdict]} {escape(what)}</a>"
        )
    rows = "".join(f"<dt>{escape(where)}</dt><dd>{''.join(chips)}</dd>" for where, chips in groups.items())
    return f'<dl class="chips">{rows}</dl>'


def _board_row(claim: Entry) -> str:
    expected = claim.expected
    note = ""
    if expected:
        note = "as expected" if expected == claim.verdict else f"expected {words(expected)}"
    controls = "".join(f" · {told}" for told in (sentences.reach(claim), sentences.untrained(claim)) if told)
    standing = f" · {claim.standing}" if claim.standing else ""
    return f"""<tr><td>{_badge(claim.verdict)}<div class="small">{escape(note)}</div></td>
<td><a href="#claim-{escape(claim.id)}">{escape(claim.id)}</a><div>{escape(claim.statement)}</div>
<div class="small">{escape(claim.quantifier + controls + standing)}</div></td>
<td>{bar(claim, claim.counterexample)}<div class="small">{_measured(claim, over=False)}{_contrasts(claim)}</div></td>
<td class="wide small">{_worst(claim)}</td></tr>"""


def section(claim: Entry, figures: Sequence[str]) -> str:
    """All the evidence about one claim, at the anchor `claim-<id>`."""
    parts = [
        f"<h3>{_badge(claim.verdict)} {escape(claim.id)} "
        f'<span class="small">version {claim.version}, {escape(claim.quantifier)}</span></h3>',
        f"<p><b>{escape(claim.statement)}</b></p>",
        f"<p>{escape(claim.statistic)}: {_measured(claim)}</p>",
    ]
    for name, contrast in claim.contrast.items():
        parts.append(f"<p>Contrast, {escape(name)}: {escape(contrast.statistic)}: {_measured(contrast)}</p>")
    for told in (sentences.untrained(claim), sentences.share_that_fails(claim)):
        if told:
            parts.append(f"<p class='small'>{escape(told)}.</p>")
    if claim.caveat:
        parts.append(f"<p><b>What it measures.</b> The statistic {escape(claim.caveat)}.</p>")
    if claim.partner:
        parts.append(
            f"<p class='small'>The same, asked of behaviour: <a href='#claim-{escape(claim.partner)}'>"
            f"{escape(claim.partner)}</a>.</p>"
        )
    if claim.message:
        parts.append(f"<p>{escape(claim.message)}</p>")
    search = claim.search
    if search:
        parts.append(
            f"<p class='small'>Search: {search.examples} trials at {search.conditions} places; worst "
            f"{_number(search.worst)} at {escape(search.worst_at)}. "
            "Kept apart from the estimate: it looks for the worst on purpose.</p>"
        )
    parts += [f"<figure style='margin:0'>{figure}</figure>" for figure in figures]
    parts.append(_heads(claim.per_head, claim.parts))
    found = claim.counterexample
    if found:
        parts.append(
            f"<p><b>{_found(claim)}</b>, confirmed on fresh draws: <code>{escape(found.text)}</code> gives "
            f"{_number(found.value)}. To see it again:</p><pre>{escape(found.code)}</pre>"
        )
    parts.append(f"<p class='small'>Source: {escape(claim.source)}</p>")
    return f'<section class="claim" id="claim-{escape(claim.id)}">{"".join(parts)}</section>'


def _badge(verdict: str) -> str:
    return f'<span class="badge {verdict}">{SYMBOLS[verdict]} {words(verdict)}</span>'


def with_interval(value: float | None, ci: Sequence[float | None] | None) -> str:
    """A statistic with its interval, if it has one.

    >>> with_interval(0.182, [0.179, None])
    '0.182 [0.179, unbounded]'
    """
    if value is None:
        return "not measured"
    return _number(value) if ci is None else f"{_number(value)} [{', '.join(map(_number, ci))}]"


def _number(value: float | None) -> str:
    return "unbounded" if value is None else f"{value:.3g}"


def _measured(claim: Measurement, *, over: bool = True) -> str:
    if claim.value is None:
        return "not measured"
    text = f"<b>{_number(claim.value)}</b>"
    if claim.estimate:
        low, high = claim.estimate.ci
        text += f" [{_number(low)}, {_number(high)}]"
        text += f" over {claim.estimate.n} recurrences" if over else ""
    return f"{text}, should be {should(claim)}"


def should(claim: Bar) -> str:
    return f"{'≥' if claim.relation == '>=' else '≤'}\u00a0{claim.threshold:g}"


def _contrasts(claim: Entry) -> str:
    return "".join(
        f"<div>{escape(name)}: <b>{_number(contrast.value)}</b>, should be {should(contrast)}</div>"
        for name, contrast in claim.contrast.items()
    )


def _found(claim: Entry) -> str:
    """What a place where the claim fails is: one counterexample does not decide about an average."""
    return "Where it stops holding" if claim.quantifier == "average" else "Counterexample"


def _worst(claim: Entry) -> str:
    search = claim.search
    if not search:
        return "a function of the weights alone" if claim.quantifier == "weights" else ""
    found = search.counterexample
    if found:
        verb = "stops holding" if claim.quantifier == "average" else "broken"
        return f"<b>{verb}</b> at {escape(found.where)}: {_number(found.value)}"
    note = f"<div>{escape(claim.caveat)}</div>" if claim.caveat else ""
    return f"{_number(search.worst)} at {escape(search.worst_at)}{note}"


def _heads(per_head: Sequence | None, parts: Sequence[str]) -> str:
    if not per_head:
        return ""
    rows = per_head if isinstance(per_head[0], tuple) else [per_head]
    lists = []
    for index, row in enumerate(rows):
        layer = f"layer {index}, " if len(rows) > 1 else ""
        names = parts or [f"{layer}head {head}" for head in range(len(row))]
        items = "".join(f"<li>{escape(name)}: {_number(value)}</li>" for name, value in zip(names, row, strict=True))
        lists.append(f'<ul class="heads">{items}</ul>')
    return "".join(lists)


def bar(claim: Measurement, found: Counterexample | None = None) -> str:
    """Statistic (dot, with its interval) and counterexample (cross) against the threshold (line).

    The side where the claim holds is shaded.

    Quantities far below 1 are errors, and go on a log axis.
    """
    value, threshold = claim.value, claim.threshold
    if value is None or not isfinite(value):
        return ""
    ends = claim.estimate.ci if claim.estimate else (value, value)
    low, high = (value if end is None else end for end in ends)
    logarithmic = 0 < threshold < 0.01 and min(value, low) > 0

    def scaled(number: float) -> float:
        return log10(number) if logarithmic else number

    broken = found.value if found and isfinite(found.value) else value
    points = [scaled(number) for number in (value, threshold, low, high, broken)]
    left, right = min(points), max(points)
    margin = 0.25 * ((right - left) or abs(right) or 1)
    left, right = left - margin, right + margin

    def x(number: float) -> float:
        return 5 + 180 * (scaled(number) - left) / (right - left)

    edge = x(threshold)
    shaded = (edge, 185 - edge) if claim.relation == ">=" else (5, edge - 5)
    words = f"statistic {value:.3g}, threshold {claim.relation} {threshold:g}"
    cross = ""
    if found:
        words += f", counterexample {broken:.3g}"
        at = x(broken)
        cross = (
            f'<path d="M{at - 5:.1f} 10 l10 10 m0 -10 l-10 10" stroke="#D55E00" stroke-width="2.5">'
            "<title>counterexample</title></path>"
        )
    return (
        f'<svg class="bar" viewBox="0 0 190 30" role="img" aria-label="{escape(words)}">'
        f'<rect x="{shaded[0]:.1f}" y="7" width="{shaded[1]:.1f}" height="16" fill="#d9efe8"/>'
        '<line x1="5" x2="185" y1="15" y2="15" stroke="#9ca3af"/>'
        f'<line x1="{edge:.1f}" x2="{edge:.1f}" y1="3" y2="27" stroke="#D55E00" stroke-width="2" stroke-dasharray="4 2"/>'
        f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="15" y2="15" stroke="#0072B2" stroke-width="5" opacity=".5"/>'
        f'{cross}<circle cx="{x(value):.1f}" cy="15" r="5" fill="#0072B2"/></svg>'
    )


def replication(rows: Sequence[Row], gallery: Sequence[tuple[str, str]], *, unfolded: bool = False) -> str:
    """The notebook's figures beside the same on this checkpoint, and what else it looked at, as headings with inline SVG."""
    body = "".join(_replication_row(row) for row in rows)
    state = " open" if unfolded else ""
    figures = "".join(
        f"<details{state}><summary>{escape(heading)}</summary>{figure}</details>" for heading, figure in gallery
    )
    return f"""<section id="replication"><h2>The notebook's figures, measured again</h2>
<p class="small">Each computed here the notebook's way and, beside it, a sound way: over n independent recurrences with a 95 %
interval, against chance, or without the step that was flawed. No verdict hangs on them.</p>
<div class="wide-table"><table class="replication"><thead><tr><th>figure</th><th>the notebook</th><th>its way, here</th>
<th>the sound way, here</th><th>why</th></tr></thead><tbody>{body}</tbody></table></div>
<h2>What else the notebook looked at</h2><div class="gallery">{figures}</div></section>"""


def missing(sentence: str) -> str:
    """What stands where a part of the page could not be made."""
    return f"<p>{escape(sentence)}</p>"


def _replication_row(row: Row) -> str:
    cells = "".join(f"<td>{cell}</td>" for cell in (escape(row.notebook), _way(row.notebook_way), _way(row.sound_way)))
    return (
        f'<tr{"" if row.applies else " class=idle"}><th scope="row">{escape(row.name)}'
        f'<div class="small">{escape(row.where)}</div></th>{cells}<td class="why">{escape(row.why)}</td></tr>'
    )


def _way(measured: Measured | None) -> str:
    if measured is None:
        return "–"
    value, _, unit = str(measured).partition(" ")
    precision = "<br>".join(filter(None, [measured.interval, measured.over]))
    return f'<b>{value}</b> {escape(unit)}<div class="small">{precision}</div>'
