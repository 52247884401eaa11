"""Figures: the same numbers give the same bytes, everything is labelled, and many can share a page."""

import os
import re
import subprocess
import sys
from html import unescape

import matplotlib
import numpy as np
import pytest

from recint.pages import figures

from ..replication.test_figures import FILTERS
from .test_weight_figures import WEIGHTS

RNG = np.random.default_rng(0)
FIGURES = {
    "against": (
        lambda: figures.against(
            "It fails at c = -1",
            x=[-1, 0, 1],
            value=[2, 3, 4],
            low=[1, 2, 3],
            high=[3, 4, 5],
            threshold=2.5,
            relation=">=",
            xlabel="coefficient c",
            ylabel="a statistic",
            searched=[(-1, 2.0), (0.5, 3.0)],
            counterexample=(-1, 2.0),
        ),
        ["coefficient c", "a statistic", "threshold: should be &gt;= 2.5", "counterexample", "95 % interval"],
    ),
    "attention": (
        lambda: figures.attention("Heads", pattern=RNG.random((3, 5, 5)), layer=1),
        ["query", "key", "attention", "head 2"],
    ),
    "head_statistics": (
        lambda: figures.head_statistics(
            "Heads",
            names=["head 0", "head 1"],
            value=[3.0, 40.0],
            low=[2.0, 30.0],
            high=[4.0, 50.0],
            threshold=2.0,
            relation=">=",
            xlabel="MSE without it / MSE",
        ),
        ["head 1", "40", "threshold: should be &gt;= 2", "95 % interval", "MSE without it / MSE"],
    ),
    "attribution": (
        lambda: figures.attribution("Work", table=RNG.normal(size=(3, 4)), names=["a", "b", "c"], first=2),
        ["position i", r"attribution", "to the next term", "mean over positions"],
    ),
    "prediction": (
        lambda: figures.prediction("Off", actual=np.ones((6, 4)), predicted=np.zeros((6, 4)), first=2),
        ["context, not scored", "predicted", "position"],
    ),
    "losses": (
        lambda: figures.losses("Falls", steps=[1, 2], loss=[1, 0.1], validation_steps=[2], validation=[0.1]),
        ["training step", "mean squared error", "validation MSE"],
    ),
    **WEIGHTS,
    **FILTERS,
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_labelled_and_reproducible(name):
    draw, labels = FIGURES[name]
    state = RNG.bit_generator.state
    svg = draw()
    RNG.bit_generator.state = state
    assert draw() == svg
    assert svg.startswith('<svg role="img" aria-label="')
    assert len(svg) < 120_000
    text = " ".join(re.findall(r"<text[^>]*>([^<]*)<", svg))
    for label in labels:
        assert re.search(label.replace("(", r"\(") if "|" not in label else label, text), (label, text)


LITERAL = r"costs $\foo$ and $1$"


def test_what_a_researcher_writes_is_no_formula():
    """A statistic, a part's name or a title may hold dollar signs; only the powers of ten on a log axis are formulas."""
    numbers = {"x": [0.1, 1], "value": [1e-3, 1], "low": [1e-4, 0.5], "high": [1e-2, 2]}
    relation = {"threshold": 0.1, "relation": "<="}
    curve = figures.against(LITERAL, **numbers, **relation, xlabel="c", ylabel=LITERAL, log=True)
    heads = figures.head_statistics(
        LITERAL, names=[LITERAL, "b"], value=[1, 100], low=[1, 50], high=[2, 200], **relation, xlabel=LITERAL
    )
    for svg, times in ((curve, 2), (heads, 3)):
        shown = unescape(" ".join(re.findall(r"<text[^>]*>([^<]*)<", svg)))
        assert shown.count(r"$\foo$") == times
        assert "mathdefault" not in shown


def test_what_the_reader_has_set_for_matplotlib_changes_nothing():
    before = {name: draw() for name, (draw, _) in FIGURES.items() if name not in ("attention", "attribution")}
    with matplotlib.rc_context(
        {"text.usetex": True, "font.size": 30, "lines.linewidth": 9, "savefig.transparent": True}
    ):
        assert {name: FIGURES[name][0]() for name in before} == before
        assert matplotlib.rcParams["font.size"] == 30
    assert matplotlib.rcParams["font.size"] != 30


@pytest.mark.parametrize(
    "module", ["pages.figures", "pages.sweep_figures", "pages.weight_figures", "replication.figures"]
)
def test_no_backend_is_needed(module):
    """A notebook tells its commands to draw in it, which they cannot; one that can be used stays the user's."""
    for named, used in (("module://not_installed.backend", None), ("nonsense", None), ("svg", "svg")):
        code = (
            f"import os, recint.{module}, matplotlib; print(os.environ['MPLBACKEND'], matplotlib.rcParams['backend'])"
        )
        environment = os.environ | {"MPLBACKEND": named}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        kept, backend = done.stdout.split()
        assert kept == named
        assert used in (None, backend)


def test_ids_are_unique_on_a_page():
    page = "".join(draw() for draw, _ in FIGURES.values())
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


NOISE = np.random.default_rng(0).standard_normal((5, 6, 6))


@pytest.mark.parametrize(
    ("draw", "labels"),
    [
        (
            lambda: figures.score_table("T", scores=NOISE[0], row="layer", column="position", label="score", first=7),
            ["layer", "position", "score", "7", "12"],
        ),
    ],
    ids=["score_table"],
)
def test_figures_are_labelled_and_reproducible(draw, labels):
    svg = draw()
    assert draw() == svg
    text = re.findall(r"<text[^>]*>([^<]*)<", svg)
    assert set(labels) <= set(text), text
