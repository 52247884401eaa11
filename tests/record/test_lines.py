"""Lines of the log: each that is whole comes back, and each that is not is a sentence in its place."""

import json

import pytest

from recint.record import schema
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
        ("{", "is not a line of JSON"),
        ("[1]", "has none of the kinds registered, amended, corrected, run, verdict"),
        (json.dumps({"kind": "registered", "claim": "a.b"}), "is a registered line without fields, hash, when"),
        (json.dumps(LINE | {"hash": 1}), "is a registered line with a value of the wrong kind (hash"),
    ],
)  # fmt: skip
def test_any_other_is_a_sentence_in_its_place(line, said):
    before, told, after = parsed("\n".join([json.dumps(LINE), line, json.dumps(LINE)]).encode())
    assert before == after == LINE
    assert told.startswith(said)


class TestALongFile:
    CONTENT = b"".join(f"{json.dumps(LINE | {'claim': f'a.b{number}'})}\n".encode() for number in range(2000))

    @pytest.fixture(autouse=True)
    def cache(self, tmp_path, monkeypatch):
        monkeypatch.setenv("RECINT_CACHE", str(tmp_path / "cache"))
        parsed.cache_clear()
        yield tmp_path / "cache"
        parsed.cache_clear()

    def test_its_lines_are_checked_once(self, monkeypatch):
        first = parsed(self.CONTENT)
        parsed.cache_clear()
        monkeypatch.setattr(schema, "flaw", lambda *given: pytest.fail("checked again"))
        assert parsed(self.CONTENT) == first
        assert len(first) == 2000

    def test_one_with_a_damaged_line_is_checked_each_time(self, cache):
        damaged = self.CONTENT + json.dumps(LINE | {"hash": 1}).encode()
        for _ in range(2):
            assert parsed(damaged)[-1].startswith("is a registered line with a value of the wrong kind")
            parsed.cache_clear()
        assert not cache.exists()

    def test_another_content_or_schema_is_checked(self, monkeypatch):
        parsed(self.CONTENT)
        checked = []
        monkeypatch.setattr(schema, "flaw", lambda *given: checked.append(given))
        parsed(self.CONTENT + b"\n" + json.dumps(LINE).encode())
        assert len(checked) == 2001
        parsed.cache_clear()
        monkeypatch.setattr(schema, "text", lambda: "another")
        parsed(self.CONTENT)
        assert len(checked) == 4001

    def test_without_a_cache_it_is_read_all_the_same(self, tmp_path, monkeypatch):
        (tmp_path / "file").touch()
        monkeypatch.setenv("RECINT_CACHE", str(tmp_path / "file" / "below"))
        assert len(parsed(self.CONTENT)) == 2000


def test_the_hash_of_a_claim_vouches_for_its_fields():
    line = {"kind": "registered", "when": NOW} | registrations(CLAIM)[0]
    assert is_vouched(line)
    assert not is_vouched(line | {"fields": line["fields"] | {"threshold": 0.9}})


def test_a_conflict_marker_is_told_with_what_joins_both_sides():
    (said,) = parsed(b"<<<<<<< HEAD\n")
    assert said == "is a conflict marker of git (`recint log --merge FILE` joins both sides)"
