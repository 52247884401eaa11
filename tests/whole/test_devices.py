"""Where there is a GPU, it gives the values and the verdicts that the CPU gives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch

from recint.catalogue import properties
from recint.checkpoint import load
from recint.cli import main
from recint.judging.draws import Drawn, draw
from recint.model import Model
from recint.record.verdict_file import read
from recint.shipped import CHECKPOINTS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

REFERENCE = CHECKPOINTS / "affine3-seed0"
# The two devices add in another order. On average over the recurrences, a value may move by this share of the standard deviation
# of the values. An estimate from 10,000 recurrences is as uncertain as that.
SHARE = 0.01


class Both(NamedTuple):
    """What was measured on each device."""

    cpu: dict[str, object]
    cuda: dict[str, object]


@pytest.fixture(scope="module")
def drawn() -> Both:
    checkpoint, props = load(REFERENCE), properties()
    return Both(*(draw(props, Model(checkpoint, device=device), seed=0, draws=100) for device in ("cpu", "cuda")))


@pytest.mark.parametrize("name", [prop.claim.id for prop in properties()])
def test_the_values_of_a_claim(drawn, name):
    cpu, cuda = drawn.cpu[name], drawn.cuda[name]
    assert type(cpu) is type(cuda), cuda
    if not isinstance(cpu, Drawn):
        assert cuda is None, cuda
        return
    assert cuda.contrasts.keys() == cpu.contrasts.keys()
    pairs = [(cpu.values, cuda.values), *((cpu.contrasts[key], cuda.contrasts[key]) for key in cpu.contrasts)]
    for before, after in pairs:
        moved = np.abs(after - before).mean()
        assert moved <= SHARE * before.std() + 1e-6 * np.abs(before).mean(), f"{moved:.3g} of {before.std():.3g}"


def test_claims_about_weights():
    checkpoint = load(REFERENCE)
    cpu, cuda = (Model(checkpoint, device=device) for device in ("cpu", "cuda"))
    for prop in properties():
        if prop.claim.quantifier == "weights":
            before, after = prop.measure(cpu), prop.measure(cuda)
            assert after.value == pytest.approx(before.value, rel=1e-3), prop.claim.id
            for name, value in before.contrasts.items():
                assert after.contrasts[name] == pytest.approx(value, rel=1e-3), f"{prop.claim.id}: {name}"


@pytest.mark.slow
def test_the_verdicts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    verdicts = {}
    for device in ("cpu", "cuda"):
        file = tmp_path / f"{device}.json"
        assert main(
            ["verify", str(REFERENCE), "--device", device, "--draws", "200", "--no-log", "--verdicts", str(file)]
        ) in (0, 1)
        verdicts[device] = {entry.id: entry.verdict for entry in read(file).claims}
    assert verdicts["cuda"] == verdicts["cpu"]
