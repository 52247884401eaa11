"""The verdicts of a run as JUnit XML, with a test case for each claim. Many CI servers can show such files.

The `--junit-xml` of pytest knows only what each test knew by itself. This file has the final verdicts, after the correction over
all claims. A case fails if the run fails because of it: the verdict is not as expected, or it drifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from recint.judging.entry import Run
from recint.judging.told import Departure
from recint.system.escaping import xml as escape
from recint.verdict import words


def xml(run: Run, *, departures: Sequence[Departure]) -> str:
    """The file as text: one test suite with the name of the checkpoint.

    Args:
        departures: the verdicts that fail the run.
    """
    claims = run.claims
    why = {departure.claim: departure.sentence for departure in departures}
    skipped = [claim for claim in claims if claim.verdict == "not_applicable" and claim.id not in why]
    suite = _element(
        None,
        "testsuite",
        name=f"recint: {run.checkpoint['name']}",
        timestamp=run.started,
        time=f"{run.seconds:.1f}",
        tests=str(len(claims)),
        failures=str(len(why)),
        skipped=str(len(skipped)),
        errors="0",
    )
    for claim in claims:
        where, _, what = claim.id.partition(".")
        case = _element(suite, "testcase", classname=where, name=what, time=f"{claim.seconds:.2f}")
        if claim.id in why:
            _element(case, "failure", claim.message, message=why[claim.id])
        elif claim in skipped:
            _element(case, "skipped", message=claim.message)
        _element(case, "system-out", f"{words(claim.verdict)}. {claim.statement}")
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True).decode() + "\n"


def _element(within: Element | None, tag: str, content: str | None = None, **attributes: str) -> Element:
    """An element, without the characters that XML does not allow."""
    allowed = {name: escape(value) for name, value in attributes.items()}
    element = Element(tag, allowed) if within is None else ElementTree.SubElement(within, tag, allowed)
    element.text = None if content is None else escape(content)
    return element
