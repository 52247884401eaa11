"""`recint expect` writes down what the next run is held to."""

import json

from recint import cli
from recint.judging import entries

from ..commands import refused


def test_verdicts_are_expected_into_a_device(tiny, folder, verdicts, capsys):
    command = ["expect", tiny, "--hypotheses", folder, "--from", verdicts, "--into", "/dev/null"]
    assert cli.main([*map(str, command)]) == 0
    assert capsys.readouterr().out.endswith("wrote /dev/null\n")


def test_an_error_is_no_verdict_to_expect(tiny, folder, verdicts, tmp_path, capsys):
    judged = json.loads(verdicts.read_text())
    judged["claims"][0] |= {"verdict": "error", "value": None, "message": "no such thing"}
    verdicts.write_text(json.dumps(judged))
    command = ["expect", tiny, "--hypotheses", folder, "--from", verdicts, "--into", tmp_path / "e.toml"]
    assert cli.main([*map(str, command)]) == 2
    assert "a.one ended in an error, which is no verdict to expect" in capsys.readouterr().err
    assert not (tmp_path / "e.toml").exists()


def test_what_only_a_run_writes_is_not_asked_for_in_vain(tiny, verdicts, tmp_path, capsys):
    capsys.readouterr()
    target, report = tmp_path / "e.toml", tmp_path / "r.html"
    refused(
        capsys, "--report: a run writes this", "expect", tiny, "--from", verdicts, "--into", target, "--report", report
    )
    assert not target.exists()


def test_a_configuration_that_cannot_be_written_is_refused_before_the_run(tiny, folder, tmp_path, capsys, monkeypatch):
    capsys.readouterr()
    about = entries.about
    odd = {"subject": "coins", "config": {"x": [1, None]}}
    monkeypatch.setattr(entries, "about", lambda checkpoint: about(checkpoint) | odd)
    target = tmp_path / "e.toml"
    refused(capsys, "holds None, which cannot be written", "expect", tiny, "--hypotheses", folder, "--into", target)
    assert not target.exists()
