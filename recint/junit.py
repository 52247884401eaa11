"""Settled verdicts -> JUnit XML: a test case for each claim, for servers that show such files.

pytest's own `--junit-xml` is written from what each test knew by itself; this one comes after the correction over all claims of
the run, and fails what the run fails for: a departure from what was expected, or drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from recint.report import words


def xml(run: Mapping[str, Any], *, departures: Sequence[str]) -> str:
    """One suite, named by the checkpoint; `departures` are the sentences, each beginning "<claim>: ", of what fails the run."""
    why = {sentence.partition(":")[0]: sentence for sentence in departures}
    claims = run["claims"]
    skipped = [claim for claim in claims if claim["verdict"] == "not_applicable" and claim["id"] not in why]
    suite = ElementTree.Element(
        "testsuite",
        name=f"recint: {run['checkpoint']['name']}",
        timestamp=run["started"],
        time=f"{run['seconds']:.1f}",
        tests=str(len(claims)),
        failures=str(len(why)),
        skipped=str(len(skipped)),
        errors="0",
    )
    for claim in claims:
        where, _, what = claim["id"].partition(".")
        case = ElementTree.SubElement(suite, "testcase", classname=where, name=what, time=f"{claim['seconds']:.2f}")
        if claim["id"] in why:
            ElementTree.SubElement(case, "failure", message=why[claim["id"]]).text = claim["message"]
        elif claim in skipped:
            ElementTree.SubElement(case, "skipped", message=claim["message"])
        ElementTree.SubElement(case, "system-out").text = f"{words(claim['verdict'])}. {claim['statement']}"
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
