"""The claims of a folder as one Markdown page: what each says, when it holds, where it comes from, and what became of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

from recint.judging.claim import Claim, Contrast, Property
from recint.system.escaping import code, markdown

_ASKED = {
    "average": "on average over the recurrences of its domain",
    "everywhere": "everywhere: at every condition of its domain",
    "pointwise": "pointwise: of every single recurrence of its domain",
    "weights": "of weights: no recurrence is drawn",
}
_RELATIONS = {">=": "at least", "<=": "at most"}


def page(props: Sequence[Property]) -> str:
    """All claims, grouped by the modules that declare them, in the order of the catalogue."""
    amended = {prop.claim.id: _next(prop.claim, props) for prop in props}
    lines = [
        "# The claims",
        "",
        f"{len(props)} claims, as their modules declare them. `recint claims --markdown` writes this page: do not edit it.",
        "",
    ]
    for module, declared in groupby(props, key=lambda prop: prop.body.__module__):
        lines += [f"## {module.rpartition('.')[2]}", "", markdown(_first_sentence(module)), ""]
        for prop in declared:
            lines += [f"### {code(prop.claim.id)}", "", markdown(prop.claim.statement), ""]
            lines += [f"- {sentence}" for sentence in _about(prop.claim, amended[prop.claim.id])]
            lines += [""]
    return "\n".join(lines)


def _first_sentence(module: str) -> str:
    """What the module says of itself."""
    return (sys.modules[module].__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")


def _next(claim: Claim, props: Sequence[Property]) -> str:
    """The id of the version after this one; empty if this is the newest."""
    after = f"{claim.name}@{claim.version + 1}"
    return after if any(prop.claim.id == after for prop in props) else ""


def _about(claim: Claim, following: str) -> Iterator[str]:
    """What there is to say of a claim, one line of Markdown each."""
    yield f"Asked {_ASKED[claim.quantifier]}{_domain(claim)}{_layers(claim)}."
    yield f"It holds if {_bar(claim)}."
    for contrast in claim.contrasts:
        where = f" at {contrast.domain.words()}" if contrast.domain else ""
        yield f"Contrast, {markdown(contrast.name)}{where}: {_bar(contrast)}."
    if claim.orders:
        yield f"It makes sense for recurrences of order {', '.join(map(str, claim.orders))} only."
    if claim.constants:
        yield f"Constants: {', '.join(f'{markdown(name)} = {value}' for name, value in claim.constants)}."
    yield f"Source: {markdown(claim.source)}."
    if claim.because:
        before = f"{claim.name}@{claim.version - 1}" if claim.version > 2 else claim.name
        yield f"It amends {code(before)}, because: {markdown(claim.because)}."
    if claim.corrected:
        yield f"What that reason left out or got wrong: {markdown(claim.corrected)}."
    if claim.caveat:
        yield f"Caveat on the statistic: {markdown(claim.caveat)}."
    if claim.partner:
        yield f"Its partner in behaviour is {code(claim.partner)}."
    if claim.no_positive:
        yield f"No model is built of which it is true: {markdown(claim.no_positive)}."
    if following:
        yield f"Amended by {code(following)}."


def _bar(bar: Claim | Contrast) -> str:
    reduced = "" if bar.reduction == "mean" else f" ({bar.reduction})"
    return f"{markdown(bar.statistic)}{reduced} is {_RELATIONS[bar.relation]} {bar.threshold:g}"


def _domain(claim: Claim) -> str:
    return "" if claim.quantifier == "weights" else f", {claim.domain.words()}"


def _layers(claim: Claim) -> str:
    layers = (
        f"; layer{'s' if len(claim.layers) > 1 else ''} {', '.join(map(str, claim.layers))}" if claim.layers else ""
    )
    return f"{layers}; heads {', '.join(map(str, claim.heads))}" if claim.heads else layers
