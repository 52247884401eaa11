"""Verdict files -> one Markdown table: claims x checkpoints, for a README, a pull request, or a CI summary."""

from __future__ import annotations

from collections.abc import Sequence

from recint import words as sentences
from recint.catalogue import require_matches, selected
from recint.judging.entry import Departure, Entry, Run
from recint.pages import markdown as markdowns
from recint.pages.findings import answer, headline
from recint.pages.markdown import Markdown, code
from recint.pages.statistic import should
from recint.system.escaping import markdown as escape
from recint.verdict import SYMBOLS, words

BEGIN, END = "<!-- recint board: generated, do not edit -->", "<!-- end of recint board -->"


def markdown(runs: Sequence[Run], *, claims: Sequence[str] = ()) -> str:
    """The answer for each checkpoint in a sentence, and the table of claims.

    Args:
        claims: globs of the claims that the table shows, all if there are none. The answers are about all either way.

    Raises:
        ValueError: the runs judged different versions of a claim, or a glob matches none.
    """
    require_matches(claims, {claim.id for run in runs for claim in run.claims})
    return "\n".join([*(f"- {escape(answer(run))}." for run in runs), "", table(runs, claims=claims)])


def table(runs: Sequence[Run], *, claims: Sequence[str] = ()) -> str:
    """Claims with their verdicts, their statistics, and where they break, a column for each checkpoint.

    Raises:
        ValueError: the runs judged different versions of a claim.
    """
    known: dict[str, Entry] = {}
    for run in runs:
        for claim in run.claims:
            if known.setdefault(claim.id, claim).hash != claim.hash:
                raise ValueError(f"{claim.id}: the verdict files judge different versions of it; verify again")
    found = [{claim.id: claim for claim in run.claims} for run in runs]
    rows = [
        [_about(claim), should(claim), *(_cell(by_id.get(name)) for by_id in found)]
        for name, claim in known.items()
        if selected(name, claims)
    ]
    return markdowns.table(["claim", "should be", *(run.checkpoint["name"] for run in runs)], rows) + "\n"


def _about(claim: Entry) -> Markdown:
    """What is claimed, and what the statistic measures instead."""
    caveat = f"<br>*The statistic {escape(claim.caveat)}.*" if claim.caveat else ""
    return Markdown(f"{code(claim.id)}<br>{escape(claim.statement)}{caveat}")


def summary(run: Run, *, departures: Sequence[Departure]) -> str:
    """One run as Markdown for a pull request or a step's summary: the answer, what fails it, and the board."""
    lines = [f"## {escape(headline(run))}", ""]
    lines += [f"- **{escape(departure.sentence)}**" for departure in departures]
    lines += [f"- allowed: {escape(found.sentence)}" for found in run.drift if found.allowed]
    lines += [f"- not compared: {escape(sentence)}" for sentence in run.incomparable]
    lines += [f"- judged otherwise: {escape(sentence)}" for sentence in run.judged_otherwise]
    if run.against:
        lines += ["", f"Held against {escape(run.against.name)} (tensors {run.against.sha256[:12]})."]
    return "\n".join([*lines, "", table([run]), ""])


def _cell(claim: Entry | None) -> str:
    if claim is None:
        return "not asked"
    told = f"{SYMBOLS[claim.verdict]} {words(claim.verdict)}"
    if claim.value is None:
        return told
    found = claim.decisive
    where = f"<br>{found.value:.3g} at {escape(found.where)}" if found else ""
    beside = "".join(
        f"<br>{escape(name)}: {contrast.value:.3g}, should be {should(contrast)}"
        for name, contrast in claim.contrast.items()
        if claim.verdict == "refuted" and not contrast.holds
    )
    reached = f"<br>{sentences.reach(claim)}" if claim.verdict == "supported" and sentences.reach(claim) else ""
    return Markdown(f"{told}, {claim.value:.3g}{where}{beside}{reached}")


def replaced(text: str, table: str) -> str:
    """A document with what stands between its marks replaced.

    Raises:
        ValueError: it has no marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no place for the table: put the lines {BEGIN!r} and {END!r} where it is to stand")
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"
