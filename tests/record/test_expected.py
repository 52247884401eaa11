"""Expected verdicts: written from a run, read back, and told apart."""

import json
from dataclasses import asdict, replace

import pytest

from recint.record import expected
from recint.record.expected import Expectation
from recint.task import Task

from ..entries import entry, run
from ..odd import ODD, odd_run


def test_expected_verdicts_can_be_read_back(tmp_path):
    found = odd_run()
    known = {claim.id: expected.Expectation("refuted", claim.statement) for claim in found.claims}
    path = tmp_path / "e.toml"
    path.write_text(expected.text(found, known), encoding="utf-8")
    read = expected.load(path)
    assert read.speaks_of(found.checkpoint)
    assert len(read.claims) == len(ODD)
    whole = [text for text in ODD if text != "\ud800"]
    assert [read.claims[f"q.{text}"].reason for text in whole] == whole


def test_reasons_stay_with_the_verdicts_they_were_given_for(tmp_path):
    known = {
        "a.a": Expectation("supported", 'because it "is"'),
        "a.b": Expectation("supported", "old"),
        "a.gone": Expectation("refuted", "old"),
    }
    now = run(
        entry("a.a"),
        entry("a.b", "refuted", 0.1),
        entry("a.c", value=0.7),
    )
    path = tmp_path / "base.toml"
    path.write_text(expected.text(now, known))
    found = expected.load(path)
    assert found.speaks_of(now.checkpoint)
    assert found.claims == {
        "a.a": Expectation("supported", 'because it "is"'),
        "a.b": Expectation("refuted", "it = 0.1, but should be >= 0.5 [reference distribution]"),
        "a.c": Expectation("supported", "0.7 >= 0.5"),
    }
    assert expected.changes(known, now) == [
        "a.b: was supported (old), now refuted: look at its reason",
        "a.gone: is no longer claimed",
    ]


def test_a_task_in_the_configuration_can_be_read_back(tmp_path):
    """The task of another family holds lists of lists, and numbers of the family by their names."""
    task = Task(family="rotation", others=(("angle", (-3.1, 3.1)),), noise=0.5)
    for told in (task.plain(), asdict(task)):
        now = run(entry("a.a"))
        now = replace(now, checkpoint=now.checkpoint | {"config": {"order": 2, "task": json.loads(json.dumps(told))}})
        path = tmp_path / "base.toml"
        path.write_text(expected.text(now, {}))
        found = expected.load(path)
        assert found.speaks_of(now.checkpoint)
        other = json.loads(json.dumps(asdict(replace(task, noise=0.25))))
        assert not found.speaks_of(now.checkpoint | {"config": {"order": 2, "task": other}})


@pytest.mark.parametrize(
    "config",
    [
        {"rotary": None, "n": 1, "inner": {"none": None, "some": 2}},
        {"with a space": 1, "a.b": 2, 'q"uote': {"é": True, "": "x"}, "plain_1-key": [1, [2.5, "y"]]},
        {"sizes": (1, 2), "of": {1: 0.5}},
    ],
)
def test_any_configuration_of_another_subject_can_be_read_back(tmp_path, config):
    """As a checkpoint has it, and as JSON has it in a verdict file."""
    now = run(entry("a.a"))
    for told in (config, json.loads(json.dumps(config))):
        checkpoint = now.checkpoint | {"subject": "coins", "config": told}
        path = tmp_path / "e.toml"
        path.write_text(expected.text(replace(now, checkpoint=checkpoint), {}), encoding="utf-8")
        found = expected.load(path)
        assert found.speaks_of(checkpoint)
        assert found.speaks_of(checkpoint | {"config": config})
        assert not found.speaks_of(checkpoint | {"config": config | {"more": 1}})


def test_a_list_that_toml_cannot_hold_is_a_sentence():
    now = run(entry("a.a"))
    odd = replace(now, checkpoint=now.checkpoint | {"subject": "coins", "config": {"x": [1, None]}})
    with pytest.raises(expected.ExpectedError, match="a list in the configuration of the checkpoint holds None"):
        expected.text(odd, {})
