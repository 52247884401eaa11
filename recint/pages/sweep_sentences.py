"""Sentences about the result of a sweep. The HTML page and the Markdown page share them."""

from __future__ import annotations

from collections.abc import Sequence

from recint.sweep import emergence
from recint.sweep.emergence import Appearance, Appearances, Sweep, held
from recint.words import counted


def headline(swept: Sweep) -> str:
    """One sentence that says how many claims hold at the end in all networks.

    >>> headline(study)
    '19 of 46 claims hold in all 4 trained networks'
    """
    if not swept.networks:
        return "No checkpoint could be judged"
    everywhere = len(_everywhere(swept))
    networks = len(swept.networks)
    where = {1: "the one trained network", 2: "both trained networks"}.get(
        networks, f"all {networks:,} trained networks"
    )
    return f"{everywhere} of {counted(len(swept.claims), 'claim')} {_verb(everywhere, 'hold')} in {where}"


def _everywhere(swept: Sweep) -> list[str]:
    return [claim for claim in swept.claims if held(swept.at_the_end(claim)).held == len(swept.networks)]


def when(swept: Sweep) -> str:
    """One sentence that says when the claims of the headline begin to hold, and how many others hold in some networks."""
    if not swept.networks:
        return "Below is why."
    claims = [swept.appearances(claim) for claim in _everywhere(swept)]
    somewhere = sum(held(swept.at_the_end(claim)).held > 0 for claim in swept.claims) - len(claims)
    rest = []
    if len(swept.networks) > 1:
        rest = [f"{somewhere or 'none'} more {_verb(somewhere, 'hold')} in some"]
    if not swept.trainings:
        return _sentence([*rest, "none came with snapshots, so when a claim begins to hold is not known"])
    during = [claim for claim in claims if any(at.after is not None for at in claim.begun)]
    parts = []
    if during:
        after = min(at.step if at.after is None else at.after for claim in during for at in claim.begun)
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


def first_and_last(begun: Sequence[Appearances]) -> str:
    """Names the claims that begin to hold first and last.

    Args:
        begun: claims in the order in which they begin to hold.
    """
    first, last = (f"{claim.claim} (step {_half_by(claim)})" for claim in (begun[0], begun[-1]))
    return f"First to appear is {first}" + (f", last {last}" if len(begun) > 1 else "")


def roles(swept: Sweep) -> str:
    """Says at which step half of the claims about each role hold; empty if there is no such role."""
    steps = [f"about {role} by step {step:,}" for role, step in emergence.roles(swept)]
    return f"Half of the claims hold: {', '.join(steps)}." if steps else ""


def order_alike(appearing: Sequence[Appearances]) -> str:
    """Says how far the trainings agree on the order of the claims; empty if fewer than two trainings have an order."""
    alike = emergence.agreement(appearing)
    if alike is None:
        return ""
    pairs = f"mean over pairs of {alike.trainings:,} trainings" if alike.trainings > 2 else "between two trainings"
    return (
        f"How far trainings agree on the order: rank correlation {alike.correlation:.2f} over {alike.claims} claims, "
        f"{pairs} (1: one order, 0: chance)."
    )


def _half_by(claim: Appearances) -> str:
    """The median step, or the first step if the claim begins to hold in fewer than half of the trainings."""
    return f"{claim.range[0] if claim.half_by is None else claim.half_by:,}"


def begins(appearances: Appearances) -> str:
    """Words that say when a claim begins to hold."""
    begun, of = appearances.begun, len(appearances.each)
    if not begun:
        return "never holds for good" if of == 1 else f"holds for good in none of {of} trainings"
    all_of_them = "both" if of == 2 else f"all {of}"
    where = "" if of == 1 else f"in {all_of_them if len(begun) == of else f'{len(begun)} of {of}'} trainings, "
    if all(at.after is None for at in begun):
        return f"{where}holds from the first snapshot on"
    first, last = appearances.range
    if len(begun) == 1:
        return f"{where}begins to hold after step {begun[0].after:,}, by step {begun[0].step:,}"
    by = f"by step {first:,}" if first == last else f"by steps {first:,} to {last:,}"
    return f"{where}begins to hold {by}"


def bracket(at: Appearance | None) -> str:
    """The interval of steps in which a claim begins to hold.

    >>> bracket(Appearance(step=2000, after=1000)), bracket(Appearance(step=0, after=None)), bracket(None)
    ('(1,000, 2,000]', 'from 0 on', 'never')
    """
    if at is None:
        return "never"
    return f"from {at.step:,} on" if at.after is None else f"({at.after:,}, {at.step:,}]"
