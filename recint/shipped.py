"""The folders of the claims and checkpoints that come with recint, and the folders of logs and expected verdicts."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent
# In a checkout they stand next to the package. In an installation from a wheel they are inside the package, since other packages
# may have folders of the same names.
_INSTALLED = (_PACKAGE / "hypotheses").is_dir()
_HOLDS = _PACKAGE if _INSTALLED else _PACKAGE.parent
CLAIMS = _HOLDS / "hypotheses"
CHECKPOINTS = _HOLDS / "fixtures" / "checkpoints"
# The module of pytest fixtures. An installation, also an editable one, has the first name; a checkout on the path has the second.
FIXTURES = "recint.fixtures.model" if find_spec("recint.fixtures") else "fixtures.model"


def record(claims: Path, of: Literal["log", "expected"]) -> Path:
    """The folder of the research log, or of the expected verdicts, that belongs to a folder of claims.

    It is `log` or `expected` in the folder of the claims. If the claims are installed, it is `recint-log` or `recint-expected`
    in the working folder: an environment is not committed, and its files are lost when it is made anew.
    """
    return Path(f"recint-{of}") if _is_installed(claims.resolve()) else claims / of


def _is_installed(claims: Path) -> bool:
    return (_INSTALLED and claims.is_relative_to(_PACKAGE)) or bool(
        {"site-packages", "dist-packages"} & {*claims.parts}
    )
