"""The page for contributors: its examples run, one after the other, and what it names is there."""

import argparse
import doctest
import re
from pathlib import Path

import pytest
from jinja2 import ChoiceLoader, DictLoader

from recint.calibration.mutants import mutate
from recint.checkpoint import ModelConfig, load
from recint.domain import Domain
from recint.model import Model
from recint.pages import templating

from ..conftest import AFFINE_A

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
# Place in the repository -> the code that is to stand there.
CODE = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
(TEMPLATE,) = re.findall(r"```html\n(.*?)```", PAGE, re.DOTALL)
CHECKPOINT = load(AFFINE_A)


@pytest.fixture(scope="module")
def found():
    """The names that the examples define, in the order of the page: later ones use earlier ones."""
    names = {}
    for code in CODE.values():
        exec(code, names)
    return names


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


def test_the_claim_holds_of_a_checkpoint_and_its_control_kills_it(found):
    prop = found["test_layer_0_looks_at_few_keys"].recint_property
    at = Domain().reference(ModelConfig(), batch=20, seed=0)
    mutant = found["LOOKS_EVERYWHERE"]
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
