"""Verdicts as JSON: what is written is read back as it was, and what cannot be read is told in a sentence."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from recint.judging.entry import (
    Baseline,
    Counterexample,
    Drift,
    Estimate,
    Failing,
    Measurement,
    Pair,
    SearchSummary,
    UntrainedAnswer,
    ValueFile,
)
from recint.pages import board
from recint.record import log, log_file, verdict_file

from ..entries import entry, run

LOG = Path(__file__).parents[2] / "hypotheses" / "log"
# What entries had not in earlier versions.
NEWER = {"question", "caveat", "partner", "failing"}
WHOLE = entry(
    "a.whole",
    "refuted",
    expected="supported",
    standing="exploratory",
    question="a",
    estimate=Estimate(ci=(0.1, None), n=200, p=0.5, p_against=0.001, draws_to_decide=300, p_holm=1.0),
    failing=Failing(count=3, of=200, ci=(0.003, 0.04)),
    search=SearchSummary(
        examples=60,
        conditions=57,
        worst=0.1,
        worst_at="c = 1, 5 terms",
        unconfirmed=2,
        counterexample=Counterexample(value=0.1, where="c = 1, 5 terms", text="a_i = a_(i-1)", code="print()"),
        further=(Counterexample(value=0.2, where="c = -2, 5 terms", text="a_i = -2 a_(i-1)", code="print(2)"),),
    ),
    contrast={
        "estimated": Measurement(
            statistic="it", value=1.0, relation="<=", threshold=2.0, estimate=Estimate(ci=(0.9, 1.1))
        ),
        "of weights": Measurement(statistic="that", value=1.0, relation=">=", threshold=0.5),
    },
    untrained=UntrainedAnswer(passed=4, of=60, vacuous=True),
    per_head=((0.1, 0.2), (0.3, 0.4)),
    parts=("one", "two"),
)


def through_json(of):
    return json.loads(json.dumps(verdict_file.plain(of)))


class TestWriting:
    @pytest.mark.parametrize("of", [WHOLE, entry("a.a", ci=None), replace(WHOLE, per_head=(0.1, 0.2))])
    def test_an_entry_comes_back_as_it_was(self, of):
        assert verdict_file.entry(through_json(of)) == of

    def test_a_run_comes_back_as_it_was(self, tmp_path):
        of = replace(
            run(WHOLE, entry("a.a")),
            stages=(200, 1000),
            against=Baseline(name="base", sha256="ab", started="2026"),
            values=ValueFile(name="v.values", sha256="cd"),
            pairs=(
                Pair(
                    claim="a.a",
                    before=1.0,
                    after=None,
                    verdict_before="supported",
                    verdict_after="error",
                    difference=0.5,
                    ci=(0.1, None),
                    p=0.01,
                    n=200,
                    tolerance=0.1,
                    outcome="error",
                    happened="other",
                ),
            ),
            drift=(Drift(claim="a.a", contrast="b", kind="verdict", happened="other", allowed=False),),
            incomparable=("a.b: is new",),
            judged_otherwise=("seed=1",),
        )
        (tmp_path / "v.json").write_text(verdict_file.text(of))
        assert verdict_file.read(tmp_path / "v.json") == of

    def test_contrasts_have_their_estimates_beside_their_values(self):
        contrasts = through_json(WHOLE)["contrast"]
        assert contrasts["estimated"]["ci"] == [0.9, 1.1]
        assert contrasts["of weights"] == {
            "statistic": "that", "relation": ">=", "threshold": 0.5, "value": 1.0,
            "ci": None, "n": None, "p": None, "p_against": None, "draws_to_decide": None,
        }  # fmt: skip

    def test_every_line_of_the_shipped_log_is_written_as_it_stands_there(self):
        """In the same order, but for contrasts and but for what lines of earlier versions lack."""
        count, known = 0, log_file.read(LOG)
        for path in LOG.glob("*.jsonl"):
            for given in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
                if given["kind"] == "verdict" and "of" in given:  # what the log says elsewhere is left out
                    fields = known.fields[given["hash"]]
                    kept = verdict_file.short(verdict_file.entry(given, fields), fields)
                    assert kept == {name: given[name] for name in given.keys() - {"kind", "run", "of", "before"}}
                    count += 1
                elif given["kind"] == "verdict":
                    line = log_file.verdict_line(log.Settled(given["run"], verdict_file.entry(given)))
                    assert line.keys() - given.keys() in (set(), NEWER)
                    kept = {name: value for name, value in line.items() if name in given}
                    assert list(kept) == list(given)
                    assert json.dumps(kept, sort_keys=True) == json.dumps(given, sort_keys=True)
                    count += 1
        assert count > 6000

    def test_what_an_earlier_version_did_not_tell_is_as_if_nothing_were_known(self):
        old = {
            "id": "a.b@2", "hash": "h", "verdict": "supported", "value": 1.0, "estimate": {"ci": [None, 1.0]},
            "relation": ">=", "threshold": 0.5, "controls": {"untrained": "not_applicable"},
        }  # fmt: skip
        found = verdict_file.entry(old)
        assert (found.estimate.n, found.search, found.failing, found.contrast) == (0, None, None, {})
        assert (found.question, found.untrained, found.caveat) == ("a.b", "not_applicable", "")


class TestReading:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"estimate": {"n": 1}}, "claims.0.estimate.ci is missing"),
            ({"estimate": {"ci": [1]}}, "claims.0.estimate.ci is [1], but expected a list of two numbers"),
            ({"verdict": "suported"}, "claims.0.verdict is 'suported', but expected one of supported, refuted"),
            ({"verdict": ["supported"]}, "claims.0.verdict is ['supported'], but expected one of supported"),
            ({"expected": "good"}, "claims.0.expected is 'good', but expected one of supported"),
            ({"value": "1"}, "claims.0.value is '1', but expected a number"),
            ({"threshold": None}, "claims.0.threshold is None, but expected a number"),
            ({"relation": ">"}, "claims.0.relation is '>', but expected '>=' or '<='"),
            ({"search": {}}, "claims.0.search.counterexample is missing"),
            ({"search": {"counterexample": {"value": 1}}}, "claims.0.search.counterexample.where is missing"),
            ({"contrast": {"b": {"value": 1}}}, "claims.0.contrast.b.relation is missing"),
            ({"statement": None}, "claims.0.statement is None, but expected a text"),
            ({"id": 3}, "claims.0.id is 3, but expected a text"),
        ],
    )
    def test_one_that_somebody_edited_is_refused_in_a_sentence(self, tmp_path, change, said):
        path = tmp_path / "v.json"
        path.write_text(
            json.dumps(verdict_file.document(run()) | {"claims": [verdict_file.plain(entry("a.a")) | change]})
        )
        with pytest.raises(ValueError, match=r"v\.json: is not a verdict file \(") as refused:
            verdict_file.read(path)
        assert said in str(refused.value)

    def test_one_of_an_earlier_version_has_sentences_only(self, tmp_path):
        drifted = Drift(claim="a.a", contrast="b", happened="moved", kind="moved", allowed=False)
        against = Baseline(name="base", sha256="ab", started="2026")
        content = verdict_file.document(replace(run(), against=against, drift=(drifted,)))
        for name in ("happened", "contrast"):
            del content["drift"][0][name]
        path = tmp_path / "v.json"
        path.write_text(json.dumps(content))
        (found,) = verdict_file.read(path).drift
        assert drifted.sentence == "a.a, contrast 'b': moved"
        assert found.sentence == "a.a: contrast 'b': moved"

    @pytest.mark.parametrize(
        "name", ["id", "hash", "verdict", "value", "estimate", "statement", "expected", "quantifier"]
    )
    def test_one_that_lacks_something_is_too(self, tmp_path, name):
        claim = verdict_file.plain(entry("a.a"))
        del claim[name]
        path = tmp_path / "v.json"
        path.write_text(json.dumps(verdict_file.document(run()) | {"claims": [claim]}))
        with pytest.raises(ValueError, match=rf"claims\.0\.{name} is missing"):
            verdict_file.read(path)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("", "it is not JSON"),
            ("[" * 100_000, "it is not JSON"),
            ("[]", "it is [], but expected an object"),
            ("{}", "checkpoint is missing"),
            (json.dumps(verdict_file.document(run()) | {"schema": 3}), "schema is 3, but expected 1 or 2"),
            (json.dumps(verdict_file.document(run()) | {"claims": {}}), "claims is {}, but expected a list"),
            (
                json.dumps(verdict_file.document(run()) | {"checkpoint": {"name": 1, "sha256": "a"}}),
                "checkpoint.name is 1, but expected a text",
            ),
            (json.dumps(verdict_file.document(run()) | {"against": {"name": "m", "sha256": "a"}}), "drift is missing"),
        ],
    )
    def test_so_is_what_never_was_one(self, tmp_path, content, said):
        path = tmp_path / "v.json"
        path.write_text(content)
        with pytest.raises(ValueError, match="is not a verdict file") as refused:
            verdict_file.read(path)
        assert f"({said})" in str(refused.value)

    def test_a_whole_one_is_read(self, tmp_path):
        path = tmp_path / "v.json"
        path.write_text(verdict_file.text(run(entry("a.a"), entry("a.b", "not_applicable", None, None))))
        assert board.markdown([verdict_file.read(path)]).count("\n| `a.") == 2


FIELDS = {
    "id": "a.a", "statement": "s", "statistic": "m", "quantifier": "average", "parts": ["one"], "relation": ">=",
    "threshold": 0.5, "contrasts": [{"name": "beside", "statistic": "that", "relation": "<=", "threshold": 0.5}],
}  # fmt: skip


class TestShort:
    def short(self, of, fields):
        """The short form as JSON gives it back; the entry must be the same again."""
        content = json.loads(json.dumps(verdict_file.short(of, fields)))
        assert verdict_file.entry(content, fields) == of
        return content

    def test_what_the_registered_claim_holds_is_left_out_and_put_in_place_again(self):
        of = replace(entry("a.a"), statement="s", statistic="m", quantifier="average", parts=("one",))
        beside = Measurement(statistic="that", relation="<=", threshold=0.5, value=0.1)
        short = self.short(replace(of, contrast={"beside": beside}), FIELDS)
        assert not {"statement", "statistic", "quantifier", "parts"} & short.keys()
        assert short["contrast"] == {"beside": {"relation": "<=", "threshold": 0.5, "value": 0.1}}
        assert short["threshold"] == of.threshold

    def test_what_is_otherwise_stays(self):
        short = self.short(replace(entry("a.a"), statement="another", parts=()), FIELDS)
        assert (short["statement"], short["parts"]) == ("another", [])

    def test_a_claim_that_is_not_registered_keeps_its_fields(self):
        short = self.short(entry("a.a", statement="another"), {})
        assert short["statement"] == "another"

    def test_everything_comes_back(self):
        for fields in ({}, FIELDS):
            self.short(WHOLE, fields)
            self.short(entry("a.a", "not_applicable", None, None), fields)

    def test_what_a_draw_is_called_stays_where_it_is_no_recurrence(self):
        assert self.short(entry("a.a", noun="throw"), FIELDS)["noun"] == "throw"
        assert "noun" not in verdict_file.plain(entry("a.a"))
