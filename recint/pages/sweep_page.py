"""Rows of a sweep -> HTML and Markdown: when in training the claims begin to hold, and in how many trained networks they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any, TypeVar

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
    Checkpoint,
    Network,
    Row,
    Share,
    Spread,
    Sweep,
    held,
    order,
    roles,
    spread,
    sweep,
)
from recint.system import escaping
from recint.verdict import SYMBOLS
from recint.words import LEGEND

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
    checkpoints = [at for network in found.networks for at in network.checkpoints]
    longest = max((len(training.checkpoints) for training in found.trainings), default=0)
    return render(
        "sweep.html",
        sweep=found,
        headline=sentences.headline(found),
        when=sentences.when(found),
        size=f"{sentences.count(len(checkpoints), 'checkpoint')} · {sentences.count(len(found.claims), 'claim')}",
        networks_told=sentences.count(len(found.networks), "network"),
        command=command,
        timeline=_timeline(found, appearing),
        ordered=bool(appearing),
        confirmatory=any(row["standing"] == "confirmatory" for at in checkpoints for row in at.found.values()),
        claims={claim.claim: found.claims[claim.claim] for claim in appearing} | dict(found.claims),
        maps=_maps(found),
        figure=_figure,
        thinned_to=_POINTS if longest > _POINTS else None,
        key=_key(found) if found.trainings else None,
        cards=_cards(found),
        across=[_across(found, claim) for claim in found.claims],
        tallied=_tallied,
    )


def markdown(rows: Sequence[Mapping[str, Any]], *, command: str) -> str:
    """The answer, the order of the roles and a line for each claim, for a page of a repository; arguments as for `html`."""
    found = sweep(rows)
    lines = [f"# {sentences.headline(found)}", "", sentences.when(found), ""]
    lines += ["Made by", "", escaping.block(command), ""]
    lines += [f"- left out: {escaping.markdown(lost.sentence)}" for lost in found.left_out]
    lines += [""] * bool(found.left_out)
    if not found.networks:
        return "\n".join(lines)
    if appearing := roles(found):
        told = ", ".join(f"{escaping.markdown(role)} {step:,}" for role, step in appearing)
        lines += [f"Half of the claims about a role hold, in half of the trainings, by step: {told}.", ""]
    if told := sentences.order_alike(order(found)):
        lines += [told, ""]
    header = ["claim", "holds in", "95 % interval", *(network.name for network in found.networks)]
    return "\n".join([*lines, table(header, [_line(found, claim) for claim in found.claims]), "", f"{_KEY}\n"])


_KEY = (
    f"At the last snapshot: {LEGEND}. "
    "(100, 200]: begins to hold for good after step 100, at step 200 at the latest. "
    "The interval is exact, of the share among all networks that could be trained alike."
)


def _line(found: Sweep, claim: str) -> list[str]:
    """A claim, in how many networks it holds, and how each of them ends."""
    share = held(found.at_the_end(claim))
    begins = dict(zip((training.name for training in found.trainings), found.appearances(claim).each, strict=True))
    return [
        Markdown(f"{code(claim)}<br>{escaping.markdown(found.claims[claim]['statement'])}"),
        f"{share.held} of {share.of}",
        f"{share.low:.0%} to {share.high:.0%}",
        *(_ending(network, claim, begins.get(network.name)) for network in found.networks),
    ]


def _ending(network: Network, claim: str, begins: Appearance | None) -> str:
    """The last verdict on a claim in one network, and where it begins to hold."""
    row = network.final.found.get(claim)
    symbol = SYMBOLS[row["verdict"]] if row else ""
    return f"{symbol} {sentences.bracket(begins)}" if begins else symbol


def thinned(items: Sequence[T], most: int) -> list[T]:
    """So many of them at most, evenly, with the first and the last.

    Evenly in their order: snapshots that were taken evenly in the step stay so, and of those that were taken ever more rarely the
    early ones are not lost.
    """
    if len(items) <= most:
        return list(items)
    return [items[round(index * (len(items) - 1) / (most - 1))] for index in range(most)]


@dataclass(frozen=True)
class _Timeline:
    title: str
    told: str
    figure: Markup


def _timeline(found: Sweep, appearing: Sequence[Appearances]) -> _Timeline | None:
    """The order of appearance; None if no claim begins to hold in any training."""
    begun = [claim for claim in appearing if any(at.after is not None for at in claim.found)]
    if not begun:
        return None
    title = sentences.first_and_last(begun)
    names = [training.name for training in found.trainings]
    figure = sweep_figures.timeline(title, claims=appearing, trainings=names, axis=_axis(found))
    told = f"{sentences.roles(found)} {sentences.order_alike(appearing)}".strip()
    return _Timeline(title, told, Markup(figure))


def _axis(found: Sweep) -> sweep_figures.Steps:
    return sweep_figures.steps([at.step or 0 for training in found.trainings for at in training.checkpoints])


@dataclass(frozen=True)
class _Map:
    """Claims x steps of one training, or claims x networks: a table, in which words and symbols stay legible.

    Attributes:
        columns: pairs of a label and the checkpoint that it stands for.
        corner: what the labels are.
    """

    title: str
    size: str
    columns: Sequence[tuple[str, Checkpoint]]
    corner: str
    unfolded: bool


def _maps(found: Sweep) -> Iterator[_Map]:
    """One for every training, and one for all networks without snapshots."""
    trainings = found.trainings
    most = max(2, min(_COLUMNS, _ALL_COLUMNS // max(1, len(trainings))))
    for training in trainings:
        columns = [(f"{at.step:,}", at) for at in training.checkpoints]
        yield _map(training.name, "snapshot", columns, most=most, unfolded=len(trainings) <= _UNFOLDED)
    if single := [(network.name, network.final) for network in found.networks if len(network.checkpoints) == 1]:
        title = "Networks without a series of snapshots" if trainings else "All networks"
        yield _map(title, "network", single, most=_ALL_COLUMNS, unfolded=not trainings)


def _map(title: str, noun: str, columns: Sequence[tuple[str, Checkpoint]], *, most: int, unfolded: bool) -> _Map:
    shown = thinned(columns, most)
    told = sentences.count(len(columns), noun)
    size = told if len(shown) == len(columns) else f"{len(shown)} of {told} shown, evenly"
    return _Map(title, size, shown, "training step" if noun == "snapshot" else "", unfolded)


def _figure(row: Row) -> str:
    ends = (row["low"], row["high"])
    return with_interval(row["value"], None if ends == (None, None) else ends)


@dataclass(frozen=True)
class _Card:
    """The statistic of a claim against the step.

    Attributes:
        verdicts: how often each was reached, at the last snapshots.
        brackets: of each training, its name and where in it the claim begins to hold.
    """

    claim: str
    statement: str
    should: str
    verdicts: Sequence[tuple[str, int]]
    told: str
    brackets: Sequence[tuple[str, str]]
    figure: Markup


def _key(found: Sweep) -> Markup:
    return Markup(sweep_figures.key("What the lines mean", trainings=[training.name for training in found.trainings]))


def _cards(found: Sweep) -> Iterator[_Card]:
    axis = _axis(found)
    for claim, of in found.claims.items():
        appearances = found.appearances(claim)
        each = list(zip(found.trainings, appearances.each, strict=True))
        told = sentences.begins(appearances)
        figure = sweep_figures.against_step(
            f"{claim}: {told}",
            curves=[_curve(training, claim, at) for training, at in each],
            threshold=of["threshold"],
            relation=of["relation"],
            ylabel=of["statistic"],
            axis=axis,
        )
        listed = 1 < len(each) <= _LISTED and appearances.found
        yield _Card(
            claim=claim,
            statement=of["statement"],
            should=should(_against(of)),
            verdicts=_tallied(found.at_the_end(claim)),
            told=told,
            brackets=[(training.name, sentences.bracket(at)) for training, at in each] if listed else (),
            figure=Markup(figure),
        )


def _curve(training: Network, claim: str, begins: Appearance | None) -> sweep_figures.Curve:
    """The curve of a training, thinned, but with the step at which the claim begins to hold."""
    every = training.of_claim(claim)
    kept = {step for step, _ in thinned(every, _POINTS)} | ({begins.step} if begins else set())
    points = [(step, row) for step, row in every if step in kept]
    value, low, high = (
        [nan if row[field] is None else row[field] for _, row in points] for field in ("value", "low", "high")
    )
    return sweep_figures.Curve([step for step, _ in points], value, low, high, begins)


def _tallied(rows: Iterable[Row]) -> list[tuple[str, int]]:
    """How often each verdict was reached."""
    counts = Counter(row["verdict"] for row in rows)
    return [(verdict, counts[verdict]) for verdict in SYMBOLS if counts[verdict]]


def _against(of: Row) -> Measurement:
    """What the statistic of a claim is held against."""
    return Measurement(statistic=of["statistic"], relation=of["relation"], threshold=of["threshold"])


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


def _across(found: Sweep, claim: str) -> _Across:
    of, rows = found.claims[claim], found.at_the_end(claim)
    spreads = spread(rows)
    drawn = Markup()
    if spreads:
        estimate = Estimate(ci=(spreads.low, spreads.high))
        drawn = bar(replace(_against(of), value=spreads.median, estimate=estimate))
    return _Across(
        claim=claim,
        statement=of["statement"],
        should=should(_against(of)),
        share=held(rows),
        verdicts=_tallied(rows),
        spread=spreads,
        bar=drawn,
        appearances=found.appearances(claim),
    )
