"""What stands below the evidence never breaks a report."""

from types import SimpleNamespace

import torch

from recint import appendix
from recint.catalogue import SHIPPED
from recint.checkpoint import ModelConfig, TaskConfig
from recint.task import Task

NOISY = TaskConfig(task=Task(noise=0.1))


def run(model, claims=SHIPPED, config=NOISY):
    made = SimpleNamespace(NAME="made up", model=model)
    return SimpleNamespace(
        claims=claims, subject=made, checkpoint=SimpleNamespace(config=config), device=torch.device("cpu"), seed=None
    )


def test_what_cannot_be_computed_is_a_note():
    def broken(checkpoint, device):
        raise RuntimeError("no such model")

    said = appendix.of(run(broken), replicated=True)
    assert "The error of the best reader could not be computed: no such model" in said
    assert "The notebook&#39;s numbers could not be measured again: no such model" in said


def test_without_noise_no_model_is_built():
    assert appendix.of(run(None, config=ModelConfig()), replicated=False) == ""


def test_another_subject_has_no_appendix(tmp_path):
    (tmp_path / "subject.py").write_text("")
    assert appendix.of(run(None, claims=tmp_path), replicated=False) == ""
