"""The claims of a folder as one Markdown page: what each claim says, when it holds, where it comes from, what amends it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

from recint.judging.claim import Claim, Contrast, Property
from recint.system.escaping import code, markdown
from recint.words import counted

_QUANTIFIERS = {
    "average": "the average over the {noun}s of its domain",
    "everywhere": "every condition of its domain",
    "pointwise": "every single {noun} of its domain",
    "weights": "the weights alone, without {noun}s",
}
_RELATIONS = {">=": "at least", "<=": "at most"}


def page(props: Sequence[Property]) -> str:
    """All claims, grouped by the modules that declare them, in the order of the catalogue."""
    amended = {prop.claim.id: _next(prop.claim, props) for prop in props}
    lines = [
        "# The claims",
        "",
        f"{counted(len(props), 'claim')}, as declared in the modules. `recint claims --markdown` writes this page: do not edit it.",
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
    """The first paragraph of a module's docstring, in one line."""
    return (sys.modules[module].__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")


def _next(claim: Claim, props: Sequence[Property]) -> str:
    """The id of the next version of a claim; empty if this is the latest."""
    after = f"{claim.name}@{claim.version + 1}"
    return after if any(prop.claim.id == after for prop in props) else ""


def _about(claim: Claim, following: str) -> Iterator[str]:
    """Sentences about a claim, as Markdown."""
    yield f"It is about {_QUANTIFIERS[claim.quantifier].format(noun=claim.noun)}{_domain(claim)}{_layers(claim)}."
    yield f"It holds if {_bar(claim)}."
    for contrast in claim.contrasts:
        where = f" at {contrast.domain.words()}" if contrast.domain else ""
        yield f"Contrast, {markdown(contrast.name)}{where}: {_bar(contrast)}."
    if claim.limits:
        yield claim.limits
    if claim.constants:
        yield f"Constants: {', '.join(f'{markdown(name)} = {value}' for name, value in claim.constants)}."
    yield f"Source: {markdown(claim.source)}."
    if claim.because:
        before = f"{claim.name}@{claim.version - 1}" if claim.version > 2 else claim.name
        yield f"It amends {code(before)}. The reason: {markdown(claim.because)}."
    if claim.corrected:
        yield f"Later correction of that reason: {markdown(claim.corrected)}."
    if claim.caveat:
        yield f"Caveat: the statistic {markdown(claim.caveat)}."
    if claim.partner:
        yield f"The same about behaviour: {code(claim.partner)}."
    if claim.no_positive:
        yield f"The controls have no model for which it is true. The reason: {markdown(claim.no_positive)}."
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
