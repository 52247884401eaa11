"""`recint expect` writes down what the next run is held to."""

from recint import cli


def test_verdicts_are_expected_into_a_device(tiny, folder, verdicts, capsys):
    command = ["expect", tiny, "--hypotheses", folder, "--from", verdicts, "--into", "/dev/null"]
    assert cli.main([*map(str, command)]) == 0
    assert capsys.readouterr().out.endswith("wrote /dev/null\n")
