"""A verdict follows from what its line holds, and its line says what was registered: whatever is changed is named."""

import json

import pytest

from recint.record import log_file, registration
from recint.record.chain import Chain
from recint.record.derivation import Derivation, Placed
from recint.record.lines import parsed

from .made_up import CLAIM, NOW, OTHER, PROCEDURE, WEIGHTS, keep, registrations
from .test_git import commit, in_git

M = "m.jsonl"


def flaws(folder, procedure=PROCEDURE[0]["hash"]):
    """The sentences on a log, with file and line as they stand in it."""
    return list(derivation(folder, procedure).flaws())


def derivation(folder, procedure=PROCEDURE[0]["hash"]):
    lines = []
    for path, content in log_file.contents(folder).items():
        before = Chain(content).before
        lines += [
            Placed(f"{path.name}:{index + 1}", line, bool(before[index]))
            for index, line in enumerate(parsed(content))
            if not isinstance(line, str)
        ]
    return Derivation(lines, log_file.read(folder), procedure)


@pytest.fixture
def kept(tmp_path):
    """A log with a run whose verdicts are confirmatory."""
    in_git(tmp_path, "init", "-q")
    registration.register(tmp_path, [*registrations(CLAIM, OTHER, WEIGHTS), *PROCEDURE], when=NOW)
    commit(tmp_path)
    keep(tmp_path, "a")
    return tmp_path


def edit(path, index, change):
    """Change a line, without any care for the chain."""
    lines = path.read_text().splitlines()
    line = json.loads(lines[index])
    change(line)
    lines[index] = json.dumps(line)
    path.write_text("\n".join(lines) + "\n")


def put(*path):
    """A change that puts the last of these at the path that the others are."""
    *names, last, value = path

    def change(line):
        for name in names:
            line = line[name]
        line[last] = value

    return change


def test_what_was_kept_follows(kept):
    verdicts = [json.loads(line) for line in (kept / M).read_text().splitlines()[1:]]
    assert [line["standing"] for line in verdicts] == ["confirmatory"] * 3
    assert [line["verdict"] for line in verdicts] == ["supported", "refuted", "supported"]
    assert [line["of"] for line in verdicts] == [3] * 3
    assert flaws(kept) == []


@pytest.mark.parametrize(
    ("index", "change", "said"),
    [
        (1, put("threshold", 0.9), "l0.made-up has the threshold 0.9, but 1.0 is registered"),
        (1, put("relation", "<="), "l0.made-up has the relation '<=', but '>=' is registered"),
        (2, put("id", "l0.other"), "l0.other has the id 'l0.other', but 'l1.made-up' is registered"),
        (2, put("quantifier", "everywhere"), "l1.made-up has the quantifier 'everywhere', but 'average' is registered"),
        (
            1,
            put("contrast", "beside", "threshold", 0.6),
            "l0.made-up has the threshold 0.6 in the contrast 'beside', but 0.5 is registered",
        ),
        (2, put("verdict", "supported"), "l1.made-up is supported, but refuted follows from what its line holds"),
        (1, put("verdict", "refuted"), "l0.made-up is refuted, but supported follows from what its line holds"),
        (2, put("estimate", "p_against", 1.0), "l1.made-up is refuted, but inconclusive follows from what its line holds"),
        (1, put("estimate", "p_holm", 0.01), "l0.made-up has the corrected p-value 0.01, but 2e-06 follows from the p-values"),
        (1, put("estimate", "p", 0.01), "l0.made-up has the corrected p-value 2e-06, but 0.02 follows from the p-values"),
        (3, put("value", 0.9), "l2.made-up is supported, but refuted follows from what its line holds"),
        (3, put("value", None), "l2.made-up is supported, but its line has no value"),
        (1, put("hash", "h"), "l0.made-up was judged, but the line that registers it is gone or was changed"),
        (1, put("of", 4), "run a has 3 verdicts, but its lines say"),
    ],
)  # fmt: skip
def test_what_is_changed_in_a_verdict_is_named(kept, index, change, said):
    edit(kept / M, index, change)
    found = flaws(kept)
    where = 2 if said.startswith("run a") else index + 1
    assert any(sentence.startswith(f"{M}:{where}: {said}") for sentence in found), found


