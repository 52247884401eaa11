"""README and docs/verdicts.md tell of the shipped checkpoints what is on record of them, and lead where they say."""

import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest

from recint.pages.board import BEGIN, END
from recint.record.expected import load

from ..on_record import DECLARED, FILES, skip_what_is_new

ROOT = Path(__file__).parents[2]
# Models of other tasks are in docs/verdicts.md only.
OTHER_TASKS = re.search(r"^OTHER_TASKS := (.*)$", (ROOT / "Makefile").read_text(), flags=re.M)[1].split()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def told(page, checkpoint):
    """Verdicts on a checkpoint in the table of a page, by claim."""
    table = (ROOT / page).read_text().partition(BEGIN)[2].partition(END)[0]
    rows = [
        [cell.strip() for cell in re.split(r" \| ", line.strip("|"))] for line in table.splitlines() if line[:2] == "| "
    ]
    column = rows[0].index(checkpoint)
    return {re.match(r"`(.+?)`", row[0])[1]: re.match(r"\S+ ([a-z ]+)", row[column])[1] for row in rows[1:]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_table_agrees_with_the_verdicts_on_record(path):
    expected = {claim: each.verdict.replace("_", " ") for claim, each in load(path).claims.items()}
    found = told("docs/verdicts.md", path.stem)
    assert found == expected
    if path.stem not in OTHER_TASKS:
        some = told("README.md", path.stem)
        assert some
        assert some.items() <= expected.items()
    assert set(found) <= set(DECLARED)
    skip_what_is_new(set(DECLARED) - set(found))


def test_the_readme_shows_the_roles_each_in_its_latest_version():
    roles = re.search(r"^ROLES := (.*?[^\\])$", (ROOT / "Makefile").read_text(), flags=re.M | re.S)[1]
    shown, every = (set(told(page, FILES[0].stem)) for page in ("README.md", "docs/verdicts.md"))
    globs = shlex.split(roles.replace("\\\n", " "))
    assert shown == {claim for claim in every if any(fnmatch(claim, glob) for glob in globs)}
    latest = {claim.partition("@")[0]: claim for claim in sorted(every, key=lambda claim: claim.partition("@")[2])}
    assert shown <= set(latest.values())


def anchors(page):
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text())
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_is_left_to_fill_in(page):
    assert not re.findall(r"@[A-Z_]{3,}@|\bTODO\b|\bTBD\b", page.read_text())
