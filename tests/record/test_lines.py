"""Lines of the log: each that is whole comes back, and each that is not is a sentence in its place."""

import json

import pytest

from recint.record.lines import is_vouched, parsed

from .made_up import CLAIM, NOW, registrations

LINE = {
    "kind": "registered", "when": "2026-01-01T00:00:00+00:00", "claim": "a.b", "hash": "h", "fields": {"statement": "s"},
}  # fmt: skip


def test_a_whole_line_comes_back_as_it_was():
    assert parsed(f"{json.dumps(LINE)}\n".encode()) == (LINE,)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "is not a line of JSON, and is left out"),
        ("[1]", "has none of the kinds registered, amended, corrected, run, verdict, and is left out"),
        (json.dumps({"kind": "registered", "claim": "a.b"}), "is a registered line without fields, hash, when, and is left out"),
        (json.dumps(LINE | {"hash": 1}), "is a registered line with a value of the wrong kind (hash"),
    ],
)  # fmt: skip
def test_any_other_is_a_sentence_in_its_place(line, said):
    before, told, after = parsed("\n".join([json.dumps(LINE), line, json.dumps(LINE)]).encode())
    assert before == after == LINE
    assert told.startswith(said)


def test_the_hash_of_a_claim_vouches_for_its_fields():
    line = {"kind": "registered", "when": NOW} | registrations(CLAIM)[0]
    assert is_vouched(line)
    assert not is_vouched(line | {"fields": line["fields"] | {"threshold": 0.9}})
