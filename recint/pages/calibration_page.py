"""The page of a calibration, as Markdown and HTML.

It shows how often the suite was wrong, the matrix of claims and controls, and which claims kill which mutant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from recint.judging.controls import GROUPS, Row, false_rates, kills, never_refuted, never_supported, survivors
from recint.pages.markdown import Markdown, code, table
from recint.pages.templating import render
from recint.system import escaping
from recint.verdict import SYMBOLS, words
from recint.words import LEGEND

Reasons = Mapping[str, str]  # for a claim's id, why no model can be built for which it is true
NO_REASONS: Reasons = MappingProxyType({})


def answers(rows: Sequence[Row], reasons: Reasons = NO_REASONS) -> Iterator[tuple[str, str]]:
    """Pairs of a question and the answer that the calibration gives."""
    for name, rate in false_rates(rows).items():
        yield f"Rate of {name}", f"{rate} of the models with claims whose truth is known by construction"
    for strength in ("strong", "weak", "near miss"):
        yield f"On {strength} models", _graded(rows, strength)
    killed = kills(rows)
    yield "Mutants", f"{sum(map(bool, killed.values()))} of {len(killed)} are killed by at least one claim"
    yield "Mutants that a claim made for them does not kill", "; ".join(survivors(rows)) or "none"
    yield "Claims that no control refutes", ", ".join(never_refuted(rows)) or "none"
    unsupported = [f"{claim} ({why})" if (why := reasons.get(claim)) else claim for claim in never_supported(rows)]
    yield "Claims that no control supports", "; ".join(unsupported) or "none"


def _graded(rows: Sequence[Row], strength: str) -> str:
    """Counts the verdicts on graded claims: a graded model makes one claim true with this strength."""
    verdicts = [
        row.verdicts[row.grade.claim]
        for row in rows
        if row.grade and row.grade.strength == strength and row.grade.claim in row.verdicts
    ]
    counts = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)}
    counted = ", ".join(f"{count} {words(verdict)}" for verdict, count in counts.items())
    return f"the claim that is graded is {counted}" if counted else "no claim was graded"


def wrong(row: Row, claim: str) -> bool:
    """Whether the verdict contradicts the truth, which is known by construction."""
    truth, verdict = row.truth.get(claim), row.verdicts.get(claim)
    return (truth is True and verdict == "refuted") or (truth is False and verdict == "supported")


def _claims(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(claim for row in rows for claim in row.verdicts))


def _tables(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    for group, title in GROUPS.items():
        if of_group := [row for row in rows if row.group == group]:
            yield title, of_group


def markdown(rows: Sequence[Row], *, command: str, reasons: Reasons = NO_REASONS) -> str:
    """The whole calibration as Markdown.

    Args:
        command: the command line that made it.
        reasons: for a claim's id, why no model can be built for which it is true.
    """
    lines = [
        "# Calibration",
        "",
        "How often the suite itself is wrong: on models whose truth is known, and on models that were broken on purpose. Made by",
        "",
        escaping.block(command),
        "",
        *(f"- **{question}:** {escaping.markdown(answer)}" for question, answer in answers(rows, reasons)),
        "",
        f"Verdicts: {LEGEND}. **Bold**: the control was made to refute this claim. "
        "`wrong`: the verdict contradicts what is true by construction.",
    ]
    claims = _claims(rows)
    for title, controls in _tables(rows):
        cells = [[row.short, *(_markdown_cell(row, claim) for claim in claims)] for row in controls]
        lines += ["", f"## {title}", "", table(["control", *map(code, claims)], cells)]
    killed = [(name, _listed(killers) or "nothing") for name, killers in kills(rows).items()]
    return "\n".join([*lines, "", "## What kills which mutant", "", table(["mutant", "killed by"], killed), ""])


def _listed(claims: Sequence[str]) -> Markdown:
    return Markdown(", ".join(map(code, claims)))


def _markdown_cell(row: Row, claim: str) -> Markdown:
    verdict = row.verdicts.get(claim)
    if verdict is None:
        return Markdown()
    symbol = f"**{SYMBOLS[verdict]}**" if claim in row.made_for else SYMBOLS[verdict]
    return Markdown(f"{symbol} `wrong`" if wrong(row, claim) else symbol)


def html(rows: Sequence[Row], *, checkpoint: str, command: str, reasons: Reasons = NO_REASONS) -> str:
    """The whole calibration as an HTML page in one file."""
    return render(
        "calibration.html",
        checkpoint=checkpoint,
        command=command,
        answers=answers(rows, reasons),
        claims=_claims(rows),
        tables=_tables(rows),
        about=_about,
        marks=_marks,
    )


def _about(row: Row, claim: str) -> str:
    """The text that appears when the reader points at a cell of the matrix."""
    value, message = row.values.get(claim), row.messages.get(claim)
    text = f"{row.name} · {claim}: {words(row.verdicts[claim])}"
    text += "" if value is None else f" ({value:.3g})"
    return text + (f" · {message}" if message else "")


def _marks(row: Row, claim: str) -> list[str]:
    marks = {"made-for": claim in row.made_for, "wrong": wrong(row, claim)}
    return [mark for mark, there in marks.items() if there]
