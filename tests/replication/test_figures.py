"""Figures of filters, of what sets them, and of verdicts on accounts. `test_figures.py` asks all figures more."""

import re

import numpy as np
import pytest

from recint.replication import figures
from recint.verdict import SYMBOLS, words

C = (-1.0, 0.0, 1.0)
BARS = {
    "patterns": {"same": (19.0, 10.0, 39.0), "opposite": (0.5, 0.4, 0.7)},
    "scales": {"same": (200.0, -np.inf, np.inf)},
    "embedding": {"hidden": (1.5, 1.2, 1.9)},
}
FILTERS = {
    "errors_against_c": (
        lambda: figures.errors_against_c("T", c=[-3, 0, 3], mse=[1, 2, 3], spread=np.ones((2, 3)), trained=(-2, 2)),
        ["coefficient c", "mean squared error", "trained range", "95 % of single recurrences"],
    ),
    "filters": (
        lambda: figures.filters("Weights", c=C, weights={3: np.eye(3, 4), 1: -np.ones((3, 2))}),
        ["prediction at position 3", "prediction at position 1", "term k", "coefficient c", "mean weight of the term"],
    ),
    "weights_against_c_squared": (
        lambda: figures.weights_against_c_squared("R^2", c=C, weights=np.ones((3, 2)), large=(1, 2)),
        [r"c\^2", "weight of the term before the last", "c > 0|c &gt; 0", "c < 0|c &lt; 0", "1 &lt;= |c|"],
    ),
    "mean_attention": (
        lambda: figures.mean_attention("Alike", patterns=np.ones((3, 2, 5, 5)) / 5, columns="ABC"),
        ["layer 1", "query", "key", "attention, mean over heads", "A", "B", "C"],
    ),
    "costs": (
        lambda: figures.costs("Costs", bars=BARS, xlabel="MSE / MSE"),
        ["patterns", "embedding", "MSE / MSE", "hidden", "opposite", "the intact model", "twice the MSE", "19", "0.5"],
    ),
    "verdict_grid": (
        lambda: figures.verdict_grid(
            "Verdicts",
            accounts={"this account": ("a.one", "a.two"), "rivals": ("b.one",)},
            networks=["affine3-seed0", "other"],
            verdicts={"affine3-seed0": {"a.one": "supported", "b.one": "refuted"}, "other": {"a.two": "vacuous"}},
        ),
        ["this account", "rivals", "a.two", "affine3-", "seed0", "other", "✓ supported", "✗ refuted", "∅ vacuous"],
    ),
}


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]*)<", svg)


def test_a_claim_without_a_verdict_is_not_judged():
    draw, _ = FILTERS["verdict_grid"]
    assert texts(draw()).count("not judged") == 3


@pytest.mark.parametrize("verdict", SYMBOLS)
def test_every_verdict_has_its_symbol_and_its_words(verdict):
    svg = figures.verdict_grid("T", accounts={"x": ("a",)}, networks=["n"], verdicts={"n": {"a": verdict}})
    assert f"{SYMBOLS[verdict]} {words(verdict)}" in " ".join(texts(svg))


def test_a_group_of_bars_has_a_number_for_each_bar_and_the_legend_names_a_series_once():
    shown = texts(FILTERS["costs"][0]())
    assert {"19", "0.5", "200", "1.5"} <= set(shown)
    assert shown.count("same") == 1


def test_negative_and_positive_c_have_different_marks():
    """Markers are shapes in <defs> that the marks refer to, so that there is one for each sign."""
    svg = FILTERS["weights_against_c_squared"][0]()
    assert len(set(re.findall(r'<use [^>]*href="#([^"]+)"', svg))) >= 2


@pytest.mark.parametrize("layers", [1, 4])
def test_attention_has_a_row_for_each_layer(layers):
    svg = figures.mean_attention("T", patterns=np.ones((2, layers, 5, 5)), columns="AB")
    assert [text for text in texts(svg) if text.startswith("layer ")] == [f"layer {layer}" for layer in range(layers)]


def test_filters_that_are_zero_are_drawn():
    assert "<svg" in figures.filters("T", c=C, weights={1: np.zeros((3, 2))})
