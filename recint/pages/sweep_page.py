"""The page of a sweep, as HTML and Markdown: at which step claims begin to hold, and in how many trained networks they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import TypeVar

from markupsafe import Markup

from recint.judging.entry import Estimate, Measurement
from recint.pages import sweep_figures
from recint.pages import sweep_sentences as sentences
from recint.pages.markdown import Markdown, code, table
from recint.pages.statistic import bar, should, with_interval
from recint.pages.templating import render
from recint.sweep.emergence import (
    Appearance,
    Appearances,
    JudgedCheckpoint,
    Network,
    Share,
    Spread,
    Sweep,
    held,
    order,
    roles,
    spread,
    sweep,
)
from recint.sweep.row import Row, Unjudged
from recint.system import escaping
from recint.verdict import SYMBOLS, tally
from recint.words import LEGEND, counted

T = TypeVar("T")

# The largest number of columns of one heat-map, so that it fits a screen.
_COLUMNS = 56
# The largest number of columns of all heat-maps together, so that the page stays small.
_ALL_COLUMNS = 560
# The largest number of points in a curve: a figure about 400 pixels wide cannot show more.
_POINTS = 200
# With at most so many trainings their heat-maps are open at first, and the card of a claim lists each training.
_UNFOLDED = 4
_LISTED = 6


def html(rows: Sequence[Row | Unjudged], *, command: str) -> str:
    """The whole sweep as an HTML page in one file.

    Args:
        rows: one for each checkpoint and claim, and one without a claim for each checkpoint that could not be judged.
        command: the command line that made the page.
    """
    swept = sweep(rows)
    appearing = order(swept)
    checkpoints = [at for network in swept.networks for at in network.checkpoints]
    longest = max((len(training.checkpoints) for training in swept.trainings), default=0)
    return render(
        "sweep.html",
        sweep=swept,
        headline=sentences.headline(swept),
        when=sentences.when(swept),
        size=f"{counted(len(checkpoints), 'checkpoint')} · {counted(len(swept.claims), 'claim')}",
        network_count=counted(len(swept.networks), "network"),
        command=command,
        timeline=_timeline(swept, appearing),
        ordered=bool(appearing),
        confirmatory=any(row.standing == "confirmatory" for at in checkpoints for row in at.rows.values()),
        claims={claim.claim: swept.claims[claim.claim] for claim in appearing} | dict(swept.claims),
        maps=_maps(swept),
        number=_number,
        thinned_to=_POINTS if longest > _POINTS else None,
        key=_key(swept) if swept.trainings else None,
        cards=_cards(swept),
        across=[_across(swept, claim) for claim in swept.claims],
        counts=tally,
    )


def markdown(rows: Sequence[Row | Unjudged], *, command: str) -> str:
    """A short form of the page as Markdown: the result, the order of the roles, and a line for each claim.

    The arguments are those of `html`.
    """
    swept = sweep(rows)
    lines = [f"# {sentences.headline(swept)}", "", sentences.when(swept), ""]
    lines += ["Made by", "", escaping.block(command), ""]
    lines += [f"- left out: {escaping.markdown(lost.sentence)}" for lost in swept.left_out]
    lines += [""] * bool(swept.left_out)
    if not swept.networks:
        return "\n".join(lines)
    if appearing := roles(swept):
        steps = ", ".join(f"{escaping.markdown(role)} {step:,}" for role, step in appearing)
        lines += [f"Half of the claims about a role hold, in half of the trainings, by step: {steps}.", ""]
    if agreement := sentences.order_alike(order(swept)):
        lines += [agreement, ""]
    header = ["claim", "holds in", "95 % interval", *(network.name for network in swept.networks)]
    return "\n".join([*lines, table(header, [_line(swept, claim) for claim in swept.claims]), "", f"{_KEY}\n"])


_KEY = (
    f"At the last snapshot: {LEGEND}. "
    "(100, 200]: the claim begins to hold after step 100, at step 200 at the latest, and holds at all later snapshots. "
    "The interval is an exact one for the share among all networks that could be trained in the same way."
)


def _line(swept: Sweep, claim: str) -> list[str]:
    """The cells of a claim: its statement, in how many networks it holds, and its last verdict in each network."""
    share = held(swept.at_the_end(claim))
    begins = dict(zip((training.name for training in swept.trainings), swept.appearances(claim).each, strict=True))
    return [
        Markdown(f"{code(claim)}<br>{escaping.markdown(swept.claims[claim].statement)}"),
        f"{share.held} of {share.of}",
        f"{share.low:.0%} to {share.high:.0%}",
        *(_ending(network, claim, begins.get(network.name)) for network in swept.networks),
    ]


def _ending(network: Network, claim: str, begins: Appearance | None) -> str:
    """The last verdict on a claim in one network, and the steps between which it begins to hold."""
    row = network.final.rows.get(claim)
    symbol = SYMBOLS[row.verdict] if row else ""
    return f"{symbol} {sentences.bracket(begins)}" if begins else symbol


def thinned(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of the items, at even distances in their order, with the first and the last.

    The distances are even in the order and not in the step: so the early snapshots stay if a training has more of them early.
    """
    if len(items) <= most:
        return list(items)
    return [items[round(index * (len(items) - 1) / (most - 1))] for index in range(most)]


@dataclass(frozen=True)
class _Timeline:
    title: str
    sentence: str
    figure: Markup


