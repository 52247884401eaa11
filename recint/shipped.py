"""Where the claims and checkpoints that come with recint lie, and where what is found of a folder of claims is kept."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent
# Beside the package in a checkout; in it where recint is installed from a wheel, since others may have such names of their own.
_INSTALLED = (_PACKAGE / "hypotheses").is_dir()
_HOLDS = _PACKAGE if _INSTALLED else _PACKAGE.parent
CLAIMS = _HOLDS / "hypotheses"
CHECKPOINTS = _HOLDS / "fixtures" / "checkpoints"
# The module of pytest fixtures. An installation in editable mode has it under this name too, a checkout on the path does not.
FIXTURES = "recint.fixtures.model" if find_spec("recint.fixtures") else "fixtures.model"


def record(claims: Path, of: Literal["log", "expected"]) -> Path:
    """The folder of a folder of claims that holds its research log, or the verdicts expected of checkpoints.

    It lies among the claims. Of claims that are installed it is `recint-log` or `recint-expected` in the working folder:
    nobody commits an environment, and the next one would not have what is kept in it.
    """
    return Path(f"recint-{of}") if _is_installed(claims.resolve()) else claims / of


def _is_installed(claims: Path) -> bool:
    return (_INSTALLED and claims.is_relative_to(_PACKAGE)) or bool(
        {"site-packages", "dist-packages"} & {*claims.parts}
    )
