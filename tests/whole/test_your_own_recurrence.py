"""The page on a family of one's own does what it says, in a copy of the package."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "your-own-recurrence.md").read_text()
(MODULE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
FILE = re.search(r"`(recint/families/\w+\.py)`", PAGE)[1]
TRAIN, VERIFY = re.findall(r"^    recint (.+)$", PAGE, re.MULTILINE)
SMALL = "--d-model 16 --d-head 8 --n-heads 2 --d-mlp 16 --validation 8 --device cpu"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout in which the page has been followed."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "recint", folder / "recint", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("hypotheses", "fixtures"):
        (folder / name).symlink_to(ROOT / name)
    (folder / FILE).write_text(MODULE)
    registry = folder / "recint" / "families" / "__init__.py"
    text = registry.read_text()
    text = text.replace(
        "from recint.families.family", "from recint.families.folded import Folded\nfrom recint.families.family"
    )
    registry.write_text(text.replace("Affine()", "Affine(), Folded()"))
    return folder


def run(checkout, words, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "recint.cli", *shlex.split(words)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_a_family_takes_fewer_than_60_lines():
    assert len(MODULE.splitlines()) < 60


def test_the_page_knows_every_family():
    from recint.families import FAMILIES

    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [*FAMILIES]
    for name, family in FAMILIES.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
        assert re.findall(r"`(\w+)`", row)[1:] == [*family.others]


def test_it_is_trained_and_judged(checkout, tmp_path):
    status, out = run(checkout, f"{TRAIN} {SMALL}", tmp_path)
    assert status == 0, out
    card = (tmp_path / "my-folded" / "README.md").read_text()
    assert "next term of folded recurrences of order 1 in R^8: c ~ U(-1.5, 1.5), 14 terms" in card.replace("\n", " ")
    status, out = run(checkout, f"{VERIFY} --no-log --no-controls --verdicts verdicts.json", tmp_path)
    assert status == 1, out
    assert "model.predicts-next-term" in out
    verdicts = (tmp_path / "verdicts.json").read_text()
    assert "speaks of affine recurrences, but the model was trained on folded ones" in verdicts
    assert re.search(r"a_\(j\+1\) = -?[\d.]+ \|a_j\| \+ d", verdicts)


def test_its_own_refusal_is_one_sentence(checkout, tmp_path):
    status, out = run(checkout, f"{TRAIN} {SMALL} --c -4 4", tmp_path)
    assert status == 2
    assert out.strip() == "recint: c=(-4.0, 4.0) must lie in -3 to 3: folded sequences of larger c are one long jump"
    assert not (tmp_path / "my-folded").exists()
