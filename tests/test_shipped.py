"""Where recint keeps its log."""

from pathlib import Path

import pytest

from recint import shipped
from recint.record import log_file


@pytest.mark.parametrize(
    ("claims", "kept"),
    [
        (shipped.CLAIMS, shipped.CLAIMS / "log"),  # this is a checkout
        (Path("my_claims"), Path("my_claims/log")),
        (Path("env/lib/python3.11/site-packages/theirs/claims"), Path("recint-log")),
        (Path("/usr/lib/python3/dist-packages/theirs"), Path("recint-log")),
    ],
)
def test_the_log_lies_among_the_claims_unless_they_are_installed(claims, kept):
    assert log_file.folder_of(claims, None) == kept
    assert log_file.folder_of(claims, "chosen") == Path("chosen")
