"""The schema of what is written, and the sentences on what it does not allow."""

import json
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator

from recint.record import schema, verdict_file
from recint.verdict import SYMBOLS

from ..entries import entry, run
from .test_verdict_file import WHOLE

TEXT = files("recint.record").joinpath(schema.SCHEMA).read_text(encoding="utf-8")


def test_it_is_a_schema_and_knows_every_verdict():
    content = json.loads(TEXT)
    Draft202012Validator.check_schema(content)
    assert content["$defs"]["verdict"]["enum"] == list(SYMBOLS)
    assert content["$defs"]["entry"]["properties"]["expected"]["enum"] == [*SYMBOLS, None]


def test_what_is_written_is_allowed_and_every_name_of_it_is_told():
    written = json.loads(verdict_file.text(run(WHOLE, entry("a.a", ci=None))))
    assert schema.flaw(written) is None
    Draft202012Validator(json.loads(TEXT)).validate(written)  # as a stranger's validator reads it
    content = json.loads(TEXT)
    assert written.keys() <= content["properties"].keys()
    assert list(written["claims"][0]) == list(content["$defs"]["entry"]["properties"])
    for name in ("estimate", "failing", "search"):
        assert list(written["claims"][0][name]) == list(content["$defs"][name]["properties"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3, "it is 3, but expected an object"),
        ({}, "sha256 is missing"),
        ({"sha256": "a", "claims": []}, "claims is [], but expected an object"),
        ({"sha256": "a", "claims": {"a.b": {"verdict": "supported"}}}, "claims.a.b.reason is missing"),
        (
            {"sha256": "a", "claims": {"a": {"verdict": None, "reason": ""}}},
            "claims.a.verdict is None, but expected one of",
        ),
        ({"sha256": "a" * 99, "claims": ["x" * 99]}, f"claims is ['{'x' * 57}…, but expected an object"),
    ],
)
def test_the_first_flaw_is_told_by_its_path_what_was_found_and_what_was_expected(value, said):
    assert schema.flaw(value, "expected").startswith(said)


@pytest.mark.parametrize(
    ("number", "allowed"), [(1, True), (1.5, True), (True, False), (10**400, False), ("1", False), (None, False)]
)
def test_a_number_is_one_that_a_float_can_be(number, allowed):
    line = verdict_file.plain(entry("a.a")) | {"threshold": number}
    assert (schema.flaw(line, "entry") is None) == allowed


@pytest.mark.parametrize("version", [1.0, True, "1"])
def test_a_whole_number_is_written_as_one(version):
    line = verdict_file.plain(entry("a.a")) | {"version": version}
    assert schema.flaw(line, "entry") == f"version is {version!r}, but expected a whole number"


def test_all_that_a_line_lacks_is_told_at_once():
    assert schema.lacking({"id": "a", "run": "r", "hash": "h"}, "verdict_line") == [
        "estimate", "relation", "threshold", "value", "verdict",
    ]  # fmt: skip


def test_what_a_definition_requires():
    assert schema.required("corrected") == ["when", "claim", "why"]
