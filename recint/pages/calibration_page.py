"""Rows of a calibration -> Markdown and HTML: the matrix of claims x controls, what kills what, and how often it is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from recint.judging.controls import GROUPS, false_rates, kills, never_refuted, never_supported, survivors
from recint.system import escaping
from recint.system.escaping import markdown as inline
from recint.verdict import SYMBOLS

Row = Mapping[str, Any]
Reasons = Mapping[str, str]  # why no model can be built of which a claim is true, by its id
NO_REASONS: Reasons = MappingProxyType({})
LEGEND = ", ".join(f"{symbol} {verdict.replace('_', ' ')}" for verdict, symbol in SYMBOLS.items())


def answers(rows: Sequence[Row], reasons: Reasons = NO_REASONS) -> Iterator[tuple[str, str]]:
    """The questions that a calibration answers, each with its answer in a sentence."""
    for name, found in false_rates(rows).items():
        yield f"Rate of {name}", f"{found} of the models with claims whose truth is known by construction"
    graded = [row for row in rows if row["group"] == "graded"]
    for strength in ("strong", "weak", "near miss"):
        yield f"On {strength} models", _graded(graded, strength)
    killed = kills(rows)
    yield "Mutants", f"{sum(map(bool, killed.values()))} of {len(killed)} are killed by at least one claim"
    yield "Mutants that a claim made for them does not kill", "; ".join(survivors(rows)) or "none"
    yield "Claims that no control refutes", ", ".join(never_refuted(rows)) or "none"
    unsupported = [f"{claim} ({why})" if (why := reasons.get(claim)) else claim for claim in never_supported(rows)]
    yield "Claims that no control supports", "; ".join(unsupported) or "none"


def _graded(rows: Sequence[Row], strength: str) -> str:
    """Of the one claim that each of these models grades, how often each verdict was reached."""
    verdicts = []
    for row in rows:
        claim, _, found = row["name"].partition(": ")
        if found == strength and claim in row["verdicts"]:
            verdicts.append(row["verdicts"][claim])
    counts = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)}
    told = ", ".join(f"{count} {verdict.replace('_', ' ')}" for verdict, count in counts.items())
    return f"the claim that is graded is {told}" if told else "no claim was graded"


def wrong(row: Row, claim: str) -> bool:
    """Whether the verdict contradicts what is true by construction."""
    truth, verdict = row["truth"].get(claim), row["verdicts"].get(claim)
    return (truth is True and verdict == "refuted") or (truth is False and verdict == "supported")


def _claims(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(claim for row in rows for claim in row["verdicts"]))


def _short(row: Row) -> str:
    """The name without that of what it was made from, which stands in the title or in the first column."""
    name: str = row["name"]
    return name.removeprefix(f"{row['base']}: ")


def _tables(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    for group, title in GROUPS.items():
        if found := [row for row in rows if row["group"] == group]:
            yield title, found


def markdown(rows: Sequence[Row], *, command: str, reasons: Reasons = NO_REASONS) -> str:
    """The whole calibration as a page; `command` is what makes it again."""
    lines = [
        "# Calibration",
        "",
        "How often the suite itself is wrong, on models whose truth is known and on models broken on purpose. Made by",
        "",
        escaping.block(command),
        "",
        *(f"- **{question}:** {inline(answer)}" for question, answer in answers(rows, reasons)),
        "",
        f"Verdicts: {LEGEND}. **Bold**: the claim that the control was made to refute. `wrong`: against the truth by construction.",
    ]
    claims = _claims(rows)
    for title, found in _tables(rows):
        lines += ["", f"## {title}", "", "| control | " + " | ".join(map(escaping.code, claims)) + " |"]
        lines.append("|---" * (len(claims) + 1) + "|")
        for row in found:
            cells = [_markdown_cell(row, claim) for claim in claims]
            lines.append(f"| {inline(_short(row))} | " + " | ".join(cells) + " |")
    killed = kills(rows)
    lines += ["", "## What kills which mutant", "", "| mutant | killed by |", "|---|---|"]
    lines += [
        f"| {inline(name)} | {', '.join(map(escaping.code, found)) or 'nothing'} |" for name, found in killed.items()
    ]
    return "\n".join(lines) + "\n"


def _markdown_cell(row: Row, claim: str) -> str:
    verdict = row["verdicts"].get(claim)
    if verdict is None:
        return ""
    symbol = SYMBOLS[verdict]
    symbol = f"**{symbol}**" if claim in row["made_for"] else symbol
    return f"{symbol} `wrong`" if wrong(row, claim) else symbol


def html(rows: Sequence[Row], *, checkpoint: str, command: str, reasons: Reasons = NO_REASONS) -> str:
    """The same as a self-contained page."""
    claims = _claims(rows)
    style = files("recint.pages").joinpath("report.css").read_text()
    first = "".join(
        f"<tr><th scope='row'>{escape(question)}</th><td>{escape(answer)}</td></tr>"
        for question, answer in answers(rows, reasons)
    )
    sections = "".join(_html_table(title, found, claims) for title, found in _tables(rows))
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>recint: calibration</title>
<style>{style}</style></head>
<body class="calibration"><div class="recint"><h1>How often is the suite wrong?</h1>
<p class="facts">Every claim on every control of <code>{escape(checkpoint)}</code> · <code>{escape(command)}</code></p>
<table class="answers">{first}</table>
<p class="small">{escape(LEGEND)}. Outlined: the claim that the control was made to refute. Struck: against the truth by
construction. Point at a cell for its statistic.</p>{sections}</div></body></html>
"""


def _html_table(title: str, rows: Sequence[Row], claims: Sequence[str]) -> str:
    head = "".join(f'<th class="turned"><div>{escape(_short(row))}</div></th>' for row in rows)
    body = "".join(
        f'<tr><th scope="row">{escape(claim)}</th>' + "".join(_html_cell(row, claim) for row in rows) + "</tr>"
        for claim in claims
    )
    table = f"<table class='matrix'><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<h2>{escape(title)}</h2><div class='wide-table'>{table}</div>"


def _html_cell(row: Row, claim: str) -> str:
    verdict = row["verdicts"].get(claim)
    if verdict is None:
        return "<td></td>"
    value = row["values"].get(claim)
    about = f"{row['name']} · {claim}: {verdict.replace('_', ' ')}"
    about += "" if value is None else f" ({value:.3g})"
    about += f" · {row['messages'][claim]}" if row["messages"].get(claim) else ""
    marks = [verdict, *(["made-for"] if claim in row["made_for"] else []), *(["wrong"] if wrong(row, claim) else [])]
    return f'<td class="{" ".join(marks)}" title="{escape(about)}">{SYMBOLS[verdict]}</td>'
