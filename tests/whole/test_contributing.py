"""The page for contributors: its examples run, one after the other, and what it names is there."""

import argparse
import doctest
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jinja2 import ChoiceLoader, DictLoader

from recint.calibration import mutants
from recint.calibration.mutants import Mutant, mutate
from recint.checkpoint import ModelConfig, load
from recint.domain import Domain
from recint.model import Model
from recint.pages import templating
from recint.statistics import attention

from ..conftest import AFFINE_A

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
# Place in the repository -> the code that is to stand there.
CODE = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
(TEMPLATE,) = re.findall(r"```html\n(.*?)```", PAGE, re.DOTALL)
CHECKPOINT = load(AFFINE_A)


class Blocks(NamedTuple):
    """What the blocks of code define, each in the module in which it is to stand."""

    names: dict[str, Any]
    mutant: Mutant


@pytest.fixture(scope="module")
def blocks():
    names, mutant = {}, None
    with pytest.MonkeyPatch.context() as patch:
        for place, code in CODE.items():
            if "mutants" in place:
                mutant = eval(code, dict(vars(mutants)))  # an entry of a tuple, which needs what the module imports
                continue
            own = {}  # so that a block that lacks an import fails
            exec(code, own)
            names |= own
            if "attention_entropy" in own and place.startswith("recint/"):
                patch.setattr(attention, "attention_entropy", own["attention_entropy"], raising=False)
        yield Blocks(names, mutant)


@pytest.fixture
def found(blocks):
    """The names that the examples define."""
    return blocks.names


def test_every_block_of_code_says_where_it_stands():
    assert len(CODE) == PAGE.count("```python")


def test_what_is_linked_or_named_as_a_target_is_there():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make (\w+)", PAGE):
        assert f"\n{target}:" in makefile, target
    for path in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / path).exists(), path


def test_the_statistic_is_what_its_test_says(found):
    found["test_entropy_is_that_of_a_loop"]()
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder().find(found["attention_entropy"], "entropy", module=False, globs=found):
        runner.run(example)
    assert (runner.tries, runner.failures) == (1, 0)


def test_the_claim_holds_of_a_checkpoint_and_its_control_kills_it(found, blocks):
    prop = found["test_layer_0_looks_at_few_keys"].recint_property
    at = Domain().reference(ModelConfig(), batch=20, seed=0)
    mutant = blocks.mutant
    intact, broken = (
        prop.measure(Model(checkpoint), at).value for checkpoint in (CHECKPOINT, mutate(CHECKPOINT, mutant))
    )
    assert prop.claim.holds(intact)
    assert not prop.claim.holds(broken)
    assert mutant.killed_by == (prop.claim.id,)
    assert prop.claim.amended(id="l0.looks-at-few@2", because="...", threshold=2.0).version == 2


def test_the_command_runs(found, capsys):
    parser = argparse.ArgumentParser()
    found["declare"](parser)
    assert found["run"](parser.parse_args([str(AFFINE_A)])) == 0
    assert capsys.readouterr().out == "3 layers of 8 heads\n"


def test_the_page_is_rendered_and_escapes(found, monkeypatch):
    environment = templating._templates()
    monkeypatch.setattr(environment, "loader", ChoiceLoader([DictLoader({"shape.html": TEMPLATE}), environment.loader]))
    page = found["html"]("<b>", layers=3, heads=8)
    assert "<h1>&lt;b&gt;</h1>" in page
    assert "3 layers of 8 heads" in page
