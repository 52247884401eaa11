"""Runs as a Markdown table with a row for each claim and a column for each checkpoint: for a README or a CI summary."""

from __future__ import annotations

from collections.abc import Sequence

from recint import words as sentences
from recint.globs import require_matches, selected
from recint.judging.entry import Entry, Run
from recint.judging.told import Departure
from recint.pages import markdown as markdowns
from recint.pages.findings import answer, headline, told
from recint.pages.markdown import Markdown, code
from recint.pages.statistic import should
from recint.system.escaping import markdown as escape
from recint.verdict import SYMBOLS, words

BEGIN, END = "<!-- recint board: generated, do not edit -->", "<!-- end of recint board -->"


def markdown(runs: Sequence[Run], *, claims: Sequence[str] = ()) -> str:
    """One sentence for each checkpoint that counts its verdicts, and the table of claims.

    Args:
        claims: globs of the claims in the table; empty for all. The sentences always count all claims.

    Raises:
        ValueError: the runs judged different versions of a claim, or a glob matches none.
    """
    require_matches(claims, {claim.id for run in runs for claim in run.claims})
    return "\n".join([*(f"- {escape(answer(run))}." for run in runs), "", table(runs, claims=claims)])


def table(runs: Sequence[Run], *, claims: Sequence[str] = ()) -> str:
    """The table: for each claim and checkpoint the verdict, the statistic, and where the claim breaks.

    Raises:
        ValueError: the runs judged different versions of a claim.
    """
    known: dict[str, Entry] = {}
    for run in runs:
        for claim in run.claims:
            if known.setdefault(claim.id, claim).hash != claim.hash:
                raise ValueError(f"{claim.id}: the verdict files judge different versions of it; verify again")
    columns = [{claim.id: claim for claim in run.claims} for run in runs]
    rows = [
        [_about(claim), should(claim), *(_cell(by_id.get(name)) for by_id in columns)]
        for name, claim in known.items()
        if selected(name, claims)
    ]
    return markdowns.table(["claim", "should be", *(run.checkpoint["name"] for run in runs)], rows) + "\n"


def _about(claim: Entry) -> Markdown:
    """The id, the statement and the caveat of a claim."""
    caveat = f"<br>*The statistic {escape(claim.caveat)}.*" if claim.caveat else ""
    return Markdown(f"{code(claim.id)}<br>{escape(claim.statement)}{caveat}")


def summary(run: Run, *, departures: Sequence[Departure]) -> str:
    """One run as Markdown for a CI summary: the headline, the verdicts that fail the run, and the table.

    Args:
        departures: the verdicts that fail the run.
    """
    lines = [f"## {escape(headline(run))}", ""]
    lines += [f"- **{escape(departure.sentence)}**" for departure in departures]
    lines += [f"- allowed: {escape(drifted.sentence)}" for drifted in run.drift if drifted.allowed]
    lines += [f"- {escape(pair.sentence)}" for pair in told(run)]
    lines += [f"- not compared: {escape(sentence)}" for sentence in run.incomparable]
    lines += [f"- judged otherwise: {escape(sentence)}" for sentence in run.judged_otherwise]
    if run.against:
        lines += ["", f"Compared with {escape(run.against.name)} (tensors {run.against.sha256[:12]})."]
    return "\n".join([*lines, "", table([run]), ""])


def _cell(claim: Entry | None) -> str:
    if claim is None:
        return "not judged"
    verdict = f"{SYMBOLS[claim.verdict]} {words(claim.verdict)}"
    if claim.value is None:
        return verdict
    counterexample = claim.decisive
    where = f"<br>{counterexample.value:.3g} at {escape(counterexample.where)}" if counterexample else ""
    beside = "".join(
        f"<br>{escape(name)}: {contrast.value:.3g}, should be {should(contrast)}"
        for name, contrast in claim.contrast.items()
        if claim.verdict == "refuted" and not contrast.holds
    )
    reached = f"<br>{sentences.reach(claim)}" if claim.verdict == "supported" and sentences.reach(claim) else ""
    return Markdown(f"{verdict}, {claim.value:.3g}{where}{beside}{reached}")


def replaced(text: str, table: str) -> str:
    """A document in which the table replaces the text between the marks BEGIN and END.

    Raises:
        ValueError: the document does not have both marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no place for the table: put the lines {BEGIN!r} and {END!r} where it is to stand")
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"
