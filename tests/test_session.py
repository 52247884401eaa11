"""What a run knows, without pytest."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from recint import session
from recint.catalogue import find
from recint.judging import entries
from recint.judging.entry import Run
from recint.judging.seed import Seed, seed_of
from recint.judging.values import DrawnValues
from recint.options import RunOptions
from recint.record import registration, value_file
from recint.record.expected import Expectation, ExpectedError
from recint.record.log import LogError
from recint.session import Refutable, Session, prepare

CLAIM = find("l0.previous-token").claim


def run(**options):
    return Session(RunOptions(**options), device=torch.device("cpu"))


def baseline(verdict="supported", hash=CLAIM.hash):
    entry = replace(entries.blank(CLAIM), verdict=verdict, hash=hash)
    return Run(checkpoint={"name": "old"}, started="2026-01-01T00:00:00+00:00", claims=(entry,))


class TestStages:
    """Estimates take the draws that are asked for, or those of the baseline, or they draw until they decide."""

    @pytest.mark.parametrize(
        ("asked", "judged", "stages"),
        [
            (None, {"stages": (100, 400), "draws": 400}, (100, 400)),
            (None, {"stages": None, "draws": 300}, (300,)),  # as files of before stages have it
            (None, {"stages": None, "draws": None}, (200, 1000, 5000)),
            (500, {"stages": (100, 400), "draws": 400}, (500,)),
        ],
    )
    def test_a_baseline_is_compared_on_as_many(self, asked, judged, stages):
        known = run(against="old", draws=asked)
        known.against = SimpleNamespace(**judged)
        assert known.stages == stages

    def test_one_that_was_judged_by_too_few_is_refused(self):
        known = run(against="old")
        known.against = SimpleNamespace(stages=None, draws=2)
        with pytest.raises(ValueError, match="draws=2 must be at least 100"):
            _ = known.stages


class TestRefutable:
    """A refutation fails the run, but where it is expected, or where the claim may drift."""

    def test_what_is_expected_to_be_supported_fails(self):
        known = run()
        known.expectations = {CLAIM.id: Expectation("supported", "")}
        assert known.refutable(CLAIM) is None

    def test_what_is_expected_to_be_refuted_must_be(self):
        known = run()
        known.expectations = {CLAIM.id: Expectation("refuted", "known since 1999")}
        assert known.refutable(CLAIM) == Refutable("known since 1999", strict=True)

    @pytest.mark.parametrize("verdict", ["supported", "refuted"])
    def test_beside_a_baseline_only_drift_fails(self, verdict):
        known = run(against="old")
        known.against = baseline(verdict)
        assert known.refutable(CLAIM) == Refutable("compared with old: only drift fails the run", strict=False)


class TestSeed:
    def test_the_seed_is_that_of_the_baseline_unless_one_is_asked_for(self):
        tensors = run().checkpoint.sha256
        assert run().seed == Seed(seed_of(tensors), follows=tensors)
        assert run(seed=3).seed == Seed(3, follows=None)
        for asked, seed in ((None, 7), (3, 3)):
            known = run(against="old", seed=asked)
            known.against = SimpleNamespace(seed=7, seed_from=None, checkpoint={"sha256": 64 * "0"})
            assert known.seed == Seed(seed, follows=None)


class TestValues:
    def test_values_are_kept_for_a_file_or_for_a_comparison(self):
        assert not run().keeps_values
        assert run(verdicts="v.json").keeps_values
        assert run(against="old").keeps_values

    def test_those_of_the_baseline_are_read_if_they_are_there(self, tmp_path):
        content = value_file.content({"a.a": DrawnValues(np.ones(3))})
        known = run(against=str(tmp_path / "old.json"))
        known.against = SimpleNamespace(values=value_file.named(tmp_path / "old.values", content))
        assert known.against_values == {}
        del known.against_values
        (tmp_path / "old.values").write_bytes(content)
        assert list(known.against_values) == ["a.a"]
        del known.against_values
        (tmp_path / "old.values").write_bytes(b"another")
        with pytest.raises(ValueError, match="is not the file of this run"):
            _ = known.against_values


class TestPrepare:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"draws": 99}, "draws=99 must be at least 100"),
            ({"against": "a", "expected": "b"}, "against='a' and expected='b' both say what is expected"),
            ({"against": "a", "tolerance": -0.1}, "tolerance=-0.1 must be a share of 0 or more"),
            ({"strict": True}, "tolerance and strict say how to compare with a baseline, but none is given"),
            ({"allow": ("l0.*",)}, r"allow=\['l0.\*'\] names claims that may drift, but no baseline is given"),
            ({"device": "tpu"}, "device='tpu' must be one of"),
            ({"checkpoint": "gone"}, "gone: no such file"),
            ({"expected": "gone.toml"}, "gone.toml"),
        ],
    )
    def test_bad_input_is_one_sentence(self, options, said):
        with pytest.raises(ValueError, match=said):
            prepare(RunOptions(**options))

    def test_the_reference_is_read_when_it_is_asked_for(self):
        ready = prepare(RunOptions())
        assert "checkpoint" not in vars(ready)
        assert ready.path == session.REFERENCE_CHECKPOINT


def test_a_run_is_complete_when_every_claim_was_judged():
    known = run(logging=False)
    assert not known.complete
    known.expected_entries = 2
    for index, complete in ((0, False), (1, True)):
        assert known.keep(index, {"id": f"a.{index}"}, {}, folder=known.claims)
        assert known.complete == complete
    assert not known.keep(1, {"id": "a.1"}, {}, folder=known.claims)


def test_outputs_that_were_not_written_are_not_named():
    known = run(report="r.html", junit="j.xml", summary="s.md")
    known.unwritten["junit"] = "j.xml: cannot be written (No space left on device)"
    assert [*known.kept_in()] == [("report", "r.html"), ("summary", "s.md")]


class TestFit:
    """The options are held against the claims that were found."""

    def test_an_expectation_without_a_claim_is_a_mistake(self, tmp_path):
        known = run(log=str(tmp_path))
        known.expectations = {name: Expectation("refuted", "") for name in ("a.b", CLAIM.id)}
        with pytest.raises(ExpectedError, match=r"expected verdicts name a\.b, which no claim matches"):
            known.require_fit([CLAIM], whole=True)
        known.require_fit([CLAIM], whole=False)

    def test_with_a_baseline_it_is_none(self, tmp_path):
        known = run(log=str(tmp_path), against="old")
        known.expectations = {"a.b": Expectation("refuted", "")}
        known.require_fit([CLAIM], whole=True)

    @pytest.mark.parametrize("option", ["claims", "allow"])
    def test_a_glob_that_chooses_nothing_is_a_mistake(self, tmp_path, option):
        known = run(log=str(tmp_path), **{option: ("l9.*",)})
        with pytest.raises(ValueError, match=rf"{option}='l9\.\*' matches none of {CLAIM.id}"):
            known.require_fit([CLAIM], whole=True)

    def test_a_claim_that_changed_since_it_was_registered_is_refused(self, tmp_path):
        registration.register(tmp_path, [registration.of_claim(CLAIM)], when="2026-01-01")
        with pytest.raises(LogError, match=r"threshold moved from 0\.5 to 0\.4"):
            run(log=str(tmp_path)).require_fit([replace(CLAIM, threshold=0.4)], whole=False)
