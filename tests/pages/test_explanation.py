"""What a verdict rests on, in lines: each part is told if it is there, and left out if it is not."""

from dataclasses import replace

import numpy as np

from recint.judging.entry import Counterexample, Estimate, Measurement, SearchSummary, UntrainedAnswer
from recint.judging.values import DrawnValues
from recint.pages.explanation import explained

from ..entries import entry, run


def lines(of, values=None):
    return list(explained(of, run(of), values))


def test_an_estimate_is_told_with_tests_contrasts_search_and_controls():
    of = entry(
        "a.a",
        quantifier="everywhere",
        message="because",
        estimate=Estimate(ci=(0.9, None), n=200, p=0.01, p_against=0.99, p_holm=0.02),
        contrast={"other": Measurement(statistic="that", relation="<=", threshold=2.0, value=1.5)},
        search=SearchSummary(examples=60, conditions=57),
        untrained=UntrainedAnswer(passed=1, of=20),
    )
    assert lines(of, DrawnValues(np.arange(21.0))) == [
        "a.a, version 1: supported",
        "  a.a is claimed.",
        "  why: because",
        "  it: 1 [0.9, unbounded], should be ≥\u00a00.5",
        "  200 recurrences (seed 0), looked at once",
        '  p of "it does not hold" = 0.01; 0.02 over all 1 claims, at most 0.05 supports; p of "it holds" = 0.99',
        "  contrast, other: 1.5, should be ≤\u00a02",
        "  search: 57 conditions tried",
        "  1 of 20 untrained models pass",
        "  values of single recurrences (0%, 5%, 50%, 95%, 100% of them lie below):",
        "    0, 1, 10, 19, 20",
    ]


def test_every_counterexample_is_told():
    one, other = (Counterexample(value=value, where=f"c = {value}") for value in (0.1, -0.2))
    search = SearchSummary(conditions=57, counterexample=one, further=(other,))
    told = "  search: 57 conditions tried; fails at c = 0.1: 0.1; fails at c = -0.2: -0.2"
    assert told in lines(entry("a.a", "refuted", quantifier="everywhere", search=search))


def test_a_claim_about_weights_has_its_value_alone():
    assert lines(entry("a.a", ci=None)) == [
        "a.a, version 1: supported",
        "  a.a is claimed.",
        "  it: 1, should be ≥\u00a00.5",
    ]


def test_heads_have_a_line_each():
    spread = lines(entry("a.a"), DrawnValues(np.ones((5, 2))))[-2:]
    assert spread == ["    0: 1, 1, 1, 1, 1", "    1: 1, 1, 1, 1, 1"]


def test_what_follows_from_the_values_stands_beside_what_the_file_says():
    said = entry("a.a", estimate=Estimate(ci=(0.9, 1.1), n=100, p=0.01, p_against=0.5))
    follows = entry("a.a", "refuted", 0.25, estimate=Estimate(ci=(0.2, 0.3), n=100, p=0.75, p_against=0.001))
    told = list(explained(said, run(said), DrawnValues(np.ones(100)), follows))
    derived = [" ".join(line.split()) for line in told[told.index("  derived again:") + 1 :]]
    assert derived == [
        "the file says the values give",
        "verdict supported refuted",
        "statistic 1 [0.9, 1.1] 0.25 [0.2, 0.3]",
        'p of "it does not hold" 0.01 0.75',
        'p of "it holds" 0.5 0.001',
    ]


def test_a_refutation_does_not_name_the_claim_again():
    of = entry("a.a", "refuted", 0.2, ci=None)
    assert "  why: it = 0.2, but should be >= 0.5 [weights]" in lines(replace(of, message=f"a.a: {of.refutation}"))
