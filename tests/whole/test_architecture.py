"""The house: which part of the code may import which, and the picture of it in docs/architecture.md.

`python tests/whole/test_architecture.py` draws the picture again.
"""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOC = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- drawn by tests/whole/test_architecture.py -->\n", "<!-- end of the drawing -->\n"

# Rooms are packages, and modules that lie beside them. The longest name that fits says to which part a module belongs.
PARTS = {
    "common ground": (
        "recint",
        "system",
        "shipped",
        "state_dict",
        "checkpoint",
        "profiles",
        "refusals",
        "globs",
        "task",
    ),
    "engine": ("judging", "record", "pages", "sweep", "verdict", "words", "catalogue"),
    "subject": (
        *(
            "recurrence",
            "partners",
            "jitter",
            "places",
            "transformations",
            "transformed",
            "domain",
            "strategies",
            "claim",
            "claim_figures",
            "families",
            "carry_over",
            "hooks",
            "vector",
        ),
        *("statistics", "model", "calibration", "replication", "training", "bridged"),
    ),
    "wiring": (
        *("appendix", "cli", "options", "session", "subjects", "plugin", "verify", "collecting"),
        *("sweep.task", "calibration.calibrate"),
    ),
}
MAY_IMPORT = {
    "common ground": {"common ground"},
    "engine": {"common ground", "engine"},
    "subject": {"common ground", "engine", "subject"},
    "wiring": {"common ground", "engine", "subject", "wiring"},
}
# Imports that the rules forbid, each with its reason.
ALLOWED = {
    (
        "sweep.jobs",
        "sweep.task",
    ): "a worker imports what its task does where it does it; the scheduler reads the task and no more",
}

# Modules without tests under their own name, each with its reason.
UNTESTED = {
    "__init__": "it says what a room is, and at most names what is imported from there; that of recint has tests/test_init.py",
    "__main__": "it calls the command, as every test does that starts `python -m recint.cli`",
}


def _name(path):
    """A module's name without `recint`, but for the package itself."""
    parts = path.relative_to(ROOT / "recint").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "recint"


# What `recint init` copies is no part of recint: tests/cli/test_init.py judges a model by it.
STARTERS = ROOT / "recint" / "starters"
MODULES = {_name(path): path for path in sorted((ROOT / "recint").rglob("*.py")) if not path.is_relative_to(STARTERS)}


