"""`recint attest`: a verdict file as a predicate, if its values are the ones that it names."""

import json

from recint import cli


def test_a_verdict_file_is_printed_as_a_test_result(verdicts, capsys):
    capsys.readouterr()
    assert cli.main(["attest", str(verdicts), "--url", "https://ci.example.org/3"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["result"], printed["passedTests"], printed["failedTests"]) == ("PASSED", ["a.one"], [])
    assert printed["url"] == "https://ci.example.org/3"


def test_other_values_are_not_attested(verdicts, capsys):
    verdicts.with_suffix(".values").write_bytes(b"others")
    assert cli.main(["attest", str(verdicts)]) == 2
    assert "is not the file of this run" in capsys.readouterr().err
