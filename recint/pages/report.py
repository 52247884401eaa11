"""The HTML report of a run, as a part of the page of pytest-html.

It has the result in a few sentences, a board of all claims that opens on their evidence, and the notebook's numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from markupsafe import Markup

from recint import words as sentences
from recint.judging.entry import Entry, Run
from recint.pages import findings, statistic
from recint.pages.templating import render
from recint.verdict import tally


def page(
    run: Run,
    figures: Mapping[str, Sequence[str]],
    *,
    subject: str,
    amended: Mapping[str, str] = MappingProxyType({}),
    below: str = "",
) -> str:
    """The whole report, without what pytest-html adds.

    Args:
        figures: inline SVG of each claim, by its id.
        subject: what the claims are about, in a few words.
        amended: why a claim was amended, by its id; claims of version 1 are not in it.
        below: HTML that goes below the board.
    """
    return render(
        "report.html",
        run=run,
        subject=subject,
        headline=findings.headline(run),
        refuted=findings.refuted(run.claims),
        reach=findings.reach(run.claims),
        unexpected=findings.unexpected(run.claims),
        counts=tally(claim.verdict for claim in run.claims),
        groups=_by_where(run.claims),
        figures={claim: _framed(drawn) for claim, drawn in figures.items()},
        amended=amended,
        below=Markup(below),
        sentences=sentences,
        number=statistic.number,
        should=statistic.should,
        with_interval=statistic.with_interval,
        by_id={claim.id: claim for claim in run.claims},
        told=findings.told(run),
        outcomes=findings.OUTCOMES,
        bar=statistic.bar,
        per_head=_per_head,
    )


def _by_where(claims: Sequence[Entry]) -> dict[str, list[Entry]]:
    """The claims by the first part of their ids, in the order in which these parts come first."""
    groups: dict[str, list[Entry]] = {}
    for claim in claims:
        groups.setdefault(claim.id.partition(".")[0], []).append(claim)
    return groups


def _framed(figures: Sequence[str]) -> Markup:
    """The figures of a claim, each in an HTML element of its own, so that the page can put them side by side."""
    return Markup("".join(figures).replace("<svg ", "<figure><svg ").replace("</svg>", "</svg></figure>"))


def _per_head(claim: Entry) -> Iterator[list[tuple[str, float]]]:
    """Pairs of a head and its statistic: one list, or one list for each layer if the claim is about several layers."""
    if not claim.per_head:
        return
    rows = claim.per_head if isinstance(claim.per_head[0], tuple) else [claim.per_head]
    for layer, row in enumerate(rows):
        where = f"layer {layer}, " if len(rows) > 1 else ""
        yield list(zip(claim.parts or [f"{where}head {head}" for head in range(len(row))], row, strict=True))


def missing(sentence: str) -> Markup:
    """A paragraph in the place of a part that could not be made."""
    return Markup("<p>{}</p>").format(sentence)