def test_without_the_chain_a_threshold_that_was_changed_is_named_too(kept):
    def change(line):
        del line["before"]
        line["threshold"] = 0.9

    edit(kept / M, 1, change)
    assert f"{M}:2: l0.made-up has the threshold 0.9, but 1.0 is registered" in flaws(kept)


def test_a_threshold_that_was_changed_where_it_was_registered_is_named(kept):
    edit(kept / log_file.CLAIMS, 0, put("fields", "threshold", 0.9))
    found = flaws(kept)
    assert "claims.jsonl:1: the hash of l0.made-up is not that of its fields: one of them was changed" in found
    assert f"{M}:2: l0.made-up was judged, but the line that registers it is gone or was changed" in found


def test_verdicts_that_are_gone_are_counted(kept):
    path = kept / M
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert flaws(kept) == [f"{M}:2: run a has 2 verdicts, but its lines say 3"]


def test_a_run_whose_line_is_gone_is_named(kept):
    path = kept / M
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    assert flaws(kept) == [f"{M}:1: run a has verdicts, but its own line is gone"]


class TestStanding:
    def test_a_verdict_that_the_log_does_not_confirm_is_named_with_the_reason(self, kept):
        keep(kept, "b", when="2026-01-02T00:00:00+00:00")
        assert flaws(kept) == []
        edit(kept / M, 5, put("standing", "confirmatory"))
        edit(kept / M, 6, put("standing", "confirmatory"))
        said = "l0.made-up and 1 more in run b is not confirmatory, as the line says: run a judged the claim"
        (sentence,) = flaws(kept)
        assert sentence.startswith(f"{M}:6: {said}")

    def test_a_claim_that_was_registered_after_the_run_began_confirms_nothing(self, kept):
        for index in range(3):
            edit(kept / log_file.CLAIMS, index, put("when", "2026-01-03T00:00:00+00:00"))
        edit(kept / M, 0, put("registered", [line.hash for line in (CLAIM, OTHER, WEIGHTS)]))
        edit(kept / M, 0, lambda line: line.pop("registered_upto"))
        (sentence,) = flaws(kept)
        said = "l0.made-up and 2 more in run a is not confirmatory, as the line says: the claim was registered after the run"
        assert sentence.startswith(f"{M}:2: {said} began")


class TestProcedure:
    def test_verdicts_by_another_procedure_are_not_derived_again(self, kept):
        edit(kept / M, 2, put("verdict", "supported"))
        assert flaws(kept, procedure="another") == []
        assert derivation(kept, "another").of_another_procedure() == ["a"]
        assert derivation(kept).of_another_procedure() == []

    def test_nor_are_those_from_before_the_procedure_was_registered(self, kept):
        later = PROCEDURE[0] | {"hash": "later", "claim": "procedure@99"}
        registration.register(kept, [later], when="2026-01-02T00:00:00+00:00")
        assert derivation(kept, "later").of_another_procedure() == ["a"]
        keep(kept, "b", when="2026-01-03T00:00:00+00:00")
        assert derivation(kept, "later").of_another_procedure() == ["a"]


def test_lines_from_before_the_chain_are_held_against_their_registration_alone(kept):
    path = kept / M
    for index in range(4):
        edit(path, index, lambda line: line.pop("before"))
    edit(path, 2, put("verdict", "supported"))
    assert flaws(kept) == []
    edit(path, 2, put("threshold", 3.0))
    assert flaws(kept) == [f"{M}:3: l1.made-up has the threshold 3.0, but 1.0 is registered"]
