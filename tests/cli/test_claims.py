"""`recint claims` lists and selects."""

from recint import cli


def test_claims_lists_and_selects(capsys):
    assert cli.main(["claims", "l2.*"]) == 0
    out = capsys.readouterr().out
    assert "l2.ov-negative-copying (version 1, weights)" in out
    assert "model." not in out
    assert cli.main(["claims", "l9.*"]) == 2
    assert "claims='l9.*' matches none of the " in capsys.readouterr().err
