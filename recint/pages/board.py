"""Verdict files -> one Markdown table: claims x checkpoints, for a README, a pull request, or a CI summary."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recint import words as sentences
from recint.pages.findings import answer, headline
from recint.pages.statistic import should
from recint.record.shapes import BESIDE, CHECKPOINT, SETTLED, anything, having, listing, text
from recint.statistics.sampling import holds
from recint.system.escaping import code
from recint.system.escaping import markdown as escape
from recint.verdict import SYMBOLS, words

_ALSO = ("statement", "quantifier", "expected", "search", "contrast", "message")
_CLAIM = having({**SETTLED, **{name: BESIDE[name] for name in _ALSO}}, BESIDE)
_FILE = {"checkpoint": CHECKPOINT, "started": text, "claims": listing(_CLAIM)}
_DRIFT = {"against": CHECKPOINT, "drift": listing(having({"sentence": text, "allowed": anything}))}
BEGIN, END = "<!-- recint board: generated, do not edit -->", "<!-- end of recint board -->"


def read(path: Path) -> dict[str, Any]:
    """A verdict file.

    Raises:
        ValueError: the file is none.
    """
    try:
        run: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        flaw = having(_FILE | (_DRIFT if isinstance(run, dict) and "against" in run else {}))(run, "")
        if not flaw and run.get("schema") != 1:
            flaw = f"schema is {run.get('schema')!r}, but expected 1"
        ids = [] if flaw else [claim["id"] for claim in run["claims"]]
        if twice := next((claim for claim in ids if ids.count(claim) > 1), None):
            flaw = f"{twice} is in it more than once"
    except (ValueError, RecursionError):
        flaw = "it is no JSON"
    if flaw:
        raise ValueError(f"{path}: is not a verdict file ({flaw}); `recint verify --verdicts FILE.json` writes one")
    return run


def markdown(runs: Sequence[Mapping[str, Any]]) -> str:
    """The answer for each checkpoint in a sentence, and the table of claims.

    Raises:
        ValueError: the runs judged different versions of a claim.
    """
    return "\n".join([*(f"- {escape(answer(run))}." for run in runs), "", table(runs)])


def table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Every claim with its verdict, its statistic, and where it breaks, a column for each checkpoint.

    Raises:
        ValueError: the runs judged different versions of a claim.
    """
    claims: dict[str, Mapping[str, Any]] = {}
    for run in runs:
        for claim in run["claims"]:
            if claims.setdefault(claim["id"], claim)["hash"] != claim["hash"]:
                raise ValueError(f"{claim['id']}: the verdict files judge different versions of it; verify again")
    lines = [f"| claim | should be | {' | '.join(escape(run['checkpoint']['name']) for run in runs)} |"]
    lines += ["|---" * (2 + len(runs)) + "|"]
    found = [{claim["id"]: claim for claim in run["claims"]} for run in runs]
    for name, claim in claims.items():
        cells = [_cell(by_id.get(name)) for by_id in found]
        lines.append(
            f"| {code(name)}<br>{escape(claim['statement'])}{_caveat(claim)} | {should(claim)} | {' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"


def _caveat(claim: Mapping[str, Any]) -> str:
    """What a statistic measures instead of what the statement says."""
    return f"<br>*The statistic {escape(claim['caveat'])}.*" if claim.get("caveat") else ""


def summary(run: Mapping[str, Any], *, departures: Sequence[str]) -> str:
    """One run as Markdown for a pull request or a step's summary: the answer, what fails it, and the board."""
    lines = [f"## {escape(headline(run))}", ""]
    lines += [f"- **{escape(sentence)}**" for sentence in departures]
    lines += [f"- allowed: {escape(found['sentence'])}" for found in run.get("drift", ()) if found["allowed"]]
    lines += [f"- not compared: {escape(sentence)}" for sentence in run.get("incomparable", ())]
    lines += [f"- judged otherwise: {escape(sentence)}" for sentence in run.get("judged_otherwise", ())]
    if "against" in run:
        lines += ["", f"Held against {escape(run['against']['name'])} (tensors {run['against']['sha256'][:12]})."]
    return "\n".join([*lines, "", table([run]), ""])


def _cell(claim: Mapping[str, Any] | None) -> str:
    if claim is None:
        return "not asked"
    told = f"{SYMBOLS[claim['verdict']]} {words(claim['verdict'])}"
    if claim["value"] is None:
        return told
    found = claim["search"] and claim["search"]["counterexample"]
    where = (
        f"<br>{found['value']:.3g} at {escape(found['where'])}" if found and claim["quantifier"] != "average" else ""
    )
    beside = "".join(
        f"<br>{escape(name)}: {contrast['value']:.3g}, should be {should(contrast)}"
        for name, contrast in (claim["contrast"] or {}).items()
        if claim["verdict"] == "refuted" and not holds(contrast["value"], contrast["relation"], contrast["threshold"])
    )
    reached = f"<br>{sentences.reach(claim)}" if claim["verdict"] == "supported" and sentences.reach(claim) else ""
    return f"{told}, {claim['value']:.3g}{where}{beside}{reached}"


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
