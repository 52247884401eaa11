"""Dependencies point one way: hypotheses -> fixtures -> recint, and inside recint away from pytest."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for folder in ("recint", "hypotheses", "fixtures") for path in (ROOT / folder).rglob("*.py"))
EDGES = {"claim", "record", "verdict", "evaluate", "plugin", "report", "figures", "landscape", "cli", "expected"}


def imported(path):
    """Every dotted name that a module imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_dependencies_point_one_way(path):
    package, name = path.relative_to(ROOT).parts[0], path.stem
    names = set(imported(path))

    def uses(*prefixes):
        return sorted(used for used in names for prefix in prefixes if f"{used}.".startswith(f"{prefix}."))

    if package == "recint":
        assert not uses("fixtures")
        if name != "cli":  # which hands the claims' folder to pytest
            assert not uses("hypotheses")
        if name not in ("plugin", "collecting", "verify"):
            assert not uses("pytest")
    if package == "fixtures":
        assert not uses("hypotheses")
    if path.parent.name == "statistics":
        assert not uses(*(f"recint.{edge}" for edge in EDGES))
    if name in ("figures", "report"):
        assert not uses("torch", "recint.claim", "recint.model.transformer")
    if name == "claim":
        assert not uses("recint.model.transformer", "recint.judging.evaluate", "recint.judging.entries")
