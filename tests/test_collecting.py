"""Where pytest finds claims: in any folder that is named, and where they are installed."""

import os

from recint.catalogue import properties

from .commands import calls, found, run
from .made_up import claims


def test_a_folder_of_claims_may_be_called_anything(tiny, tmp_path):
    names = ("my claims", "a[1]", 'it\'s "x::y"', "-k", "été", os.fsdecode(b"\xe9t\xe9"))
    for name in names:
        claims(tmp_path / "[b]" / name, {"id": "a.one"})
    common = ("--no-controls", "--no-log", "--verdicts")
    commands = [("verify", tiny, "--hypotheses", f"[b]/{name}", *common, f"./{name}.json") for name in names]
    for name, (status, out) in zip(names, calls("recint.cli", commands, tmp_path), strict=True):
        assert status == 0, out
        assert found(tmp_path / f"{name}.json") == {"a.one": "supported"}


def test_the_shipped_claims_are_found_where_they_are_installed(tmp_path):
    command = ["-m", "pytest", "--pyargs", "hypotheses", "-p", "recint.plugin", "-p", "fixtures.model"]
    status, out = run([*command, "--collect-only", "-q"], tmp_path)
    assert status == 0, out
    assert f"{len(properties())} tests collected" in out
