"""Evidence -> HTML for pytest-html's page: the answer, a board of claims that open on their evidence, the notebook's figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from recint import words as sentences
from recint.pages import findings, statistic
from recint.pages.templating import render
from recint.statistics.sampling import holds
from recint.verdict import SYMBOLS

if TYPE_CHECKING:  # which would load the model's stack
    from recint.replication.rows import Row


def page(run: Mapping[str, Any], figures: Mapping[str, Sequence[str]], *, below: str = "") -> str:
    """Everything of ours: style, board, every claim with its figures (inline SVG, by id), and what goes below, which is HTML."""
    claims = run["claims"]
    return render(
        "report.html",
        run={"against": None, **run},
        headline=findings.headline(run),
        refuted=findings.refuted(claims),
        reach=findings.reach(claims),
        unexpected=findings.unexpected(claims),
        shape=_shape(run["checkpoint"]["config"]),
        counts=[
            (verdict, count) for verdict in SYMBOLS if (count := sum(claim["verdict"] == verdict for claim in claims))
        ],
        groups=[(where, list(group)) for where, group in groupby(claims, lambda claim: claim["id"].partition(".")[0])],
        figures={claim: _framed(drawn) for claim, drawn in figures.items()},
        below=Markup(below),
        sentences=sentences,
        number=statistic.number,
        should=statistic.should,
        bar=_bar,
        per_head=_per_head,
        holds=lambda part: holds(part["value"], part["relation"], part["threshold"]),
    )


def _framed(figures: Sequence[str]) -> Markup:
    """Each picture of a claim in an element of its own, so that the page can put them side by side."""
    return Markup("".join(figures).replace("<svg ", "<figure><svg ").replace("</svg>", "</svg></figure>"))


def _shape(config: Mapping[str, Any]) -> Markup:
    return Markup(
        "{n_layers} layers × {n_heads} heads, d_model {d_model}, recurrences of order {order} in R<sup>{d_vocab}</sup>"
    ).format(**config)


def _bar(claim: Mapping[str, Any]) -> Markup:
    found = claim["search"] and claim["search"]["counterexample"]
    return statistic.bar(
        value=claim["value"],
        relation=claim["relation"],
        threshold=claim["threshold"],
        ci=claim["estimate"] and claim["estimate"]["ci"],
        counterexample=found["value"] if found else None,
    )


def _per_head(claim: Mapping[str, Any]) -> Iterator[list[tuple[str, float]]]:
    """The statistic of each head by name, one list for each layer that has them."""
    found = claim["per_head"] or []
    rows = found if found and isinstance(found[0], list) else [found]
    for layer, row in enumerate(rows):
        where = f"layer {layer}, " if len(rows) > 1 else ""
        names = claim["parts"] or [f"{where}head {head}" for head in range(len(row))]
        yield list(zip(names, row, strict=True)) if row else []


def replication(rows: Sequence[Row], gallery: Sequence[tuple[str, str]], *, unfolded: bool = False) -> str:
    """The notebook's figures beside the same on this checkpoint, and what else it looked at, as headings with inline SVG."""
    drawn = [(heading, Markup(figure)) for heading, figure in gallery]
    return render("notebook.html", rows=rows, gallery=drawn, unfolded=unfolded, markup=Markup)


def missing(sentence: str) -> str:
    """What stands where a part of the page could not be made."""
    return Markup("<p>{}</p>").format(sentence)