def imported(path):
    """Every dotted name that a module imports, also inside functions and for types alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def arrows():
    """Module -> the modules of recint that it imports."""
    found = {}
    for name, path in MODULES.items():
        used = set()
        for dotted in imported(path):
            parts = dotted.split(".")
            if parts[0] == "recint":
                # `from recint.judging import search` names a module, `from recint.judging.search import search` what is in one.
                longest = (".".join(parts[1:end]) for end in range(len(parts), 1, -1))
                used.add(next((module for module in longest if module in MODULES), "recint"))
        found[name] = used - {name}
    return found


def part_of(module):
    fitting = {
        (len(prefix), part)
        for part, prefixes in PARTS.items()
        for prefix in prefixes
        if f"{module}.".startswith(f"{prefix}.")
    }
    assert fitting, f"{module}: say in tests/whole/test_architecture.py to which part it belongs"
    return max(fitting)[1]


def room_of(module):
    """The package, or the module that lies beside packages; wiring that lies in a room of another part is a room of its own."""
    return module if module in PARTS["wiring"] else module.partition(".")[0]


@cache
def rooms():
    """Room -> the rooms that its modules import, but for what is common ground."""
    found = {}
    for module, used in arrows().items():
        if part_of(module) != "common ground":
            used = {other for other in used if part_of(other) != "common ground" and (module, other) not in ALLOWED}
            found.setdefault(room_of(module), set()).update({room_of(other) for other in used} - {room_of(module)})
    return found


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_what_its_part_may(module):
    part = part_of(module)
    forbidden = {other for other in arrows()[module] if part_of(other) not in MAY_IMPORT[part]}
    assert not forbidden - {to for source, to in ALLOWED if source == module}, f"{module} belongs to the {part}"


def test_every_exception_is_still_needed():
    assert all(to in arrows()[source] for source, to in ALLOWED)


def test_there_is_no_circle_between_rooms():
    try:
        TopologicalSorter(rooms()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(reversed(error.args[1]))}")


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) == "system"])
def test_system_imports_nothing_of_the_rest(module):
    assert all(room_of(other) == "system" for other in arrows()[module])


@pytest.mark.parametrize("room", ["judging", "record"])
def test_what_judges_and_what_keeps_know_no_pages(room):
    assert not rooms()[room] & {"pages", "sweep"}


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) == "statistics"])
def test_statistics_know_no_claims_and_no_verdicts(module):
    others = {
        other for other in arrows()[module] if part_of(other) != "common ground" and room_of(other) != "statistics"
    }
    assert others <= {"judging.finite"}


@pytest.mark.parametrize("module", ["claim", "judging.claim"])
def test_a_claim_knows_neither_models_nor_evidence(module):
    used = arrows()[module]
    assert not [other for other in used if room_of(other) in ("model", "record")]
    assert not used & {"judging.evaluate", "judging.entry", "judging.entries"}


@pytest.mark.parametrize("module", MODULES)
def test_libraries_are_used_where_they_belong(module):
    names = [f"{name}." for name in imported(MODULES[module])]

    def uses(*libraries):
        return [name for name in names for library in libraries if name.startswith(f"{library}.")]

    assert not uses("fixtures")
    if room_of(module) != "cli":  # which hands the claims' folder to pytest
        assert not uses("hypotheses")
    if module not in ("plugin", "collecting", "verify"):
        assert not uses("pytest")
    if room_of(module) == "pages":
        assert not uses("torch")


TESTED = [path.relative_to(ROOT / "recint") for path in MODULES.values() if path.stem not in UNTESTED]


@pytest.mark.parametrize("path", TESTED, ids=str)
def test_a_module_has_tests_under_its_own_name(path):
    tests = ROOT / "tests" / path.with_name(f"test_{path.name}")
    assert tests.exists(), f"recint/{path} has no tests: write some in {tests.relative_to(ROOT)}"
    assert re.search(r"^ *def test_", tests.read_text(), re.MULTILINE), f"{tests.relative_to(ROOT)} holds no test"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_short_enough_to_be_read(module):
    assert len(MODULES[module].read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.stem)
def test_a_test_file_is_named_for_a_module_or_about_the_whole(path):
    place = path.relative_to(ROOT / "tests")
    about = place.with_name(place.name.removeprefix("test_"))
    assert about in TESTED or place.parent.name == "whole" or about.stem == "init", (
        f"tests/{place}: there is no recint/{about}"
    )


@pytest.mark.parametrize("path", sorted((ROOT / "fixtures").glob("*.py")), ids=lambda path: path.stem)
def test_fixtures_know_no_claims(path):
    assert not [name for name in imported(path) if f"{name}.".startswith("hypotheses.")]


def drawing():
    """The rooms as a Mermaid flowchart; an arrow that a longer way shows too is left out."""
    reached = {}
    for room in TopologicalSorter(rooms()).static_order():
        reached[room] = {room}.union(*(reached[other] for other in rooms()[room]))
    lines = ["```mermaid", "flowchart TD"]
    for part in reversed(PARTS):
        inside = sorted(room for room in rooms() if part_of(room) == part)
        if inside:
            lines += [f'  subgraph "{part}"', *(f"    {room}" for room in inside), "  end"]
    for room, used in sorted(rooms().items()):
        direct = {to for to in used if not any(to in reached[other] for other in used - {to})}
        lines += [f"  {room} --> {to}" for to in sorted(direct)]
    return "\n".join([*lines, "```", ""])


def redrawn(text):
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + drawing() + END + rest.partition(END)[2]


def test_the_picture_shows_what_is_there():
    text = DOC.read_text()
    assert text == redrawn(text), "run: python tests/whole/test_architecture.py"


def test_the_page_names_every_room_and_no_file_that_is_gone():
    text = DOC.read_text()
    table = text[text.index("## The rooms") : text.index("## The way of a checkpoint")]
    assert not [room for room in rooms() if f"`{room}`" not in table]
    assert not [path for path in re.findall(r"\]\(\.\./([^)]+)\)", text) if not (ROOT / path).exists()]


if __name__ == "__main__":
    DOC.write_text(redrawn(DOC.read_text()))
