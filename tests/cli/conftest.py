"""What several commands are given in tests."""

import pytest

from recint import cli


@pytest.fixture
def outputs(tmp_path):
    paths = [tmp_path / "out" / name for name in ("report.html", "verdicts.json")]
    yield ["--report", paths[0], "--verdicts", paths[1]]
    assert not (tmp_path / "out").exists()


@pytest.fixture
def verdicts(tiny, folder, tmp_path):
    path = tmp_path / "verdicts.json"
    command = ["verify", tiny, "--hypotheses", folder, "--no-log", "--no-controls", "--verdicts", path]
    assert cli.main([*map(str, command)]) == 0
    return path
