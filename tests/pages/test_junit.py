"""Verdicts as JUnit XML: what the run fails for is a failure."""

from xml.etree import ElementTree

from recint.judging.told import Departure
from recint.pages import junit

from ..entries import entry, run
from ..odd import ODD, odd_run


def test_junit_is_xml_and_fails_what_fails():
    found = odd_run()
    failing = [Departure(claim=claim.id, happened="refuted") for claim in found.claims[::2]]
    suite = ElementTree.fromstring(junit.xml(found, departures=failing).encode())
    assert len(suite.findall("testcase")) == len(ODD)
    assert len(suite.findall("testcase/failure")) == int(suite.get("failures")) == len(failing)


def test_junit_knows_claims_with_a_colon():
    found = run(entry("a: b", "refuted"), entry("a", "refuted"))
    failing = [Departure(claim="a: b", happened="refuted")]
    suite = ElementTree.fromstring(junit.xml(found, departures=failing).encode())
    failed = [case.get("classname") for case in suite.iter("testcase") if case.find("failure") is not None]
    assert failed == ["a: b"]


def test_junit_fails_what_the_run_fails_for_and_nothing_else(drifted):
    suite = ElementTree.fromstring(junit.xml(drifted, departures=drifted.not_allowed))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
    cases = {f"{case.get('classname')}.{case.get('name')}": case for case in suite}
    assert cases["a.a"].find("failure").get("message") == drifted.not_allowed[0].sentence
    assert cases["a.a"].find("failure").text == "it is <small>"
    assert cases["a.c"].find("skipped").get("message") == "no layer"
    assert [claim for claim, case in cases.items() if case.find("failure") is not None] == ["a.a"]
