"""Figures of weights: the same numbers give the same bytes, and everything is labelled. `test_figures.py` asks all figures more."""

import re

import numpy as np
import pytest

from recint.pages import weight_figures

SCORES = np.full((4, 4), np.nan)
SCORES[:2, 2:] = 0.2
NOISE = np.random.default_rng(0).standard_normal((5, 6, 6))
WEIGHTS = {
    "eigenvalue_scores": (
        lambda: weight_figures.eigenvalue_scores(
            "Scores", scores=np.full((2, 3), -0.7), threshold=-0.5, relation="<=", who="every head", highlight_layer=1
        ),
        ["−0.70|-0.70", "layer", "eigenvalue score", "every head should be &lt;= -0.5"],
    ),
    "ranks": (
        lambda: weight_figures.ranks(
            "Ranks",
            ranks=np.array([[3, 4], [2, 5]]),
            spectra=np.linspace(0.1, 1, 40).reshape(2, 2, 10),
            energy=0.95,
        ),
        ["effective rank", "layer 1: mean 3.5", "energy held", "95% of the energy"],
    ),
    "composition": (
        lambda: weight_figures.composition("K", scores=SCORES, chance=0.1, n_heads=2),
        ["layer 1", "minus chance", "head that reads"],
    ),
    "matrices": (
        lambda: weight_figures.matrices("T", matrices=NOISE, layer=1, label="entry"),
        ["layer 1, head 4", "dimension read, 0 to 5", "dimension written, 0 to 5 in each tile", "entry"],
    ),
}


def test_matrices_are_labelled_and_reproducible():
    draw, labels = WEIGHTS["matrices"]
    svg = draw()
    assert draw() == svg
    text = re.findall(r"<text[^>]*>([^<]*)<", svg)
    assert set(labels) <= set(text), text


@pytest.mark.parametrize("heads", [3, 4, 9])
def test_every_head_has_a_tile(heads):
    svg = weight_figures.matrices("T", matrices=np.ones((heads, 6, 6)), layer=0, label="entry")
    assert len(re.findall(r"layer 0, head \d", svg)) == heads
