"""The pictures of docs/mechanism.md for a model. The title of each states what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from markupsafe import Markup
from numpy.typing import NDArray

from recint.replication import figures
from recint.replication.account import COEFFICIENTS, LARGE, Account, Attention, Cost, LateWeights
from recint.replication.rows import number
from recint.verdict import Verdict

NAMES = ("filter", "c-squared", "attention", "interchange", "accounts")  # of the pictures, and of their files
SHOWN = (12, 5)  # positions whose filter is shown
SETTLED_BY_C = "patterns and scales"  # the parts that the title of the interchange is about
NO_VERDICT: Verdict = "not_applicable"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture of a model.

    Attributes:
        name: one of NAMES.
        heading: what is drawn.
        caption: how it was measured.
        svg: one `<svg>` element, whose title says what it shows.
    """

    name: str
    heading: str
    caption: str
    svg: Markup


def pictures(
    account: Account, *, claims: Mapping[str, Sequence[str]], verdicts: Mapping[str, Mapping[str, Verdict]]
) -> tuple[Picture, ...]:
    """The pictures, in the order of NAMES.

    Args:
        claims: the ids of the claims of each account.
        verdicts: for each network, its verdicts, by the id of the claim.
    """
    drawn = (
        _filter(account.filters),
        _c_squared(account.late),
        _attention(account.attention),
        _interchange(account.costs),
        _accounts(claims, verdicts),
    )
    return tuple(
        Picture(name=name, heading=heading, caption=caption, svg=Markup(svg))
        for name, (heading, caption, svg) in zip(NAMES, drawn, strict=True)
    )


Drawn = tuple[str, str, str]  # heading, caption and SVG


def _filter(filters: Float[NDArray, "coefficient recurrence query term"]) -> Drawn:
    last, early = SHOWN
    sizes = np.abs(filters[:, :, last])
    shares = (sizes / sizes.sum(-1, keepdims=True)).mean((0, 1))
    return (
        "The filter",
        "A weight says how far a prediction moves with a term. Colours are means over recurrences at each tenth of c. The title "
        "is about single recurrences: the mean of a weight's size / the sizes of all weights.",
        figures.filters(
            f"At position {last} the term before the last has {shares[last - 1]:.1%} of the weight, the last term has "
            f"{shares[last]:.1%}",
            c=COEFFICIENTS,
            weights={position: filters[:, :, position, : position + 1].mean(1) for position in (last, early)},
        ),
    )


def _c_squared(late: LateWeights) -> Drawn:
    return (
        "The weight of the term before the last",
        f"Each mark is one recurrence at one of the positions 8 to 12. R^2 has the 95 % interval {late.explained.interval}.",
        figures.weights_against_c_squared(
            f"Where 1 <= |c| <= 2, R^2 of the weight of the term before the last by c^2 is {late.explained}",
            c=late.c,
            weights=late.weights,
            large=LARGE.c,
        ),
    )


def _attention(attention: Attention) -> Drawn:
    first, second, third = (f"c = {c:.2f}" for c in attention.c)
    return (
        "Attention",
        "A, B and C are single recurrences. B has the c and the largest norm of A, and C is independent. The title is about "
        "all that were drawn: the mean absolute difference of one head's "
        f"attention to one key, {attention.same} {attention.same.interval} with the same c and largest norm, {attention.other} "
        f"{attention.other.interval} with another recurrence.",
        figures.mean_attention(
            f"Attention of recurrences with the same c and largest norm differs by {attention.same.value:.2g}, of independent ones "
            f"by {attention.other.value:.2g}",
            patterns=attention.patterns,
            columns=(f"A: {first}", f"B: {second} too", f"C: {third}"),
        ),
    )


def _interchange(costs: Sequence[Cost]) -> Drawn:
    bars: dict[str, dict[str, tuple[float, float, float]]] = {}
    for cost in costs:
        low, high = cost.ratio.low, cost.ratio.high
        assert low is not None
        assert high is not None
        bars.setdefault(cost.part, {})[cost.source] = (cost.ratio.value, low, high)
    same, opposite, other = (number(cost.ratio.value) for cost in costs if cost.part == SETTLED_BY_C)
    return (
        "What each change costs",
        "MSE with the change / MSE of the intact model, each a mean over recurrences, with 95 % intervals. An interval "
        "without ends crosses the whole axis: the draws are too few for it. Patterns are those of "
        "attention, scales are the numbers by which LayerNorm divides, and gates are gelu(x) / x of the neurons.",
        figures.costs(
            f"Patterns and scales from a partner with the same c cost {same} × the MSE, with -c {opposite} ×, from an independent "
            f"recurrence {other} ×",
            bars=bars,
            xlabel="MSE with the change / MSE of the intact model",
        ),
    )


def _accounts(claims: Mapping[str, Sequence[str]], verdicts: Mapping[str, Mapping[str, Verdict]]) -> Drawn:
    counts = "; ".join(f"{account} {_supported(of_account, verdicts)}" for account, of_account in claims.items())
    return (
        "Accounts and their verdicts",
        "Expected verdicts on the networks on record, each claim in its latest version.",
        figures.verdict_grid(
            f"Supported verdicts: {counts}", accounts=claims, networks=list(verdicts), verdicts=verdicts
        ),
    )


def _supported(claims: Sequence[str], verdicts: Mapping[str, Mapping[str, Verdict]]) -> str:
    """How many of the verdicts on these claims are "supported". A claim that does not apply has no verdict that could be."""
    found = [of[claim] for of in verdicts.values() for claim in claims if of.get(claim, NO_VERDICT) != NO_VERDICT]
    return f"{found.count('supported')} of {len(found)}" if found else "not judged yet"