def _timeline(swept: Sweep, appearing: Sequence[Appearances]) -> _Timeline | None:
    """The figure of the order in which claims begin to hold; None if every claim holds from the first snapshot on, or never."""
    begun = [claim for claim in appearing if any(at.after is not None for at in claim.begun)]
    if not begun:
        return None
    title = sentences.first_and_last(begun)
    names = [training.name for training in swept.trainings]
    figure = sweep_figures.timeline(title, claims=appearing, trainings=names, axis=_axis(swept))
    sentence = f"{sentences.roles(swept)} {sentences.order_alike(appearing)}".strip()
    return _Timeline(title, sentence, Markup(figure))


def _axis(swept: Sweep) -> sweep_figures.Steps:
    return sweep_figures.steps([at.step or 0 for training in swept.trainings for at in training.checkpoints])


@dataclass(frozen=True)
class _Map:
    """A table of verdicts: a row for each claim, and a column for each step of one training or for each network.

    Attributes:
        columns: pairs of a label and a checkpoint.
        corner: says what the labels are.
        unfolded: whether the table is open at first.
    """

    title: str
    size: str
    columns: Sequence[tuple[str, JudgedCheckpoint]]
    corner: str
    unfolded: bool


def _maps(swept: Sweep) -> Iterator[_Map]:
    """A map for every training, and one for all networks without snapshots."""
    trainings = swept.trainings
    most = max(2, min(_COLUMNS, _ALL_COLUMNS // max(1, len(trainings))))
    for training in trainings:
        columns = [(f"{at.step:,}", at) for at in training.checkpoints]
        yield _map(training.name, "snapshot", columns, most=most, unfolded=len(trainings) <= _UNFOLDED)
    if single := [(network.name, network.final) for network in swept.networks if len(network.checkpoints) == 1]:
        title = "Networks without a series of snapshots" if trainings else "All networks"
        yield _map(title, "network", single, most=_ALL_COLUMNS, unfolded=not trainings)


def _map(title: str, noun: str, columns: Sequence[tuple[str, JudgedCheckpoint]], *, most: int, unfolded: bool) -> _Map:
    shown = thinned(columns, most)
    number = counted(len(columns), noun)
    size = number if len(shown) == len(columns) else f"{len(shown)} of {number} shown, evenly"
    return _Map(title, size, shown, "training step" if noun == "snapshot" else "", unfolded)


def _number(row: Row) -> str:
    ends = (row.low, row.high)
    return with_interval(row.value, None if ends == (None, None) else ends)


@dataclass(frozen=True)
class _Card:
    """The figure of a claim's statistic against the step, and the text beside it.

    Attributes:
        verdicts: the number of each verdict at the last snapshots.
        brackets: pairs of the name of a training and the interval of steps in which the claim begins to hold there.
    """

    claim: str
    statement: str
    should: str
    verdicts: Sequence[tuple[str, int]]
    sentence: str
    brackets: Sequence[tuple[str, str]]
    figure: Markup


def _key(swept: Sweep) -> Markup:
    return Markup(sweep_figures.key("What the lines mean", trainings=[training.name for training in swept.trainings]))


def _cards(swept: Sweep) -> Iterator[_Card]:
    axis = _axis(swept)
    for claim, of in swept.claims.items():
        appearances = swept.appearances(claim)
        each = list(zip(swept.trainings, appearances.each, strict=True))
        sentence = sentences.begins(appearances)
        figure = sweep_figures.against_step(
            f"{claim}: {sentence}",
            curves=[_curve(training, claim, at) for training, at in each],
            threshold=of.threshold,
            relation=of.relation,
            ylabel=of.statistic,
            axis=axis,
        )
        listed = 1 < len(each) <= _LISTED and appearances.begun
        yield _Card(
            claim=claim,
            statement=of.statement,
            should=should(_against(of)),
            verdicts=tally(row.verdict for row in swept.at_the_end(claim)),
            sentence=sentence,
            brackets=[(training.name, sentences.bracket(at)) for training, at in each] if listed else (),
            figure=Markup(figure),
        )


def _curve(training: Network, claim: str, begins: Appearance | None) -> sweep_figures.Curve:
    """The curve of a training. It is thinned, but keeps the step at which the claim begins to hold."""
    every = training.of_claim(claim)
    kept = {step for step, _ in thinned(every, _POINTS)} | ({begins.step} if begins else set())
    points = [(step, row) for step, row in every if step in kept]
    value, low, high = (
        [nan if (number := getattr(row, field)) is None else number for _, row in points]
        for field in ("value", "low", "high")
    )
    return sweep_figures.Curve([step for step, _ in points], value, low, high, begins)


def _against(of: Row) -> Measurement:
    """The statistic of a claim with its relation and threshold."""
    return Measurement(statistic=of.statistic, relation=of.relation, threshold=of.threshold)


@dataclass(frozen=True)
class _Across:
    """A claim over all networks, each at its last snapshot."""

    claim: str
    statement: str
    should: str
    share: Share
    verdicts: Sequence[tuple[str, int]]
    spread: Spread | None
    bar: Markup
    appearances: Appearances


def _across(swept: Sweep, claim: str) -> _Across:
    of, rows = swept.claims[claim], swept.at_the_end(claim)
    spreads = spread(rows)
    drawn = Markup()
    if spreads:
        estimate = Estimate(ci=(spreads.low, spreads.high))
        drawn = bar(replace(_against(of), value=spreads.median, estimate=estimate))
    return _Across(
        claim=claim,
        statement=of.statement,
        should=should(_against(of)),
        share=held(rows),
        verdicts=tally(row.verdict for row in rows),
        spread=spreads,
        bar=drawn,
        appearances=swept.appearances(claim),
    )
