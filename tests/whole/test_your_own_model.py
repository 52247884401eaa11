"""docs/your-own-model.md: what it shows is what `recint init` writes, and its commands do what it says."""

import re
import shlex
from pathlib import Path

import pytest

from recint import cli
from recint.cli.init import STARTERS

from ..commands import found

PAGE = (Path(__file__).parents[2] / "docs" / "your-own-model.md").read_text()
SUBJECT, CLAIM, CHECKPOINT, TRAINING = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
INIT, VERIFY, AGAINST = re.findall(r"^    recint (.+)$", PAGE, re.MULTILINE)


def test_the_page_shows_what_is_written():
    assert (STARTERS / "tokens" / "subject.py").read_text() == SUBJECT
    assert (STARTERS / "tokens" / "layer_0.py").read_text() == CLAIM


def test_its_commands_judge_a_gpt_2(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(shlex.split(INIT)) == 0
    exec(CHECKPOINT, {})
    assert cli.main([*shlex.split(VERIFY), "--draws", "200", "--verdicts", "v.json"]) == 1
    verdict, claim, value, where = re.search(
        r"^    ✗ (\w+) +(\S+) +(\S+) >= 0.5 +broken at (.+)$", PAGE, re.MULTILINE
    ).groups()
    assert found(tmp_path / "v.json") == {claim: verdict}
    told = re.search(rf"{claim} +(\S+) >= 0.5 +broken at (.+)", capsys.readouterr().out)
    assert float(told[1]) == pytest.approx(float(value), abs=0.02)
    assert told[2] == where
    exec(TRAINING, {})
    capsys.readouterr()
    assert cli.main([*shlex.split(AGAINST), "--draws", "200"]) == 1
    assert "  l0.looks-back: " in capsys.readouterr().out


def test_every_bridge_that_boot_transformers_makes_is_a_model(tmp_path):
    """The subject of the page is such a bridge. Its weights are those of the model of transformers, to the bit."""
    import torch

    from recint.bridged import Bridged, Checkpoint
    from recint.catalogue import module

    assert cli.main(["init", str(tmp_path / "mine"), "--subject", "tokens"]) == 0
    subject = module(tmp_path / "mine" / "subject.py")
    config = subject.Config()
    bridge = subject.build(config)
    model = Bridged(Checkpoint(subject.NAME, "made", config, bridge.state_dict()), subject.build)
    inputs = subject.Tokens(batch=3, length=9).sample(config).inputs
    with torch.no_grad():
        assert torch.allclose(model.run(inputs).logits, bridge.eval()(inputs), atol=1e-6)
    assert model.intact(subject.Tokens(batch=3))["blocks.1.attn.hook_pattern"].shape == (3, 2, 16, 16)
