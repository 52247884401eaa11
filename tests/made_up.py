"""Made-up claims, and a stand-in for a model whose truth is known."""

from types import SimpleNamespace

import torch
from hypothesis import given

from recint.checkpoint import ModelConfig
from recint.claim import Claim, Contrast
from recint.model.judgeable import Judgeable
from recint.strategies import conditions, recurrences


class StandIn(Judgeable):
    """A model whose statistic at a recurrence is truth(c) plus noise; the properties below read it off directly."""

    config, checkpoint = ModelConfig(d_vocab=3), SimpleNamespace(told=None, path="model.pth")

    def __init__(self, truth, noise):
        self.truth, self.noise = truth, noise


def model(truth, noise=0.0):
    return StandIn(truth, noise)


def claim(**changes):
    fields = {
        "id": "test.claim",
        "statement": "The statistic is at most 1.",
        "quantifier": "everywhere",
        "statistic": "statistic",
        "relation": "<=",
        "threshold": 1.0,
        "source": "made up",
    }
    return Claim(**(fields | changes))


WORSE = Contrast(name="worse", statistic="cost", relation=">=", threshold=1.5, reduction="ratio of means")


def prop(made):
    strategy = recurrences if made.quantifier == "pointwise" else conditions

    def values(model, at):
        drawn = at.sample(model.config)
        noise = (drawn.terms[:, 0, 0] * 1e4).frac() * model.noise
        return model.truth(drawn.coefficients[:, 0].double()) + noise

    @made(figure=lambda model, evidence: "<svg/>")
    @given(at=strategy(made.domain))
    def test(model, at):
        made.check(values(model, at), at)

    return test.recint_property


def constant(value):
    return lambda c: torch.full_like(c, value)


# What makes a claim: its id, the value of its statistic about the weights, held to be at least 0.5, and what is done before that.
CLAIM = """
C = Claim(id="{id}", statement="It is large.", quantifier="weights", statistic="n", relation=">=", threshold=0.5, source="s")
@C(figure=lambda model, evidence: {figure})
def {name}(model):
    {before}
    C.check({value})
"""
HEAD = "import os, shutil, signal\nfrom pathlib import Path\nfrom recint.claim import Claim\n"


def claims(folder, *made):
    """A folder with a module of claims, each given as (id, value) or with more of what `CLAIM` has blanks for."""
    folder.mkdir(parents=True, exist_ok=True)
    blanks = {"figure": "'<svg/>'", "before": "pass", "value": 1.0}
    text = [CLAIM.format(**blanks | {"name": f"test_{number}"} | one) for number, one in enumerate(made)]
    (folder / "module.py").write_text(HEAD + "".join(text))
    return folder
