"""The predicate of a run has the shape that in-toto publishes, and tells passes, warnings and failures apart."""

import base64
import hashlib
import json
from dataclasses import replace

from jsonschema import Draft202012Validator

from recint.judging.entry import Baseline, Drift, Pair
from recint.record.attestation import predicate

from ..entries import entry, run

NAMES = {"type": "array", "items": {"type": "string"}}
# Written from the "Fields" of the test result and of the ResourceDescriptor in in-toto's specification.
SHAPE = {
    "type": "object",
    "required": ["result", "configuration"],
    "additionalProperties": False,
    "properties": {
        "result": {"enum": ["PASSED", "WARNED", "FAILED"]},
        "configuration": {
            "type": "array",
            "items": {
                "type": "object",
                "anyOf": [{"required": ["uri"]}, {"required": ["digest"]}, {"required": ["content"]}],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string"},
                    "uri": {"type": "string"},
                    "digest": {"type": "object", "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]+$"}},
                    "content": {"type": "string", "pattern": "^[A-Za-z0-9+/]+=*$"},
                    "downloadLocation": {"type": "string"},
                    "mediaType": {"type": "string"},
                    "annotations": {"type": "object"},
                },
            },
        },
        "url": {"type": "string"},
        "passedTests": NAMES,
        "warnedTests": NAMES,
        "failedTests": NAMES,
    },
}


def made(*arguments, **how):
    """A predicate, which is of the published shape."""
    found = json.loads(json.dumps(predicate(*arguments, **how)))
    Draft202012Validator(SHAPE).validate(found)
    return found


def sorted_out(of):
    return [of[f"{kind}Tests"] for kind in ("passed", "warned", "failed")]


def test_without_a_baseline_a_claim_passes_if_it_is_supported_or_as_expected():
    found = made(run(entry("a.a"), entry("a.b", "refuted", expected="refuted"), entry("a.c", "not_applicable")))
    assert found["result"] == "PASSED"
    assert sorted_out(found) == [["a.a", "a.b", "a.c"], [], []]
    found = made(run(entry("a.a"), entry("a.b", "refuted"), entry("a.c", expected="refuted")))
    assert found["result"] == "FAILED"
    assert sorted_out(found) == [["a.a"], [], ["a.b", "a.c"]]


def against(*drift, pairs=()):
    judged = run(entry("a.a"), entry("a.b", "refuted"), entry("a.c"))
    return replace(judged, against=Baseline(name="old", sha256="cd" * 32, started=""), drift=drift, pairs=pairs)


def drifted(claim, *, allowed):
    return Drift(claim=claim, kind="moved", happened="moved", allowed=allowed)


def test_with_a_baseline_a_claim_fails_if_it_drifts():
    assert made(against())["result"] == "PASSED"
    found = made(against(drifted("a.c", allowed=False), drifted("a.a", allowed=True)))
    assert found["result"] == "FAILED"
    assert sorted_out(found) == [["a.b"], ["a.a"], ["a.c"]]


def test_allowed_drift_and_a_verdict_that_flips_are_warnings():
    pair = Pair(
        claim="a.b", before=1.0, after=0.9, verdict_before="supported", verdict_after="refuted", outcome="flips"
    )
    found = made(against(drifted("a.a", allowed=True), pairs=(pair,)))
    assert found["result"] == "WARNED"
    assert sorted_out(found) == [["a.c"], ["a.a", "a.b"], []]


def test_the_configuration_holds_what_was_judged_and_its_own_hash():
    of = run(entry("a.a"))
    (resource,) = made(of)["configuration"]
    content = base64.b64decode(resource["content"])
    assert resource["digest"] == {"sha256": hashlib.sha256(content).hexdigest()}
    how = json.loads(content)
    assert how["checkpoint"]["sha256"] == of.checkpoint["sha256"]
    assert how["claims"] == {"a.a": "hash of a.a"}
    assert (how["seed"], how["against"]) == (0, None)


def test_the_address_of_the_job_is_there_if_it_is_known():
    assert made(run(), url="https://ci.example.org/3")["url"] == "https://ci.example.org/3"
    assert "url" not in made(run())
